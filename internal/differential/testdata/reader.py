"""Reads protobuf with Google's Python package, whose core is upb. See ../doc.go."""

import base64
import json
import struct
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor as F
from google.protobuf.internal import api_implementation

pool = None


def bits(number):
    if number != number:
        return "nan"
    return struct.pack(">d", number).hex()


def one(field, value):
    """Returns the common form of a value, None for zero."""
    if field.message_type is not None:
        return message(value)
    if field.type == F.TYPE_STRING:
        return value or None
    if field.type == F.TYPE_BYTES:
        return value.hex() or None
    if field.type == F.TYPE_BOOL:
        return "true" if value else None
    if field.type in (F.TYPE_FLOAT, F.TYPE_DOUBLE):
        return bits(value) if value != 0 else None
    return str(value) if value != 0 else None


def zero(field):
    if field.type in (F.TYPE_STRING, F.TYPE_BYTES):
        return ""
    if field.type == F.TYPE_BOOL:
        return "false"
    if field.type in (F.TYPE_FLOAT, F.TYPE_DOUBLE):
        return bits(0.0)
    return "0"


def element(field, value):
    form = one(field, value)
    return zero(field) if form is None else form


def message(m):
    out = {}
    for field, value in m.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            of = field.message_type.fields_by_name["value"]
            form = {str(key): element(of, value[key]) for key in value}
        elif field.is_repeated:
            form = [element(field, v) for v in value]
        else:
            form = one(field, value)
        if form is not None:
            out[str(field.number)] = form
    if m.DESCRIPTOR.full_name == "google.protobuf.Any" and "1" in out:
        try:
            inner = pool.FindMessageTypeByName(m.type_url.rsplit("/", 1)[-1])
        except KeyError:
            return out
        out["2"] = message(message_factory.GetMessageClass(inner).FromString(m.value))
    return out


def answer(request):
    global pool
    if "set" in request:
        pool = descriptor_pool.DescriptorPool()
        files = descriptor_pb2.FileDescriptorSet.FromString(base64.b64decode(request["set"]))
        for file in files.file:
            pool.Add(file)
        return {}
    desc = pool.FindMessageTypeByName(request["type"])
    m = message_factory.GetMessageClass(desc).FromString(base64.b64decode(request["wire"]))
    return {"message": message(m)}


if api_implementation.Type() != "upb":
    sys.exit("the implementation is " + api_implementation.Type() + ", not upb")
for line in sys.stdin:
    try:
        out = answer(json.loads(line))
    except Exception as error:  # whatever it is, it is the answer
        out = {"error": repr(error)}
    print(json.dumps(out), flush=True)
