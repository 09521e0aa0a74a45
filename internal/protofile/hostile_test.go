package protofile

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

type (
	fileProto    = descriptorpb.FileDescriptorProto
	messageProto = descriptorpb.DescriptorProto
	fieldProto   = descriptorpb.FieldDescriptorProto
)

func file(name string, change func(*fileProto)) *fileProto {
	f := &fileProto{Name: proto.String(name), Package: proto.String("t"), Syntax: proto.String("proto3"), MessageType: []*messageProto{{Name: proto.String("M" + strings.NewReplacer(".", "", "/", "", ":", "", "\\", "").Replace(name))}}}
	if change != nil {
		change(f)
	}
	return f
}

func setOf(tb testing.TB, list ...*fileProto) []byte {
	return marshal(tb, &descriptorpb.FileDescriptorSet{File: list})
}

func imports(names ...string) func(*fileProto) {
	return func(f *fileProto) { f.Dependency = names }
}

func field(f *fieldProto) func(*fileProto) {
	return func(d *fileProto) {
		f.Name, f.Number = proto.String("x"), proto.Int32(1)
		if f.Label == nil {
			f.Label = descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()
		}
		d.MessageType[0].Field = []*fieldProto{f}
	}
}

// deepMessages is a set with messages nested n levels deep.
func deepMessages(tb testing.TB, n int) []byte {
	inner := []byte{}
	for range n {
		inner = bytesField(3, append(bytesField(1, []byte("M")), inner...))
	}
	return append(setOf(tb, file("a.proto", nil)), bytesField(1, append(bytesField(1, []byte("b.proto")), bytesField(4, append(bytesField(1, []byte("B")), inner...))...))...)
}

