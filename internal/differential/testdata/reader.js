// Reads protobuf with protobufjs, as @grpc/proto-loader does. See ../doc.go.
'use strict';
const protobuf = require('protobufjs');
const readline = require('readline');

let root;

const double = new DataView(new ArrayBuffer(8));

function bits(number) {
  if (Number.isNaN(number)) return 'nan';
  double.setFloat64(0, number);
  return double.getBigUint64(0).toString(16).padStart(16, '0');
}

// one returns the common form of a value; undefined for zero.
function one(field, type, value) {
  if (field.resolvedType instanceof protobuf.Type) return message(field.resolvedType, value);
  if (field.resolvedType instanceof protobuf.Enum) return value === 0 ? undefined : String(value);
  switch (type) {
    case 'string': return value === '' ? undefined : value;
    case 'bytes': return value.length === 0 ? undefined : Buffer.from(value).toString('hex');
    case 'bool': return value ? 'true' : undefined;
    case 'float': case 'double': return value === 0 ? undefined : bits(value);
  }
  const text = value.toString();
  return text === '0' ? undefined : text;
}

const zero = (type) => ({string: '', bytes: '', bool: 'false', float: bits(0), double: bits(0)}[type] ?? '0');

function message(type, m) {
  const out = {};
  for (const field of type.fieldsArray) {
    field.resolve();
    if (!Object.prototype.hasOwnProperty.call(m, field.name)) continue;
    const value = m[field.name];
    if (value === null || value === undefined) continue;
    let form;
    if (field.map) {
      form = {};
      for (const key of Object.keys(value)) form[key] = one(field, field.type, value[key]) ?? zero(field.type);
      if (Object.keys(form).length === 0) form = undefined;
    } else if (field.repeated) {
      form = value.map((v) => one(field, field.type, v) ?? zero(field.type));
      if (form.length === 0) form = undefined;
    } else {
      form = one(field, field.type, value);
    }
    if (form !== undefined) out[field.id] = form;
  }
  if (type.fullName === '.google.protobuf.Any' && out[1] !== undefined) any(out, m);
  return out;
}

function any(out, m) {
  const name = m.type_url.slice(m.type_url.lastIndexOf('/') + 1);
  let inner;
  try {
    inner = root.lookupType(name);
  } catch {
    return;
  }
  out[2] = message(inner, inner.decode(m.value ?? Buffer.alloc(0)));
}

function answer(request) {
  if (request.source !== undefined) {
    root = new protobuf.Root();
    for (const name of ['any', 'timestamp', 'wrappers']) root.addJSON(protobuf.common.get(`google/protobuf/${name}.proto`).nested);
    protobuf.parse(request.source, root, {keepCase: true});
    root.resolveAll();
    return {};
  }
  const type = root.lookupType(request.type);
  return {message: message(type, type.decode(Buffer.from(request.wire, 'base64')))};
}

readline.createInterface({input: process.stdin}).on('line', (line) => {
  let out;
  try {
    out = answer(JSON.parse(line));
  } catch (error) {
    out = {error: String(error)};
  }
  process.stdout.write(JSON.stringify(out) + '\n');
});
