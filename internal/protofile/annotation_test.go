package protofile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

func bytesField(num protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), value)
}

func varintField(num protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), value)
}

// methodSet is a set with one method and raw options.
func methodSet(t *testing.T, raw []byte) string {
	t.Helper()
	options := &descriptorpb.MethodOptions{}
	if err := (proto.UnmarshalOptions{Resolver: noTypes}).Unmarshal(raw, options); err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{{
		Name: proto.String("t.proto"), Package: proto.String("t"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("M")}},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("S"), Method: []*descriptorpb.MethodDescriptorProto{
			{Name: proto.String("Do"), InputType: proto.String(".t.M"), OutputType: proto.String(".t.M"), Options: options},
		}}},
	}}}
	return testkit.File(t, filepath.Join(t.TempDir(), "set"), marshal(t, set))
}

// TestS45_S46_RefusesUnreadableAnnotations: an annotation that does not match our schema
// is an error. Bytes next to the annotation are not.
func TestS45_S46_RefusesUnreadableAnnotations(t *testing.T) {
	const jwt = 3 // of kalix.MethodOptions
	validate := varintField(1, 1)
	annotation := func(b []byte) []byte { return bytesField(extension, bytesField(jwt, b)) }
	tests := map[string]struct {
		raw  []byte
		want string // of the error
		jwt  string // of the annotation
	}{
		"nothing":                            {nil, "", "none"},
		"other options":                      {append(varintField(33, 1), bytesField(72295728, []byte("x"))...), "", "none"},
		"kalix without jwt":                  {bytesField(extension, bytesField(5, varintField(3, 7))), "", "none"},
		"jwt, empty":                         {annotation(nil), "", ""},
		"jwt":                                {annotation(validate), "", "validate:BEARER_TOKEN"},
		"packed":                             {annotation(bytesField(1, []byte{1, 2})), "", "validate:BEARER_TOKEN validate:MESSAGE"},
		"unknown fields next to jwt":         {bytesField(extension, append(bytesField(77, []byte("x")), bytesField(jwt, validate)...)), "", "validate:BEARER_TOKEN"},
		"split in two":                       {append(annotation(validate), annotation(varintField(2, 2))...), "", "validate:BEARER_TOKEN sign:MESSAGE"},
		"unknown enum number":                {annotation(varintField(1, 9)), "", "validate:9"}, // policy refuses it
		"extension is a number":              {varintField(extension, 1), "field 1080 is not stored as a message", ""},
		"extension is not a message":         {bytesField(extension, []byte("text")), "(kalix.method) of t.S.Do", ""},
		"extension is a group":               {protowire.AppendTag(protowire.AppendTag(nil, extension, protowire.StartGroupType), extension, protowire.EndGroupType), "field 1080", ""},
		"jwt is a number":                    {bytesField(extension, varintField(jwt, 1)), "field 3 is not stored as a message", ""},
		"jwt is truncated":                   {bytesField(extension, []byte{jwt<<3 | 2, 9, 1}), "unexpected EOF", ""},
		"jwt is not a message":               {annotation([]byte{0xff}), "jwt is not of type kalix.JwtMethodOptions", ""},
		"unknown field in jwt":               {annotation(append(validate, varintField(9, 1)...)), "jwt holds field 9", ""},
		"wrong type in jwt":                  {annotation(varintField(3, 1)), "jwt holds field 3", ""},
		"unknown field in a static claim":    {annotation(bytesField(4, varintField(9, 1))), "jwt.static_claim holds field 9", ""},
		"string not UTF-8":                   {annotation(bytesField(3, []byte{0xff})), "is not valid UTF-8", ""},
		"uninterpreted options":              {bytesField(999, bytesField(2, append(bytesField(1, []byte("kalix.method")), varintField(2, 1)...))), "never interpreted", ""},
		"valid part, and one not a jwt":      {append(annotation(validate), bytesField(extension, varintField(jwt, 1))...), "field 3", ""},
		"valid jwt, and extension not bytes": {append(annotation(validate), varintField(extension, 1)...), "field 1080", ""},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			src := Sources{DescriptorSets: []string{methodSet(t, c.raw)}}
			if c.want != "" {
				refused(t, src, fault.AnnotationUnreadable, c.want)
				return
			}
			set := load(t, src)
			switch a := set.Annotation(set.Method("t.S/Do")); {
			case a == nil && c.jwt != "none":
				t.Errorf("no annotation, want %q", c.jwt)
			case a != nil && text(a.JWT) != c.jwt:
				t.Errorf("got %q, want %q", text(a.JWT), c.jwt)
			}
		})
	}
}

