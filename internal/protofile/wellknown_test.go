package protofile

import (
	"path/filepath"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestS51_RedefinedWellKnownType: a type for which protojson uses a special form by name
// must have the expected fields, wherever it is declared.
func TestS51_RedefinedWellKnownType(t *testing.T) {
	tests := map[string]struct {
		file, text string
		bad        bool
	}{
		"in another file":       {"x.proto", `syntax = "proto3"; package google.protobuf; message Timestamp { string when = 1; }`, true},
		"in its own file":       {"google/protobuf/duration.proto", `syntax = "proto3"; package google.protobuf; message Duration { int64 seconds = 1; }`, false}, // not read: the compiler's own file is used
		"other types":           {"x.proto", `syntax = "proto3"; package google.protobuf; message Any { string type_url = 1; string value = 2; }`, true},
		"list instead of a map": {"x.proto", `syntax = "proto3"; package google.protobuf; message Struct { repeated string fields = 1; }`, true},
		"same definition":       {"x.proto", `syntax = "proto3"; package google.protobuf; message Empty {}`, false},
		"different name":        {"x.proto", `syntax = "proto3"; package google.protobuf; message Mine { string when = 1; }`, false},
		"other package":         {"x.proto", `syntax = "proto3"; package other; message Timestamp { string when = 1; }`, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := testkit.Folder(t, map[string]string{tt.file: tt.text})
			src := Sources{ImportPaths: []string{dir}, Protos: []string{filepath.Join(dir, tt.file)}}
			if tt.bad {
				refused(t, src, fault.DescriptorInvalid, "differs from the well-known type of that name")
				return
			}
			if d := load(t, src).Message("google.protobuf.Duration"); d != nil && d.Fields().Len() != 2 {
				t.Errorf("got %d fields in Duration", d.Fields().Len())
			}
		})
	}
}
