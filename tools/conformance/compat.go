package main

import (
	"context"
	"encoding/binary"
	"io"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

const compatPackage = "connectrpc.conformance.v1."

// compat are the messages that connectconformance exchanges with the programs it
// starts. They are read from its .proto files: its Go types are internal.
type compat struct{ files linker.Files }

// readCompat reads the .proto files below root.
func readCompat(ctx context.Context, root string) (compat, error) {
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{root}})}
	var paths []string
	for _, name := range []string{"service", "client_compat", "server_compat"} {
		paths = append(paths, "connectrpc/conformance/v1/"+name+".proto")
	}
	files, err := c.Compile(ctx, paths...)
	return compat{files}, err
}

// message returns an empty message of the type of that short name.
func (c compat) message(name string) message {
	d, err := c.files.AsResolver().FindDescriptorByName(protoreflect.FullName(compatPackage + name))
	if err != nil {
		panic("the suite has no message " + name) // it is pinned
	}
	return message{dynamicpb.NewMessage(d.(protoreflect.MessageDescriptor))}
}

// message is one of compat, with fields by their names.
type message struct{ *dynamicpb.Message }

func (m message) field(name string) protoreflect.FieldDescriptor {
	f := m.Descriptor().Fields().ByName(protoreflect.Name(name))
	if f == nil {
		panic(string(m.Descriptor().FullName()) + " has no field " + name)
	}
	return f
}

func (m message) bytes(name string) []byte { return m.Get(m.field(name)).Bytes() }
func (m message) text(name string) string  { return m.Get(m.field(name)).String() }
func (m message) number(name string) uint32 {
	return uint32(m.Get(m.field(name)).Uint())
}
func (m message) bool(name string) bool { return m.Get(m.field(name)).Bool() }

func (m message) set(name string, v any) { m.Set(m.field(name), protoreflect.ValueOf(v)) }
func (m message) clear(name string)      { m.Clear(m.field(name)) }

// sub is the message in a field, which it makes if there is none.
func (m message) sub(name string) message {
	return message{m.Mutable(m.field(name)).Message().Interface().(*dynamicpb.Message)}
}

// read reads the next message into m: its length in four bytes, then itself.
// io.EOF is the end between two messages.
func (m message) read(r io.Reader) error {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(r, body); err != nil {
		return io.ErrUnexpectedEOF
	}
	return proto.Unmarshal(body, m)
}

// write is the reverse of read.
func (m message) write(w io.Writer) error {
	body, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	return err
}