// TestS45_EveryPlace: annotations are read on every element that can have one.
func TestS45_EveryPlace(t *testing.T) {
	broken := varintField(extension, 1)
	places := map[string]func(f *descriptorpb.FileDescriptorProto){
		"message": func(f *descriptorpb.FileDescriptorProto) {
			f.MessageType[0].Options = &descriptorpb.MessageOptions{}
			f.MessageType[0].Options.ProtoReflect().SetUnknown(broken)
		},
		"field":            func(f *descriptorpb.FileDescriptorProto) { breakField(f.MessageType[0].Field[0], broken) },
		"field in a oneof": func(f *descriptorpb.FileDescriptorProto) { breakField(f.MessageType[0].Field[1], broken) },
		"nested field":     func(f *descriptorpb.FileDescriptorProto) { breakField(f.MessageType[0].NestedType[0].Field[0], broken) },
		"extension":        func(f *descriptorpb.FileDescriptorProto) { breakField(f.Extension[0], broken) },
		"nested extension": func(f *descriptorpb.FileDescriptorProto) { breakField(f.MessageType[0].Extension[0], broken) },
		"service": func(f *descriptorpb.FileDescriptorProto) {
			f.Service[0].Options = &descriptorpb.ServiceOptions{}
			f.Service[0].Options.ProtoReflect().SetUnknown(broken)
		},
		"method": func(f *descriptorpb.FileDescriptorProto) {
			f.Service[0].Method[0].Options = &descriptorpb.MethodOptions{}
			f.Service[0].Method[0].Options.ProtoReflect().SetUnknown(broken)
		},
	}
	dir := testkit.Folder(t, map[string]string{"t.proto": `syntax = "proto2"; package t;
		message M { optional string a = 1; oneof o { string b = 2; } message N { optional string c = 1; } extensions 100 to 200; extend M { optional string e = 100; } }
		extend M { optional string f = 101; }
		service S { rpc Do(M) returns (M); }`})
	for name, damage := range places {
		t.Run(name, func(t *testing.T) {
			f := protodesc.ToFileDescriptorProto(load(t, Sources{Protos: []string{dir}}).Files()[0].Descriptor)
			damage(f)
			path := testkit.File(t, filepath.Join(t.TempDir(), "set"), marshal(t, &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{f}}))
			refused(t, Sources{DescriptorSets: []string{path}}, fault.AnnotationUnreadable, "field 1080")
		})
	}
}

func breakField(f *descriptorpb.FieldDescriptorProto, raw []byte) {
	f.Options = &descriptorpb.FieldOptions{}
	f.Options.ProtoReflect().SetUnknown(raw)
}

// TestEachOptionHasItsPosition: each part of an annotation has its own position.
func TestEachOptionHasItsPosition(t *testing.T) {
	dir := testkit.Folder(t, map[string]string{"p/t.proto": `syntax = "proto3";
package t;
import "kalix/annotations.proto";
service S {
	rpc Do(M) returns (M) {
    option (kalix.method).jwt = {
      validate: [BEARER_TOKEN,
                 MESSAGE]
      static_claim: {claim: "a" value: "b"}
      static_claim: {
        claim: "c"
        pattern: "d"
      }
    };
  }
  rpc Open(M) returns (M);
}
message M {
  string a = 1 [
    (kalix.field).jwt.token = true,
    (kalix.field).jwt.issuer = "i"];
}
`})
	set := load(t, Sources{Protos: []string{dir}})
	method := set.Annotation(set.Method("t.S/Do"))
	field := set.Annotation(set.Message("t.M").Fields().Get(0))
	file := filepath.Join(dir, "p/t.proto")
	tests := map[string]struct {
		got  descset.Position
		want string
	}{
		"annotation":                  {method.Position(), ":6:5"},
		"first of a list":             {method.Position(1, 0), ":7:18"},
		"second of a list":            {method.Position(1, 1), ":8:18"},
		"first static claim":          {method.Position(4, 0), ":9:7"},
		"second static claim":         {method.Position(4, 1), ":10:7"},
		"pattern of the static claim": {method.Position(4, 1, 3), ":12:9"},
		"missing pattern: the claim":  {method.Position(4, 1, 2), ":10:7"},
		"missing option":              {method.Position(3, 0), ":6:5"},
		"several statements":          {field.Position(), ":20:5"},
		"first statement":             {field.Position(3), ":20:5"},
		"second statement":            {field.Position(6, 0), ":21:5"},
		"declaration of a method":     {set.Position(set.Method("t.S/Open")), ":16:3"},
		"declaration after a tab":     {set.Position(set.Method("t.S/Do")), ":5:9"},
		"declaration of a message":    {set.Position(set.Message("t.M")), ":18:1"},
	}
	for name, c := range tests {
		if c.got.String() != file+c.want {
			t.Errorf("%s: got %s, want %s", name, c.got, c.want)
		}
	}
	bare := load(t, Sources{DescriptorSets: []string{protoc(t, filepath.Join(dir, "p"), []string{"t.proto"})}})
	if got := bare.Annotation(bare.Method("t.S/Do")).Position(4, 1, 3).String(); !strings.HasSuffix(got, "t.proto") {
		t.Errorf("without source info: got %s, want suffix %q", got, "t.proto")
	}
}

// TestExamples: every example of the vendor's documentation compiles.
func TestExamples(t *testing.T) {
	set := load(t, Sources{Protos: []string{fixtures}})
	list, err := os.ReadDir(fixtures)
	if err != nil {
		t.Fatal(err)
	}
	own := 0
	for _, f := range set.Files() {
		if !f.Import {
			own++
			if !f.SourceInfo || f.Descriptor.SourceLocations().Len() == 0 {
				t.Errorf("%s has no positions", f.Location)
			}
		}
	}
	if own != len(list) || len(set.Warnings()) > 0 {
		t.Errorf("got %d files, want %d; warnings: %v", own, len(list), set.Warnings())
	}
	for _, name := range []string{
		"examples.bearer.Library/LendBook", "examples.service.JwtSpecService/MessageWithIssuer", "examples.message.Orders/Cancel", "examples.token.Tickets/AdmitHolder",
		"examples.staticclaim.Editors/Write", "examples.nested.Parcels/Ship", "examples.claim.Claims/Validate", "com.example.JwtServiceAction/JwtInMessage",
	} {
		if m := set.Method(name); m == nil || set.Annotation(m) == nil {
			t.Errorf("%s is missing or has no annotation", name)
		}
	}
	for _, name := range []string{"", "/", "examples.bearer.Library", "/examples.bearer.Library/LendBook", "examples.bearer.Library.LendBook", "examples.bearer.Library/LendBook/", "examples.bearer.Library/lendbook", "examples.bearer.Book/isbn"} {
		if set.Method(name) != nil {
			t.Errorf("%q is found as a method", name)
		}
	}
}
