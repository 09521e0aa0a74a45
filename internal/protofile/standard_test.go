package protofile

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/descset"
)

var update = flag.Bool("update", false, "write standard.binpb")

// TestStandardFiles: what is embedded is what Google generates its packages from,
// and with what those of protobuf are linked in, it is all that protoc brings.
func TestStandardFiles(t *testing.T) {
	brought := []string{ // by protoc; protocompile has them too
		"any", "api", "compiler/plugin", "cpp_features", "descriptor", "duration", "empty", "field_mask",
		"go_features", "java_features", "source_context", "struct", "timestamp", "type", "wrappers",
	}
	files := []protoreflect.FileDescriptor{
		annotations.File_google_api_annotations_proto, annotations.File_google_api_client_proto,
		annotations.File_google_api_field_behavior_proto, annotations.File_google_api_field_info_proto,
		annotations.File_google_api_http_proto, annotations.File_google_api_resource_proto,
		annotations.File_google_api_routing_proto, httpbody.File_google_api_httpbody_proto,
	}
	none := protocompile.ResolverFunc(func(string) (protocompile.SearchResult, error) {
		return protocompile.SearchResult{}, protoregistry.NotFound
	})
	for _, name := range brought {
		f, err := protocompile.WithStandardImports(none).FindFileByPath("google/protobuf/" + name + ".proto")
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f.Desc)
	}
	set := bundleOf(files...)
	set.File = slices.DeleteFunc(set.File, func(f *descriptorpb.FileDescriptorProto) bool {
		return slices.Contains(generated, f.GetName())
	})
	want, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(own+"/standard.binpb", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(must(os.ReadFile(own+"/standard.binpb")), want) {
		t.Error("standard.binpb is not what Google has: go test ./internal/protofile -run TestStandardFiles -update")
	}
	for _, f := range files {
		s := must(descset.LoadSchema())
		if got := s.Standard(f.Path()); got == nil || got.Path() != f.Path() {
			t.Errorf("%s is not there", f.Path())
		}
	}
}

// generated are the files that packages of the program have, tests aside.
var generated = []string{
	"google/protobuf/any.proto", "google/protobuf/descriptor.proto", "google/protobuf/duration.proto", "google/protobuf/empty.proto",
	"google/protobuf/field_mask.proto", "google/protobuf/go_features.proto", "google/protobuf/struct.proto",
	"google/protobuf/timestamp.proto", "google/protobuf/wrappers.proto",
}
