package protojson

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/protofile"
)

// maxRequest bounds one request of the runner, in bytes; the largest is some KB.
const maxRequest = 16 << 20

// testee responds to the runner's requests, as conformance.proto specifies.
type testee struct {
	set   *descset.Set
	codec *message.Codec
}

// newTestee reads the suite's .proto files from dir, like jwtctl reads a user's.
func newTestee(dir string) (*testee, error) {
	set, err := protofile.Load(context.Background(), protofile.Sources{Protos: []string{dir}})
	if err != nil {
		return nil, err
	}
	return &testee{set, message.New(set.Types(), message.Limits{})}, nil
}

// serve responds until in ends. Each message has its length in front, as a 32-bit
// little-endian number.
func (t *testee) serve(in io.Reader, out io.Writer) error {
	for in := bufio.NewReader(in); ; {
		var size uint32
		if err := binary.Read(in, binary.LittleEndian, &size); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if size > maxRequest {
			return fmt.Errorf("a request of %d bytes", size)
		}
		wire := make([]byte, size)
		if _, err := io.ReadFull(in, wire); err != nil {
			return err
		}
		answer, err := t.answer(wire)
		if err != nil {
			return err
		}
		if _, err := out.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(answer))), answer...)); err != nil {
			return err
		}
	}
}

// answer returns the ConformanceResponse to one ConformanceRequest.
func (t *testee) answer(wire []byte) ([]byte, error) {
	request := dynamicpb.NewMessage(t.set.Message("conformance.ConformanceRequest"))
	if err := proto.Unmarshal(wire, request); err != nil {
		return nil, err
	}
	field, value := t.result(request)
	response := dynamicpb.NewMessage(t.set.Message("conformance.ConformanceResponse"))
	response.Set(response.Descriptor().Fields().ByName(field), value)
	return proto.Marshal(response)
}

// result returns the one field of the response that is set.
func (t *testee) result(request protoreflect.Message) (protoreflect.Name, protoreflect.Value) {
	fields := request.Descriptor().Fields()
	get := func(name protoreflect.Name) protoreflect.Value { return request.Get(fields.ByName(name)) }
	if get("message_type").String() == "conformance.FailureSet" { // known failures, listed in exceptions.txt
		return "protobuf_payload", protoreflect.ValueOfBytes(nil)
	}
	if !request.Has(fields.ByName("json_payload")) {
		return "skipped", protoreflect.ValueOfString("only JSON is read")
	}
	of, err := t.set.Types().FindMessageByName(protoreflect.FullName(get("message_type").String()))
	if err != nil {
		return "runtime_error", protoreflect.ValueOfString(err.Error())
	}
	m, err := t.codec.Read([]byte(get("json_payload").String()), of.Descriptor())
	if err != nil {
		return "parse_error", protoreflect.ValueOfString(err.Error())
	}
	switch enumName(fields.ByName("requested_output_format"), get("requested_output_format")) {
	case "PROTOBUF":
		wire, err := proto.Marshal(m)
		if err != nil {
			return "serialize_error", protoreflect.ValueOfString(err.Error())
		}
		return "protobuf_payload", protoreflect.ValueOfBytes(wire)
	case "JSON":
		text, err := t.codec.Write(m, message.Form{})
		if err != nil {
			return "serialize_error", protoreflect.ValueOfString(err.Error())
		}
		return "json_payload", protoreflect.ValueOfString(string(text))
	}
	return "skipped", protoreflect.ValueOfString("only protobuf and JSON are written")
}

func enumName(fd protoreflect.FieldDescriptor, v protoreflect.Value) protoreflect.Name {
	if of := fd.Enum().Values().ByNumber(v.Enum()); of != nil {
		return of.Name()
	}
	return ""
}

// runTestee is the whole program that the runner starts.
func runTestee(dir string) int {
	t, err := newTestee(dir)
	if err == nil {
		err = t.serve(os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testee:", err)
		return 1
	}
	return 0
}
