package descset

import (
	"strings"
	"testing"
)

// TestStandardFiles: all files that protoc provides are available, linked and
// self-contained.
func TestStandardFiles(t *testing.T) {
	t.Parallel()
	s := &Schema{bundled: readBundle}
	for _, name := range []string{
		"any", "api", "compiler/plugin", "cpp_features", "descriptor", "duration", "empty", "field_mask",
		"go_features", "java_features", "source_context", "struct", "timestamp", "type", "wrappers",
	} {
		name = "google/protobuf/" + name + ".proto"
		if got := s.Standard(name); got == nil || got.Path() != name {
			t.Errorf("%s is missing", name)
		}
	}
	for name := range readBundle().protos {
		if IsWellKnown(name) != strings.HasPrefix(name, "google/protobuf/") {
			t.Errorf("%s: got well-known %v", name, IsWellKnown(name))
		}
	}
	for _, name := range []string{"google/protobuf/nothing.proto", "google/protobuf/any", "google/protobuf/", "google/protobuf/sub/any.proto"} {
		if IsWellKnown(name) {
			t.Errorf("%s is not one of protobuf's files", name)
		}
	}
	if s.Standard("google/protobuf/nothing.proto") != nil || s.Standard("google/type/date.proto") != nil {
		t.Error("other files are reported as well-known")
	}
}

// TestBundle: files that annotated ones often import, and their imports, are available in
// every folder (A2).
func TestBundle(t *testing.T) {
	t.Parallel()
	b := readBundle()
	for _, name := range []string{
		"google/api/annotations.proto", "google/api/field_behavior.proto", "google/api/resource.proto", "google/api/client.proto", "google/api/visibility.proto", "google/api/httpbody.proto",
		"google/rpc/status.proto", "google/rpc/error_details.proto", "google/rpc/code.proto", "google/type/date.proto", "google/type/money.proto", "google/type/postal_address.proto",
		"google/longrunning/operations.proto", "validate/validate.proto", "buf/validate/validate.proto",
		"protoc-gen-openapiv2/options/annotations.proto", "protoc-gen-openapiv2/options/openapiv2.proto",
	} {
		if b.protos[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
	for name, f := range b.protos {
		for _, dep := range f.GetDependency() {
			if b.protos[dep] == nil {
				t.Errorf("%s imports %s, which is missing", name, dep)
			}
		}
		if f.GetSourceCodeInfo() != nil {
			t.Errorf("%s has source info", name)
		}
	}
}
