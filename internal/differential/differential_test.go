package differential

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// trials is how many messages are tried on each random schema.
const trials = 20

// JWTCTL_READERS names a folder with a Python environment in python and the
// classes of the reader of Java in java; make differential-all makes it.
const moreReaders = "JWTCTL_READERS"

// TestS82_EveryImplementationReadsWhatGoReads compares random attacked messages that
// passed with what other implementations read from them.
//
// If settler.unknown (internal/message) let a declared number pass, the reader of Node
// would fail within 2 schemas, and read another value within 4.
func TestS82_EveryImplementationReadsWhatGoReads(t *testing.T) {
	readers := map[string]reader{
		"protobufjs": start(t, true, []string{"NODE_PATH=" + nodeModules(t)}, "node", "testdata/reader.js"),
		"protoc":     newProtoc(t),
	}
	if dir := os.Getenv(moreReaders); dir != "" {
		readers["Python (upb)"] = start(t, false, nil, filepath.Join(dir, "python", "bin", "python"), "testdata/reader.py")
		readers["Java"] = start(t, false, nil, "java", "-cp", filepath.Join(dir, "java")+string(os.PathListSeparator)+filepath.Join(dir, "java", "*"), "Reader")
	}
	read := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		l := policytest.NewLab(t, rt, policytest.SchemaOptions{})
		if l == nil || len(l.Given) == 0 {
			return
		}
		s := schema{lab: l, text: l.Schema.Bare(), set: files(l.Set.Message("t.M").ParentFile())}
		passed := attacked(l)
		for _, name := range slices.Sorted(maps.Keys(readers)) {
			answers := readers[name].read(t, s, passed)
			read[name] += len(answers)
			for i, answer := range answers {
				compare(l, name, passed[i], answer)
			}
		}
	})
	for _, name := range slices.Sorted(maps.Keys(readers)) {
		t.Logf("%s read %d messages", name, read[name])
		if read[name] == 0 {
			t.Errorf("%s read nothing", name)
		}
	}
}

// attacked returns what passes of the messages. protoc prints fields with undeclared
// numbers, which this test is not about: they are dropped.
func attacked(l *policytest.Lab) [][]byte {
	var passed [][]byte
	for range trials {
		attack := policytest.Attack{Tamper: rapid.Bool().Draw(l.T, "tamper"), Wire: policytest.Hostile{Twice: true, WrongTypes: rapid.Bool().Draw(l.T, "wrong types")}}
		wire, g := l.Attacked(attack)
		out, m, err := l.Accept(wire, g.Bearer)
		if err != nil {
			if fault.ClassOf(err) != fault.Refused {
				l.Fatal(err)
			}
			continue
		}
		if hasUndeclared(m) {
			continue
		}
		passed = append(passed, out)
	}
	return passed
}

// hasUndeclared reports whether a message in m has unknown fields of an undeclared
// number and no others.
func hasUndeclared(m protoreflect.Message) bool {
	if policytest.OnlyUndeclared(m.GetUnknown()) {
		return true
	}
	found := false
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap() && fd.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				found = found || hasUndeclared(v.Message())
				return true
			})
		case fd.IsMap() || fd.Message() == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				found = found || hasUndeclared(v.List().Get(i).Message())
			}
		default:
			found = found || hasUndeclared(v.Message())
		}
		return !found
	})
	return found
}

// compare compares what a reader sees in wire with what Go sees.
func compare(l *policytest.Lab, name string, wire []byte, answer seen) {
	m := dynamicpb.NewMessage(l.Method.Desc.Input())
	if err := proto.Unmarshal(wire, m); err != nil {
		l.Fatalf("Go cannot parse what passed: %v\n%x", err, wire)
	}
	want := form(l.Set.Types(), m)
	if answer.Error != "" || !reflect.DeepEqual(want, answer.Message) {
		l.Fatalf("%s reads another message (%s)\nof %x\nGo    %s\nother %s\n%s", name, answer.Error, wire, text(want), text(answer.Message), l.Schema.Text)
	}
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// files are file and all its imports, each after its own imports, without the annotations,
// which readers do not use. The file itself gets the message Batch, in which protoc reads
// many messages.
func files(file protoreflect.FileDescriptor) *descriptorpb.FileDescriptorSet {
	set := &descriptorpb.FileDescriptorSet{}
	imports := file.Imports()
	desc := protodesc.ToFileDescriptorProto(file)
	desc.Dependency = nil
	for i := range imports.Len() {
		if path := imports.Get(i).Path(); strings.HasPrefix(path, "google/") {
			set.File = append(set.File, protodesc.ToFileDescriptorProto(imports.Get(i).FileDescriptor))
			desc.Dependency = append(desc.Dependency, path)
		}
	}
	desc.Service = nil
	desc.MessageType = append(desc.MessageType, &descriptorpb.DescriptorProto{
		Name: proto.String("Batch"),
		Field: []*descriptorpb.FieldDescriptorProto{{
			Name: proto.String("m"), Number: proto.Int32(1), TypeName: proto.String(".t.M"),
			Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum(),
		}},
	})
	set.File = append(set.File, desc)
	return set
}

// nodeModules is the folder of the packages of examples/proxy, installed by make tools.
func nodeModules(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../bin/proxy-example/node_modules")
	if err == nil {
		_, err = os.Stat(filepath.Join(dir, "protobufjs"))
	}
	if err != nil {
		t.Fatalf("%v: install it with make tools", err)
	}
	return dir
}
