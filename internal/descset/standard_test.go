package descset

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

var update = flag.Bool("update", false, "write google_api.binpb")

// TestGoogleAPI: what is embedded is what Google generates its packages from.
func TestGoogleAPI(t *testing.T) {
	set := bundle(
		annotations.File_google_api_annotations_proto, annotations.File_google_api_client_proto,
		annotations.File_google_api_field_behavior_proto, annotations.File_google_api_field_info_proto,
		annotations.File_google_api_http_proto, annotations.File_google_api_resource_proto,
		annotations.File_google_api_routing_proto, httpbody.File_google_api_httpbody_proto,
	)
	set.File = slices.DeleteFunc(set.File, func(f *descriptorpb.FileDescriptorProto) bool { return isWellKnown(f.GetName()) })
	want, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("google_api.binpb", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(googleAPI, want) {
		t.Error("google_api.binpb is not what google.golang.org/genproto has: go test ./internal/descset -run TestGoogleAPI -update")
	}
}