// TestS51_HostileDescriptorSetsAreRefused: no descriptor set hangs, crashes or takes much
// memory, and invalid ones are refused.
func TestS51_HostileDescriptorSetsAreRefused(t *testing.T) {
	good := setOf(t, file("a.proto", nil))
	random := make([]byte, 1<<20)
	for i := range random {
		random[i] = byte(rand.N(256))
	}
	message := descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
	edition := descriptorpb.Edition(99999)
	long := strings.Repeat("x", 1<<20)
	tests := map[string]struct {
		data []byte
		code fault.Code
		want string
	}{
		"empty":                  {nil, fault.DescriptorInvalid, "contains no files"},
		"random":                 {random, fault.DescriptorInvalid, "neither a FileDescriptorSet"},
		"text":                   {[]byte("hello, world"), fault.DescriptorInvalid, "neither a FileDescriptorSet"},
		".proto source":          {[]byte("syntax = \"proto3\";\nmessage M {}\n"), fault.DescriptorInvalid, "neither a FileDescriptorSet"},
		"one file, not a set":    {marshal(t, file("a.proto", nil)), fault.DescriptorInvalid, ""},
		"truncated":              {good[:len(good)-1], fault.DescriptorInvalid, "truncated"},
		"trailing bytes":         {append(bytes.Clone(good), 0), fault.DescriptorInvalid, ""},
		"unknown field of a set": {append(bytes.Clone(good), varintField(5, 1)...), fault.DescriptorInvalid, "neither a FileDescriptorSet"},
		"no name":                {setOf(t, file("", nil)), fault.DescriptorInvalid, "has no name"},
		"missing import, used": {setOf(t, file("a.proto", func(f *fileProto) {
			field(&fieldProto{Type: message, TypeName: proto.String(".other.X")})(f)
			f.Dependency = []string{"other.proto"}
		})), fault.ImportNotFound, "uses other.X, and its import of other.proto is missing"},
		"missing type":  {setOf(t, file("a.proto", field(&fieldProto{Type: message, TypeName: proto.String(".t.None")}))), fault.ImportNotFound, "uses t.None"},
		"missing enum":  {setOf(t, file("a.proto", field(&fieldProto{Type: descriptorpb.FieldDescriptorProto_TYPE_ENUM.Enum(), TypeName: proto.String(".t.None")}))), fault.ImportNotFound, "uses t.None"},
		"relative type": {setOf(t, file("a.proto", field(&fieldProto{Type: message, TypeName: proto.String("None")}))), fault.ImportNotFound, "None"},
		"method without a type": {setOf(t, file("a.proto", func(f *fileProto) {
			f.Service = []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("S"), Method: []*descriptorpb.MethodDescriptorProto{{Name: proto.String("Do"), InputType: proto.String(".t.None"), OutputType: proto.String(".t.Maproto")}}}}
		})), fault.ImportNotFound, "uses t.None"},
		"imports itself":               {setOf(t, file("a.proto", imports("a.proto"))), fault.DescriptorInvalid, "imports itself"},
		"cycle":                        {setOf(t, file("a.proto", imports("b.proto")), file("b.proto", imports("c.proto")), file("c.proto", imports("a.proto"))), fault.DescriptorInvalid, "imports itself"},
		"duplicate file":               {append(bytes.Clone(good), good...), fault.DescriptorInvalid, "the name of another file"},
		"duplicate symbol":             {setOf(t, file("a.proto", nil), file("b.proto", func(f *fileProto) { f.MessageType[0].Name = proto.String("Maproto") })), fault.DescriptorInvalid, "Maproto"},
		"duplicate symbol in one file": {setOf(t, file("a.proto", func(f *fileProto) { f.MessageType = append(f.MessageType, f.MessageType[0]) })), fault.DescriptorInvalid, "Maproto"},
		"invalid syntax":               {setOf(t, file("a.proto", func(f *fileProto) { f.Syntax = proto.String("proto9") })), fault.DescriptorInvalid, "proto9"},
		"future edition":               {setOf(t, file("a.proto", func(f *fileProto) { f.Syntax, f.Edition = proto.String("editions"), &edition })), fault.DescriptorInvalid, "edition"},
		"public import out of range":   {setOf(t, file("a.proto", func(f *fileProto) { f.PublicDependency = []int32{7} })), fault.DescriptorInvalid, "import"},
		"oneof out of range":           {setOf(t, file("a.proto", field(&fieldProto{Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(), OneofIndex: proto.Int32(9)}))), fault.DescriptorInvalid, ""},
		"oneof below zero":             {setOf(t, file("a.proto", field(&fieldProto{Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(), OneofIndex: proto.Int32(-1)}))), fault.DescriptorInvalid, ""},
		"span of one number": {setOf(t, file("a.proto", func(f *fileProto) {
			f.SourceCodeInfo = &descriptorpb.SourceCodeInfo{Location: []*descriptorpb.SourceCodeInfo_Location{{Span: []int32{1}}}}
		})), fault.DescriptorInvalid, "span"},
		"gzip, truncated":            {packed(t, good)[:20], fault.DescriptorInvalid, "unexpected EOF"},
		"gzip of an empty file":      {packed(t, nil), fault.DescriptorInvalid, "contains no files"},
		"gzip bomb":                  {packed(t, make([]byte, maxSet+1)), fault.FileTooLarge, "larger than"},
		"100 MiB":                    {make([]byte, 100<<20), fault.FileTooLarge, "larger than"},
		"empty messages":             {bytes.Repeat([]byte{0x0a, 0}, maxSet/2), fault.DescriptorLimit, "more than 1048576 elements"},
		"empty fields":               {bytesField(1, append(bytesField(1, []byte("a.proto")), bytesField(4, bytes.Repeat([]byte{0x12, 0}, 1<<24))...)), fault.DescriptorLimit, "elements"},
		"empty fields, at the limit": {bytesField(1, append(bytesField(1, []byte("a.proto")), bytesField(4, bytes.Repeat([]byte{0x12, 0}, maxSetNodes-10))...)), fault.DescriptorInvalid, ""},
		"messages 120 deep":          {deepMessages(t, 120), fault.DescriptorLimit, "nest more than"},
		"messages 100,000 deep":      {deepMessages(t, 10_000), fault.DescriptorLimit, "nest more than"},
		"name of 1 MiB":              {setOf(t, file("a.proto", func(f *fileProto) { f.MessageType[0].Name = &long })), fault.DescriptorLimit, "names have more than"},
		"JSON":                       {[]byte("{}"), fault.DescriptorInvalid, "contains no files"},
		"JSON, not a set":            {[]byte(`{"keys":[]}`), fault.DescriptorInvalid, ""},
		"JSON, truncated":            {[]byte(`{"file":[{"name":"a.proto"`), fault.DescriptorInvalid, ""},
		"JSON, trailing data":        {[]byte(`{"file":[{"name":"a.proto"}]} {}`), fault.DescriptorInvalid, ""},
		"JSON, duplicate name":       {[]byte(`{"file":[{"name":"a.proto","name":"b.proto"}]}`), fault.DescriptorInvalid, "name"},
		"JSON, deep nesting":         {[]byte(`{"file":` + strings.Repeat("[", 1<<20)), fault.DescriptorLimit, "nest more than"},
		"JSON, unknown jwt field":    {[]byte(`{"file":[{"name":"a.proto","messageType":[{"name":"M","options":{"[kalix.message]":{"jwt":{"later":true}}}}]}]}`), fault.DescriptorInvalid, "later"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			refused(t, Sources{DescriptorSets: []string{testkit.File(t, filepath.Join(t.TempDir(), "set"), c.data)}}, c.code, c.want)
		})
	}
}

