package message

import (
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

// protos are files in three syntaxes, with a message that nests itself in every possible
// way.
var protos = map[string]string{
	"p3.proto": `
syntax = "proto3";
package p3;
import "google/protobuf/any.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/wrappers.proto";
enum Level { NONE = 0; LOW = 1; }
message Node {
  string my_token = 1;
  Node child = 2;
  repeated Node nodes = 3;
  map<string, Node> by_name = 4;
  google.protobuf.Any any = 5;
  google.protobuf.Struct struct = 6;
  google.protobuf.Value value = 7;
  oneof pick { string left = 8; int64 right = 9; Node middle = 10; }
  optional bool maybe = 11;
  bytes data = 12;
  double ratio = 13;
  Level level = 14;
  google.protobuf.Timestamp time = 15;
  google.protobuf.FieldMask mask = 16;
  google.protobuf.Int64Value wide = 17;
  map<int32, Level> levels = 18;
  google.protobuf.Duration duration = 19;
  google.protobuf.ListValue list = 20;
  google.protobuf.Empty empty = 21;
  int32 n = 22;
}
`,
	"p2.proto": `
syntax = "proto2";
package p2;
message Needs { required string id = 1; optional group Part = 2 { optional int32 n = 1; } extensions 100 to 200; }
extend Needs { optional int64 more = 100; }
message Hard { required string id = 1; }
message Below { optional Hard one = 1; repeated Hard list = 2; map<string, Hard> by_name = 3; optional Below loop = 4; }
message Wide { extensions 100 to 200; }
extend Wide { optional Hard hard = 100; }
message Same { optional string a_b = 1 [json_name = "x"]; optional string c = 2 [json_name = "y"]; }
`,
	"e23.proto": `
edition = "2023";
package e23;
message Card { string id = 1; int32 n = 2 [features.field_presence = IMPLICIT]; Card card = 3 [features.message_encoding = DELIMITED]; }
`,
}

func load(tb testing.TB) *descset.Set {
	tb.Helper()
	return protokit.Set(tb, protokit.Sources(tb, tb.TempDir(), "", protos))
}

// find returns the descriptor called name, in the set or its imports.
func find(tb testing.TB, set *descset.Set, name protoreflect.FullName) protoreflect.MessageDescriptor {
	tb.Helper()
	found, err := set.Types().FindMessageByName(name)
	if err != nil {
		tb.Fatal(err)
	}
	return found.Descriptor()
}
