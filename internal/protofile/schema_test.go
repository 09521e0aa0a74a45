package protofile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestCompiledSchema: schema.binpb is the compiled form of the schema's sources.
func TestCompiledSchema(t *testing.T) {
	var names []string
	sources := map[string]string{descset.JwtctlFile: "../../proto/" + descset.JwtctlFile}
	for _, path := range testkit.Must(filepath.Glob(own + "/kalix/*.proto")) {
		name := "kalix/" + filepath.Base(path)
		sources[name] = path
		names = append(names, name)
	}
	names = append(names, descset.JwtctlFile)
	compiled, err := compileFiles(t.Context(), names, false, func(name string) (resolved, error) {
		if f := linked(name); f != nil {
			return resolved{desc: f}, nil
		}
		text, err := os.ReadFile(sources[name])
		return resolved{source: text}, err
	}, reporter.NewReporter(nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	var files []protoreflect.FileDescriptor
	for _, f := range compiled {
		files = append(files, f)
	}
	set := bundleOf(files...)
	set.File = slices.DeleteFunc(set.File, func(f *descriptorpb.FileDescriptorProto) bool { return descset.IsWellKnown(f.GetName()) })
	want, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	if testkit.Update() {
		testkit.File(t, own+"/schema.binpb", string(want))
	}
	if testkit.Read(t, own+"/schema.binpb") != string(want) {
		t.Error("schema.binpb is outdated: run go test ./internal/protofile -run TestCompiledSchema -update")
	}
}

// own is the folder of the schema.
const own = "../descset"

// TestA1_WireContract: the embedded schema agrees with annotations.md, section 1.
func TestA1_WireContract(t *testing.T) {
	want := map[string]string{
		"kalix.FieldOptions":      "entity_key=1 bool, jwt=2 kalix.JwtFieldOptions, workflow_key=3 bool",
		"kalix.MessageOptions":    "jwt=1 kalix.JwtMessageOptions",
		"kalix.MethodOptions":     "eventing=1 kalix.Eventing, view=2 kalix.View, jwt=3 kalix.JwtMethodOptions, entity=4 kalix.KeyGeneratorMethodOptions, acl=5 kalix.Acl, workflow=6 kalix.KeyGeneratorMethodOptions",
		"kalix.ServiceOptions":    "type=1 kalix.ServiceOptions.ServiceType, component=2 string, acl=3 kalix.Acl, eventing=4 kalix.ServiceEventing, jwt=5 kalix.JwtServiceOptions",
		"kalix.JwtFieldOptions":   "claim=1 kalix.JwtFieldOptions.JwtClaimInclude, name=2 string, token=3 bool, include_parent_claims=4 bool, include_bearer_token_claim=5 repeated string, issuer=6 repeated string, expires_seconds=7 int64, static_claim=8 repeated kalix.JwtStaticClaim",
		"kalix.JwtMessageOptions": "validate_bearer_token=1 bool",
		"kalix.JwtMethodOptions":  "validate=1 repeated kalix.JwtMethodOptions.JwtMethodMode, sign=2 repeated kalix.JwtMethodOptions.JwtMethodMode, bearer_token_issuer=3 repeated string, static_claim=4 repeated kalix.JwtStaticClaim",
		"kalix.JwtServiceOptions": "validate=1 kalix.JwtServiceOptions.JwtServiceMode, bearer_token_issuer=3 repeated string, static_claim=4 repeated kalix.JwtStaticClaim",
		"kalix.JwtStaticClaim":    "claim=1 string, value=2 repeated string, pattern=3 string",

		"kalix.JwtFieldOptions.JwtClaimInclude":  "UNSPECIFIED=0 INCLUDE=1 EXTRACT=2 DESCEND=3 NEST=4 RAW=5",
		"kalix.JwtMethodOptions.JwtMethodMode":   "UNSPECIFIED=0 BEARER_TOKEN=1 MESSAGE=2",
		"kalix.JwtServiceOptions.JwtServiceMode": "UNSPECIFIED=0 BEARER_TOKEN=1",
		"kalix.ServiceOptions.ServiceType":       "SERVICE_TYPE_UNSPECIFIED=0 SERVICE_TYPE_ACTION=1 SERVICE_TYPE_ENTITY=2 SERVICE_TYPE_VIEW=3",

		"kalix.field":   "1080 of google.protobuf.FieldOptions: kalix.FieldOptions",
		"kalix.message": "1080 of google.protobuf.MessageOptions: kalix.MessageOptions",
		"kalix.method":  "1080 of google.protobuf.MethodOptions: kalix.MethodOptions",
		"kalix.service": "1080 of google.protobuf.ServiceOptions: kalix.ServiceOptions",
		"kalix.file":    "1080 of google.protobuf.FileOptions: kalix.FileOptions",
		"kalix.codegen": "1081 of google.protobuf.ServiceOptions: kalix.CodegenOptions",
	}
	set := load(t, Sources{ImportPaths: []string{own}, Protos: []string{own + "/kalix"}})
	for _, name := range slices.Sorted(maps.Keys(want)) {
		d, err := find(set, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := contract(d); got != want[name] {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want[name])
		}
	}
}

func contract(d protoreflect.Descriptor) string {
	var parts []string
	switch d := d.(type) {
	case protoreflect.MessageDescriptor:
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			parts = append(parts, fmt.Sprintf("%s=%d %s", f.Name(), f.Number(), typeOf(f)))
		}
		return strings.Join(parts, ", ")
	case protoreflect.EnumDescriptor:
		for i := range d.Values().Len() {
			parts = append(parts, fmt.Sprintf("%s=%d", d.Values().Get(i).Name(), d.Values().Get(i).Number()))
		}
	case protoreflect.FieldDescriptor:
		return fmt.Sprintf("%d of %s: %s", d.Number(), d.ContainingMessage().FullName(), typeOf(d))
	}
	return strings.Join(parts, " ")
}

func typeOf(f protoreflect.FieldDescriptor) string {
	kind := f.Kind().String()
	switch {
	case f.Message() != nil:
		kind = string(f.Message().FullName())
	case f.Enum() != nil:
		kind = string(f.Enum().FullName())
	}
	if f.IsList() {
		kind = "repeated " + kind
	}
	return kind
}

const annotated = `syntax = "proto3"; package t; import "kalix/annotations.proto";
message M { string token = 1 [(kalix.field).jwt.token = true]; }`

// TestA2_SchemaNeedsNoImportPath: the schema needs no import path, and a user's copy of it
// takes precedence; google/api is available too.
func TestA2_SchemaNeedsNoImportPath(t *testing.T) {
	text, err := os.ReadFile(own + "/kalix/jwt.proto")
	if err != nil {
		t.Fatal(err)
	}
	copied := strings.Replace(string(text), "bool token = 3;", "bool token = 3; bool of_the_user = 99;", 1)
	dir := testkit.Folder(t, map[string]string{"a.proto": annotated, "own/kalix/jwt.proto": copied})
	at := filepath.Join(dir, "a.proto")

	set := load(t, Sources{ImportPaths: []string{dir}, Protos: []string{at}})
	if set.Annotation(set.Message("t.M").Fields().Get(0)) == nil || set.Message("kalix.JwtFieldOptions").Fields().ByNumber(99) != nil {
		t.Error("the embedded schema is not used")
	}
	set = load(t, Sources{ImportPaths: []string{dir, filepath.Join(dir, "own")}, Protos: []string{at}})
	if set.Annotation(set.Message("t.M").Fields().Get(0)) == nil || set.Message("kalix.JwtFieldOptions").Fields().ByNumber(99) == nil {
		t.Error("the user's copy is not used")
	}
	for _, name := range []string{"annotations", "client", "field_behavior", "field_info", "http", "httpbody", "launch_stage", "resource", "routing"} {
		load(t, Sources{Protos: []string{filepath.Join(testkit.Folder(t, map[string]string{"a.proto": `syntax = "proto3"; import "google/api/` + name + `.proto";`}), "a.proto")}})
	}
}

// TestA3_OtherOptions: options other than jwt, known or not, are accepted.
func TestA3_OtherOptions(t *testing.T) {
	set := load(t, Sources{ImportPaths: []string{fixtures}, Protos: []string{filepath.Join(fixtures, "mixed.proto")}})
	if set.Annotation(set.Service("examples.mixed.Shop")) == nil {
		t.Error("the service's annotation was dropped next to other options")
	}
	// A future schema: more options, and more fields in the others.
	later := testkit.Folder(t, map[string]string{
		"a.proto": `syntax = "proto3"; package t; import "kalix/annotations.proto"; import "later.proto"; import "kalix/acl.proto";
			service S { option (kalix.service) = {acl: {later: 7}, jwt: {validate: BEARER_TOKEN}}; option (kalix.later) = {x: 1}; option (kalix.acme) = "x";
			rpc M(kalix.Acl) returns (kalix.Acl); }`,
		"kalix/acl.proto": `syntax = "proto3"; package kalix; message Acl { int32 later = 1; int32 deny_code = 3; }`,
		"later.proto":     `syntax = "proto3"; package kalix; import "google/protobuf/descriptor.proto"; message Later { int32 x = 1; } extend google.protobuf.ServiceOptions { Later later = 1090; string acme = 50000; }`,
	})
	set = load(t, Sources{Protos: []string{later}})
	if a := set.Annotation(set.Service("t.S")); a == nil || text(a.JWT) != "validate:BEARER_TOKEN" {
		t.Errorf("got %+v", a)
	}
	alone := protoc(t, later, []string{"a.proto"}) // contains neither the schema nor other options
	set, err := Load(context.Background(), Sources{DescriptorSets: []string{alone}})
	if err != nil || set.Annotation(set.Service("t.S")) == nil {
		t.Errorf("%v", err)
	}
	if len(set.Warnings()) < 2 || !strings.Contains(set.Warnings()[0].String(), "later.proto is missing") {
		t.Errorf("warnings: %q", set.Warnings())
	}
}

// TestA3_SourceOptions: in source, an option of package kalix that is not about JWTs is
// accepted, whatever its content; one that is, or has a similar name, is read strictly.
func TestA3_SourceOptions(t *testing.T) {
	const field, method, service, file = "field", "method", "service", "file"
	tests := map[string]struct {
		on, option string
		want       string // of the annotation; "none" without one
		refused    string // the error, and its hint after a line break
	}{
		"unknown member":                     {on: field, option: `(kalix.field).id = true`, want: "none"},
		"unknown message":                    {on: method, option: `(kalix.method).trigger = {on: STARTUP max_retries: 3}`, want: "none"},
		"unknown member of a known message":  {on: method, option: `(kalix.method).eventing.in = {event_sourced_entity: "x" handle_snapshots: true}`, want: "none"},
		"unknown extension":                  {on: service, option: `(kalix.later).x = {y: [1, 2]}`, want: "none"},
		"unknown member of an extension":     {on: service, option: `(kalix.codegen) = {event_sourced_entity: {name: "x" type_id: "x"}}`, want: "none"},
		"file option":                        {on: file, option: `(kalix.file).later = {x: 1}`, want: "none"},
		"leading dot":                        {on: field, option: `(.kalix.field).id = true`, want: "none"},
		"next to jwt in a literal":           {on: field, option: `(kalix.field) = {id: true, jwt {token: true}; [kalix.other]: {}, key: "x"}`, want: "token:true"},
		"split jwt":                          {on: field, option: `(kalix.field).jwt.token = true, (kalix.field).id = true, (kalix.field).jwt.issuer = "i"`, want: `token:true issuer:"i"`},
		"empty literal":                      {on: method, option: `(kalix.method) = {}`, want: "none"},
		"empty jwt":                          {on: method, option: `(kalix.method).jwt = {}`, want: ""},
		"jwt misspelled":                     {on: field, option: `(kalix.field).jtw.token = true`, refused: "unknown option (kalix.field).jtw\ndid you mean (kalix.field).jwt?"},
		"JWT in upper case":                  {on: method, option: `(kalix.method).Jwt.validate = MESSAGE`, refused: "unknown option (kalix.method).Jwt\ndid you mean (kalix.method).jwt?"},
		"jwt without a letter, in a literal": {on: method, option: `(kalix.method) = {trigger: {}, jw: {validate: MESSAGE}}`, refused: "unknown option (kalix.method).jw\ndid you mean (kalix.method).jwt?"},
		"jwt with an extra letter":           {on: service, option: `(kalix.service).jwts.validate = BEARER_TOKEN`, refused: "unknown option (kalix.service).jwts\ndid you mean (kalix.service).jwt?"},
		"name that begins with jwt":          {on: method, option: `(kalix.method).jwt_v2 = {validate: MESSAGE}`, refused: "unknown option (kalix.method).jwt_v2\ndid you mean (kalix.method).jwt?"},
		"name with jwt in it, in a literal":  {on: field, option: `(kalix.field) = {fieldJwt: {token: true}}`, refused: "unknown option (kalix.field).fieldJwt\ndid you mean (kalix.field).jwt?"},
		"extension called jwt":               {on: method, option: `(kalix.jwt) = {validate: MESSAGE}`, refused: "unknown option (kalix.jwt)\nJWT annotations are (kalix.service).jwt, (kalix.method).jwt, (kalix.message).jwt and (kalix.field).jwt"},
		"jwt of an unknown extension":        {on: method, option: `(kalix.endpoint).jwt.validate = MESSAGE`, refused: "unknown extension kalix.endpoint\nJWT annotations are (kalix.service).jwt, (kalix.method).jwt, (kalix.message).jwt and (kalix.field).jwt"},
		"unknown option of jwtctl.v1":        {on: method, option: `(jwtctl.v1.endpoint).validate = MESSAGE`, refused: "unknown extension jwtctl.v1.endpoint\nJWT annotations are (jwtctl.v1.service), (jwtctl.v1.method), (jwtctl.v1.message) and (jwtctl.v1.field)"},
		"options of all other elements": {on: file, option: `(kalix.file).later = 1; enum E { option (kalix.enumeration).x = 1; Z = 0 [(kalix.value) = "x"]; } ` +
			`message O { option (kalix.message).later = {}; enum F { option (kalix.e) = 1; Y = 0; } oneof o { option (kalix.choice).x = {y: 1}; string a = 1 [(kalix.field).id = true, deprecated = true]; } } option (kalix.file).more = 2`, want: "none"},
		"jwt on an enum":                         {on: file, option: `(kalix.file).later = 1; enum E { option (kalix.enumeration).jwt = {}; Z = 0; } option (kalix.file).more = 2`, refused: "unknown extension kalix.enumeration\nJWT annotations are (kalix.service).jwt, (kalix.method).jwt, (kalix.message).jwt and (kalix.field).jwt"},
		"jwt without an extension":               {on: method, option: `(kalix.methd).jwt.validate = MESSAGE`, refused: "unknown extension kalix.methd\ndid you mean (kalix.method)?"},
		"jwt without an extension, in a literal": {on: method, option: `(kalix.methd) = {jwt: {validate: MESSAGE}}`, refused: "unknown extension kalix.methd\ndid you mean (kalix.method)?"},
		"jwt of another extension":               {on: service, option: `(kalix.codegen).jwt = {}`, refused: "field jwt of kalix.CodegenOptions does not exist\n"},
		"unknown member of jwt":                  {on: method, option: `(kalix.method).jwt.validat = MESSAGE`, refused: "field validat of kalix.JwtMethodOptions does not exist\ndid you mean validate?"},
		"unknown member in a jwt literal":        {on: field, option: `(kalix.field).jwt = {tokn: true}`, refused: "field tokn not found\ndid you mean token?"},
		"unknown member in a static claim":       {on: field, option: `(kalix.field).jwt = {token: true static_claim: {clam: "x"}}`, refused: "field clam not found\ndid you mean claim?"},
		"unknown enum value":                     {on: field, option: `(kalix.field).jwt.claim = INCLUD`, refused: "has no value named INCLUD\ndid you mean INCLUDE?"},
		"backslash in a pattern":                 {on: method, option: `(kalix.method).jwt = {static_claim: {claim: "name" pattern: "^\S+$"}}`, refused: "invalid escape sequence: \\S\na .proto file needs two backslashes for one: \"\\\\S\""},
		"option of another package":              {on: field, option: `(acme.field).id = true`, refused: "unknown extension acme.field\n"},
		"literal for a scalar":                   {on: field, option: `(kalix.field) = true`, refused: "expecting message, got identifier\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			at := map[string]string{test.on: "option " + test.option + ";"}
			if test.on == field {
				at[field] = "[" + test.option + "]"
			}
			dir := testkit.Folder(t, map[string]string{"a.proto": `syntax = "proto3"; package t; import "kalix/annotations.proto"; ` + at[file] +
				`service S { ` + at[service] + ` rpc M(T) returns (T) { ` + at[method] + ` } } message T { string f = 1 ` + at[field] + `; }`})
			set, err := Load(context.Background(), Sources{Protos: []string{dir}})
			if test.refused != "" {
				var f *fault.Error
				if !errors.As(err, &f) || f.Code != fault.ProtoSyntax || !strings.HasPrefix(f.What, dir+"/a.proto:1:") ||
					!strings.HasSuffix(f.Reason+"\n"+f.Hint, test.refused) && f.Reason+"\n"+f.Hint != test.refused {
					t.Errorf("got %v, hint %q, want …%q", err, hintOf(err), test.refused)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v, hint %q", err, hintOf(err))
			}
			got := "none"
			for _, d := range []protoreflect.Descriptor{set.Message("t.T").Fields().Get(0), set.Service("t.S"), set.Method("t.S/M")} {
				if a := set.Annotation(d); a != nil {
					got = text(a.JWT)
				}
			}
			if got != test.want {
				t.Errorf("got annotation %q, want %q", got, test.want)
			}
		})
	}
}

func hintOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Hint
	}
	return ""
}