// TestS51_FileNamesAreNeverOpened: the file names in a set are never opened.
func TestS51_FileNamesAreNeverOpened(t *testing.T) {
	trap := filepath.Join(t.TempDir(), "trap")
	if err := syscall.Mkfifo(trap, 0o600); err != nil { // opening it would hang
		t.Fatal(err)
	}
	for _, name := range []string{"../../etc/passwd", "/etc/passwd", trap, "a/../../b", ".", "kalix/../../x", "C:\\x"} {
		set := load(t, Sources{DescriptorSets: []string{testkit.File(t, filepath.Join(t.TempDir(), "set"), setOf(t, file(name, imports("../../etc/shadow", trap+"x"))))}})
		if len(set.Warnings()) == 0 || !strings.Contains(set.Warnings()[0].Text, "../../etc/shadow") {
			t.Errorf("%s: got %v", name, set.Warnings())
		}
	}
}

// TestS51_LargeSetsLoad: large but valid sets load.
func TestS51_LargeSetsLoad(t *testing.T) {
	var list []*fileProto
	for i := range 2000 { // each imports the one before it
		one := file(fmt.Sprintf("f%d.proto", i), nil)
		if i > 0 {
			one.Dependency = []string{fmt.Sprintf("f%d.proto", i-1)}
		}
		list = append(list, one)
	}
	path := testkit.File(t, filepath.Join(t.TempDir(), "set"), setOf(t, list...))
	set, err := measured(t, Sources{DescriptorSets: []string{path}})
	if err != nil || len(set.Messages()) != len(list) {
		t.Error(err)
	}
}

// seedSets returns the seeds of fuzzing.
func seedSets(tb testing.TB) [][]byte {
	set := load(tb, Sources{Protos: []string{fixtures}})
	all := &descriptorpb.FileDescriptorSet{}
	for _, f := range set.Files() {
		all.File = append(all.File, protodesc.ToFileDescriptorProto(f.Descriptor))
	}
	return [][]byte{setOf(tb, file("a.proto", nil)), setOf(tb, file("a.proto", imports("b.proto")), file("b.proto", imports("a.proto"))), marshal(tb, all), []byte(`{"file":[{"name":"a.proto","bufExtension":{"isImport":true},"options":{"[acme.x]":1}}]}`)}
}

// FuzzF6_DescriptorSet: no bytes cause a crash or hang, or load and then fail to be
// walked.
func FuzzF6_DescriptorSet(f *testing.F) {
	for _, seed := range seedSets(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := Load(context.Background(), Sources{DescriptorSets: []string{"-"}, Stdin: bytes.NewReader(data)})
		walked(t, set, err)
	})
}

// FuzzF7_Source is the same for the text of a .proto file.
func FuzzF7_Source(f *testing.F) {
	list, err := filepath.Glob(fixtures + "/*.proto")
	if err != nil || len(list) == 0 {
		f.Fatal(err)
	}
	for _, path := range list {
		f.Add(mustRead(f, path))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := testkit.File(t, filepath.Join(t.TempDir(), "a.proto"), data)
		set, err := Load(context.Background(), Sources{Protos: []string{path}})
		walked(t, set, err)
	})
}

func walked(t *testing.T, set *descset.Set, err error) {
	if err != nil {
		if fault.CodeOf(err) == "" || fault.ClassOf(err) != fault.Undecided || set != nil {
			t.Errorf("%T %v", err, err)
		}
		return
	}
	_ = model(set, true)
	for _, a := range annotationsOf(set) {
		a.Position(4, 0, 1)
	}
}
