package protofile

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
	protofiles "github.com/jwtctl/jwtctl/proto"
	jwtctlv1 "github.com/jwtctl/jwtctl/proto/jwtctl/v1"
)

// TestA112_Published: the published file only depends on descriptor.proto, documents each
// member, and is the source of its Go package.
func TestA112_Published(t *testing.T) {
	text := testkit.Must(protofiles.Files.ReadFile(descset.JwtctlFile))
	imports := regexp.MustCompile(`(?m)^import .*$`).FindAllString(string(text), -1)
	if len(imports) != 1 || imports[0] != `import "google/protobuf/descriptor.proto";` {
		t.Errorf("it imports %q", imports)
	}
	if !strings.Contains(string(text), "\noption go_package = \"github.com/jwtctl/jwtctl/proto/jwtctl/v1;jwtctlv1\";\n") {
		t.Error("no Go package")
	}
	above := ""
	for line := range strings.Lines(string(text)) {
		code := strings.TrimSpace(line)
		if regexp.MustCompile(`^(message|enum|repeated|extend)\b|^\S.* = \d+;$`).MatchString(code) && !strings.HasPrefix(code, "extend") && !strings.HasPrefix(above, "//") {
			t.Errorf("no comment before %q", code)
		}
		above = code
	}
	set := load(t, Sources{ImportPaths: []string{"../../proto"}, Protos: []string{"../../proto/" + descset.JwtctlFile}})
	messages := testkit.Must(find(set, "jwtctl.v1.FieldOptions")) // any of the file
	want := protodesc.ToFileDescriptorProto(messages.ParentFile())
	got := protodesc.ToFileDescriptorProto(jwtctlv1.File_jwtctl_v1_annotations_proto)
	want.SourceCodeInfo, got.SourceCodeInfo = nil, nil
	if !proto.Equal(got, want) {
		t.Errorf("the Go package is outdated; run protoc -I proto --go_out=proto --go_opt=paths=source_relative %s", descset.JwtctlFile)
	}
}

// TestA111_BothSpellings: each form of input supports both spellings, and reports which
// one is used.
func TestA111_BothSpellings(t *testing.T) {
	const source = `syntax = "proto3"; package t; import "kalix/annotations.proto"; import "jwtctl/v1/annotations.proto";
		service S { option (jwtctl.v1.service) = {validate: BEARER_TOKEN}; rpc M(T) returns (T) { option (kalix.method).jwt = {validate: MESSAGE}; } rpc N(T) returns (T) { option (jwtctl.v1.method).sign = MESSAGE; } }
		message T { option (jwtctl.v1.message).validate_bearer_token = true; string a = 1 [(jwtctl.v1.field) = {token: true static_claim: {claim: "r" value: "x"}}, (kalix.field).jwt = {}]; }`
	dir := testkit.Folder(t, map[string]string{"a.proto": source})
	jwtctl := testkit.Must(filepath.Abs("../../proto"))
	both := protocWith(t, []string{dir, own, jwtctl}, []string{"a.proto"}, "--include_imports")
	alone := protocWith(t, []string{dir, own, jwtctl}, []string{"a.proto"})
	for name, src := range map[string]Sources{
		"source":                           {Protos: []string{dir}},
		"source with a copy of the schema": {ImportPaths: []string{dir, jwtctl}, Protos: []string{filepath.Join(dir, "a.proto")}},
		"descriptor set":                   {DescriptorSets: []string{both}},
		"set without imports":              {DescriptorSets: []string{alone}},
	} {
		set := load(t, src)
		for _, want := range []struct{ of, option, text, other string }{
			{"t.S", "(jwtctl.v1.service)", "validate:BEARER_TOKEN", ""},
			{"t.S.M", "(kalix.method).jwt", "validate:MESSAGE", ""},
			{"t.S.N", "(jwtctl.v1.method)", "sign:MESSAGE", ""},
			{"t.T", "(jwtctl.v1.message)", "validate_bearer_token:true", ""},
			{"t.T.a", "(kalix.field).jwt", "", "(jwtctl.v1.field)"},
		} {
			a := annotationsOf(set)[protoreflect.FullName(want.of)]
			if a == nil || a.Option != want.option || text(a.JWT) != want.text || (a.Other == nil) != (want.other == "") || a.Other != nil && a.Other.Option != want.other {
				t.Errorf("%s: got %s %+v", name, want.of, a)
			}
		}
	}
}

// TestA111_OwnSpellingIsStrict: a mistake in our own spelling is an error too, in source
// and as a number in a set.
func TestA111_OwnSpellingIsStrict(t *testing.T) {
	for option, want := range map[string]string{
		`(jwtctl.v1.method) = {validat: MESSAGE}`: "field validat not found\nvalidate",
		`(jwtctl.v1.methd) = {}`:                  "unknown extension jwtctl.v1.methd\n(jwtctl.v1.method)",
		`(jwtctl.v1.method).validate = MESAGE`:    "has no value named MESAGE\nMESSAGE",
	} {
		dir := testkit.Folder(t, map[string]string{"a.proto": `syntax = "proto3"; package t; import "jwtctl/v1/annotations.proto"; service S { rpc M(T) returns (T) { option ` + option + `; } } message T {}`})
		_, err := Load(context.Background(), Sources{Protos: []string{dir}})
		why, meant, _ := strings.Cut(want, "\n")
		if !fault.Has(err, fault.ProtoSyntax) || !strings.HasSuffix(err.Error(), why) || hintOf(err) != "did you mean "+meant+"?" {
			t.Errorf("%s: %v, hint %q", option, err, hintOf(err))
		}
	}
	// A later version's member, unknown to this one (S46).
	dir := testkit.Folder(t, map[string]string{"jwtctl/v1/annotations.proto": strings.Replace(string(testkit.Must(os.ReadFile("../../proto/"+descset.JwtctlFile))),
		"message MethodOptions {", "message MethodOptions { string audience = 9;", 1),
		"a.proto": `syntax = "proto3"; package t; import "jwtctl/v1/annotations.proto"; service S { rpc M(T) returns (T) { option (jwtctl.v1.method) = {validate: BEARER_TOKEN audience: "a"}; } } message T {}`})
	refused(t, Sources{Protos: []string{dir}}, fault.AnnotationUnreadable, "the option holds field 9, which this version of jwtctl does not know in jwtctl.v1.MethodOptions")
	// A copy that stores the option elsewhere (S45).
	moved := testkit.Folder(t, map[string]string{"jwtctl/v1/annotations.proto": strings.ReplaceAll(string(testkit.Must(os.ReadFile("../../proto/"+descset.JwtctlFile))), "51080", "51081"),
		"a.proto": `syntax = "proto3"; package t; import "jwtctl/v1/annotations.proto"; message T {}`})
	refused(t, Sources{Protos: []string{moved}}, fault.AnnotationUnreadable, "another schema for the annotations")
}