// TestS45_RefusesOtherSchemas: a schema that stores annotations elsewhere, or as
// something else, is refused, from any source.
func TestS45_RefusesOtherSchemas(t *testing.T) {
	const options = `syntax = "proto3"; package kalix; import "google/protobuf/descriptor.proto";`
	jwt := string(mustRead(t, own+"/kalix/jwt.proto"))
	annotations := string(mustRead(t, own+"/kalix/annotations.proto"))
	change := func(text, from, to string) string {
		if !strings.Contains(text, from) {
			t.Fatalf("no %q to change", from)
		}
		return strings.ReplaceAll(text, from, to)
	}
	tests := map[string]struct{ path, text, want string }{
		"1080 is a string":              {"x.proto", options + `extend google.protobuf.FieldOptions { string mine = 1080; }`, "which belongs to kalix.field"},
		"1080 in another package":       {"x.proto", `syntax = "proto3"; package acme; import "google/protobuf/descriptor.proto"; message O {} extend google.protobuf.ServiceOptions { O service = 1080; }`, "which belongs to kalix.service"},
		"1080 within a message":         {"x.proto", options + `message Box { extend google.protobuf.MethodOptions { int32 mine = 1080; } }`, "which belongs to kalix.method"},
		"same name, a string":           {"kalix/annotations.proto", options + `extend google.protobuf.FieldOptions { string field = 1080; }`, "kalix.field: another schema"},
		"other number":                  {"kalix/annotations.proto", change(annotations, "FieldOptions field = 1080", "FieldOptions field = 1090"), "kalix.field: another schema"},
		"other extendee":                {"kalix/annotations.proto", options + `message FieldOptions {} extend google.protobuf.EnumOptions { FieldOptions field = 1080; }`, "which belongs to kalix.field"},
		"repeated":                      {"kalix/annotations.proto", change(annotations, "  MethodOptions method = 1080", "  repeated MethodOptions method = 1080"), "repeated kalix.MethodOptions"},
		"jwt at another number":         {"kalix/annotations.proto", change(annotations, "JwtFieldOptions jwt = 2", "JwtFieldOptions jwt = 9"), "kalix.FieldOptions.jwt"},
		"jwt with another name":         {"kalix/annotations.proto", change(annotations, "JwtServiceOptions jwt = 5", "JwtServiceOptions token = 5"), "kalix.ServiceOptions.token"},
		"jwt with another type":         {"kalix/annotations.proto", change(annotations, "JwtMethodOptions jwt = 3", "bytes jwt = 3"), "bytes jwt = 3"},
		"jwt with another message type": {"kalix/annotations.proto", change(annotations, "JwtMethodOptions jwt = 3", "JwtFieldOptions jwt = 3"), "kalix.JwtFieldOptions jwt = 3"},
		"field with another type":       {"kalix/jwt.proto", change(jwt, "bool token = 3", "int32 token = 3"), "kalix.JwtFieldOptions.token"},
		"swapped fields":                {"kalix/jwt.proto", change(change(change(jwt, "repeated JwtMethodMode sign = 2", "repeated JwtMethodMode SIGN = 1"), "validate = 1;\n  repeated JwtMethodMode SIGN = 1", "validate = 2;\n  repeated JwtMethodMode sign = 1"), "x", "x"), "kalix.JwtMethodOptions."},
		"enum with other numbers":       {"kalix/jwt.proto", change(jwt, "MESSAGE = 2", "MESSAGE = 3"), "kalix.JwtMethodOptions.MESSAGE"},
		"enum with other names":         {"kalix/jwt.proto", change(jwt, "NEST = 4", "NESTED = 4"), "kalix.JwtFieldOptions.NESTED"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			dir := testkit.Folder(t, map[string]string{c.path: c.text, "user.proto": `syntax = "proto3"; import "` + c.path + `"; message M {}`})
			refused(t, Sources{Protos: []string{dir}}, fault.AnnotationUnreadable, c.want)
			set := protocWith(t, []string{dir, own}, []string{"user.proto"}, "--include_imports")
			refused(t, Sources{DescriptorSets: []string{set}}, fault.AnnotationUnreadable, c.want)
			refused(t, Sources{Protos: []string{fixtures + "/action.proto"}, DescriptorSets: []string{set}}, fault.AnnotationUnreadable, c.want)
		})
	}
}
