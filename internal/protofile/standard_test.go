package protofile

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// useAll imports and uses something from each folder of the bundle.
const useAll = `syntax = "proto3";
package t;
import "google/api/annotations.proto";
import "google/longrunning/operations.proto";
import "google/rpc/status.proto";
import "google/type/date.proto";
import "validate/validate.proto";
import "buf/validate/validate.proto";
import "protoc-gen-openapiv2/options/annotations.proto";
import "kalix/annotations.proto";
option (grpc.gateway.protoc_gen_openapiv2.options.openapiv2_swagger) = {info: {title: "t"}};
message M {
  google.type.Date date = 1;
  google.rpc.Status status = 2;
  string email = 3 [(validate.rules).string.email = true, (buf.validate.field).string.email = true, (kalix.field).jwt = {claim: INCLUDE}];
}
service S {
  rpc Do(M) returns (google.longrunning.Operation) {
    option (google.api.http) = {get: "/do"};
    option (google.longrunning.operation_info) = {response_type: "M"};
    option (kalix.method).jwt = {validate: BEARER_TOKEN};
  }
}
`

// TestBundledImports: a source, and a descriptor set without its imports, find the bundled
// files without an import path (A2), next to a user's own copies of some, which take
// precedence.
func TestBundledImports(t *testing.T) {
	t.Parallel()
	const ownStatus = "syntax = 'proto3'; package google.rpc; message Status { int32 code = 1; string own = 77; }"
	const ownDate = "syntax = 'proto3'; package google.type; message Date { int32 own = 77; }"
	for name, files := range map[string]map[string]string{
		"no copy":                  {"t.proto": useAll},
		"own copies":               {"t.proto": useAll, "google/rpc/status.proto": ownStatus, "google/type/date.proto": ownDate},
		"only own google/api/http": {"t.proto": useAll, "google/api/http.proto": "syntax = 'proto3'; package google.api; message HttpRule { string get = 2; } message Http { repeated HttpRule rules = 1; }"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := testkit.Folder(t, files)
			set := load(t, Sources{ImportPaths: []string{dir}, Protos: []string{dir + "/t.proto"}})
			check := func(set *descset.Set) {
				t.Helper()
				if set.Annotation(set.Method("t.S/Do")) == nil {
					t.Error("the annotation was dropped")
				}
				_, copied := files["google/rpc/status.proto"]
				status := set.Message("google.rpc.Status")
				if status != set.Message("t.M").Fields().ByName("status").Message() {
					t.Error("two types google.rpc.Status")
				}
				if operation := set.Message("google.longrunning.Operation"); operation.Fields().ByName("error").Message() != status {
					t.Error("the bundled file does not use the one google.rpc.Status")
				}
				if got := status.Fields().ByNumber(77) != nil; got != copied {
					t.Errorf("a copy is used: got %t, want %t", got, copied)
				}
			}
			check(set)
			if len(files) == 1 { // the bundle has the rest
				check(load(t, Sources{DescriptorSets: []string{protoc(t, dir, []string{"t.proto"})}}))
			}
		})
	}
}

// TestOwnSetBeforeBundle: a descriptor set's copy of a bundled file is used for sources
// too.
func TestOwnSetBeforeBundle(t *testing.T) {
	t.Parallel()
	date := proto.CloneOf(testkit.Must(descset.LoadSchema()).Bundled("google/type/date.proto"))
	date.MessageType[0].Field = date.MessageType[0].Field[:1]
	set := setOf(t, date)
	dir := testkit.Folder(t, map[string]string{"t.proto": "syntax = 'proto3'; package t; import 'google/type/date.proto'; message M { google.type.Date d = 1; }", "set.binpb": string(set)})
	got := load(t, Sources{Protos: []string{dir + "/t.proto"}, DescriptorSets: []string{dir + "/set.binpb"}})
	if n := got.Message("t.M").Fields().Get(0).Message().Fields().Len(); n != 1 {
		t.Errorf("the Date has %d fields, want 1", n)
	}
}

// TestMissingImports: all are reported at once, each with the position of the import and
// what to do.
func TestMissingImports(t *testing.T) {
	dir := testkit.Folder(t, map[string]string{
		"api/a.proto": "syntax = 'proto3';\nimport 'acme/one.proto';\nimport 'sub/two.proto';\nimport 'envoy/x.proto';\nimport 'kalix/annotations.proto';\n",
		"api/b.proto": "syntax = 'proto3';\nimport 'acme/one.proto';\nimport 'acme/three.proto';\nimport 'a.proto';\n",
		"buf/c.proto": "syntax = 'proto3';\nimport 'acme/four.proto';\n", "buf/buf.yaml": "version: v2\n",
		"sub/two.proto": "syntax = 'proto3';", "api/bad.proto": "syntax = 'proto3';\nmessage {}\n",
	})
	t.Chdir(dir)
	for name, c := range map[string]struct {
		protos []string
		want   []string
	}{
		"files": {[]string{"api/a.proto", "api/b.proto"}, []string{
			"api/a.proto:2:8: import of acme/one.proto: not found in any import path, nor bundled with jwtctl|add the import directory with -I",
			"api/b.proto:3:8: import of acme/three.proto: not found in any import path, nor bundled with jwtctl|add the import directory with -I",
			"api/a.proto:4:8: import of envoy/x.proto: not found in any import path, nor bundled with jwtctl|buf export buf.build/envoyproxy/envoy -o third_party, then add -I third_party",
		}},
		"syntax error too": {[]string{"api/bad.proto", "api/b.proto"}, []string{"api/bad.proto:2:9: syntax error|", "import of acme/one.proto|", "import of acme/three.proto|"}},
		"buf.yaml":         {[]string{"buf/c.proto"}, []string{"buf/c.proto:2:8: import of acme/four.proto|for a descriptor set with all imports (buf.yaml in buf may name them), run buf build buf -o api.binpb"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(t.Context(), Sources{ImportPaths: []string{"api", "buf"}, Protos: c.protos})
			var got []string
			for _, one := range fault.All(err) {
				if f, is := one.(*fault.Error); is {
					got = append(got, f.Error()+"|"+f.Hint)
				}
			}
			for _, want := range c.want {
				text, hint, _ := strings.Cut(want, "|")
				if !slices.ContainsFunc(got, func(line string) bool {
					gotText, gotHint, _ := strings.Cut(line, "|")
					return strings.Contains(gotText, text) && strings.Contains(gotHint, hint)
				}) {
					t.Errorf("want %q in\n%s", want, strings.Join(got, "\n"))
				}
			}
		})
	}
	_, err := Load(t.Context(), Sources{ImportPaths: []string{"api"}, Protos: []string{"api/a.proto"}})
	if !strings.Contains(err.Error(), "import of sub/two.proto") {
		t.Errorf("got %v, want %q in it", err, "import of sub/two.proto")
	}
}

// TestManyMissingImports: the report is limited, and counts the rest.
func TestManyMissingImports(t *testing.T) {
	var source strings.Builder
	source.WriteString("syntax = 'proto3';\n")
	for i := range 50 {
		source.WriteString("import 'lost/" + string(rune('a'+i/10)) + string(rune('a'+i%10)) + ".proto';\n")
	}
	dir := testkit.Folder(t, map[string]string{"a.proto": source.String()})
	_, err := Load(t.Context(), Sources{Protos: []string{dir}})
	list := fault.All(err)
	if len(list) != maxMissing || !strings.Contains(list[maxMissing-1].Error(), "30 more imports are missing") {
		t.Errorf("got %d errors, the last %v", len(list), list[len(list)-1])
	}
}
