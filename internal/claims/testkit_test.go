package claims

import (
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/strictjson"
	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

// proto3 has a field of every kind and cardinality, named accordingly.
const proto3 = `
syntax = "proto3";
package p3;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

enum Level { LEVEL_NONE = 0; LEVEL_LOW = 1; LEVEL_HIGH = 2; }

message Child {
  string name = 1;
  int64 big = 2;
  repeated Child children = 3;
  google.protobuf.Any any = 4;
  optional int32 maybe = 5;
}

message All {
  bool bool = 1; string string = 2; bytes bytes = 3; Level level = 4;
  int32 int32 = 5; sint32 sint32 = 6; sfixed32 sfixed32 = 7; uint32 uint32 = 8; fixed32 fixed32 = 9;
  int64 int64 = 10; sint64 sint64 = 11; sfixed64 sfixed64 = 12; uint64 uint64 = 13; fixed64 fixed64 = 14;
  float float = 15; double double = 16; Child child = 17;

  repeated bool bools = 21; repeated string strings = 22; repeated bytes bytess = 23; repeated Level levels = 24;
  repeated int32 int32s = 25; repeated int64 int64s = 26; repeated uint64 uint64s = 27;
  repeated float floats = 28; repeated double doubles = 29; repeated Child childs = 30;

  map<string, bool> m_bool = 41; map<string, string> m_string = 42; map<string, bytes> m_bytes = 43;
  map<string, Level> m_level = 44; map<string, int32> m_int32 = 45; map<string, int64> m_int64 = 46;
  map<string, uint32> m_uint32 = 47; map<string, uint64> m_uint64 = 48; map<string, float> m_float = 49;
  map<string, double> m_double = 50; map<string, Child> m_child = 51;
  map<string, google.protobuf.Value> m_value = 52; map<string, google.protobuf.Timestamp> m_time = 53;
  map<string, google.protobuf.NullValue> m_null = 54; map<int32, string> numbered = 55;

  optional bool o_bool = 61; optional string o_string = 62; optional int64 o_int64 = 63; optional double o_double = 64;
  oneof pick { string one_string = 71; int64 one_int64 = 72; Child one_child = 73; }

  google.protobuf.Timestamp time = 81; google.protobuf.Duration duration = 82; google.protobuf.Struct struct = 83;
  google.protobuf.Value value = 84; google.protobuf.ListValue list = 85; google.protobuf.NullValue null = 86;
  google.protobuf.FieldMask mask = 87; google.protobuf.Any any = 88; google.protobuf.Empty empty = 89;
  google.protobuf.BoolValue w_bool = 90; google.protobuf.Int32Value w_int32 = 91; google.protobuf.Int64Value w_int64 = 92;
  google.protobuf.UInt32Value w_uint32 = 93; google.protobuf.UInt64Value w_uint64 = 94; google.protobuf.FloatValue w_float = 95;
  google.protobuf.DoubleValue w_double = 96; google.protobuf.StringValue w_string = 97; google.protobuf.BytesValue w_bytes = 98;
  repeated google.protobuf.Value values = 99;
}
`

const proto2 = `
syntax = "proto2";
package p2;
enum Closed { ONE = 1; TWO = 2; }
message All {
  optional string string = 1; optional int64 int64 = 2 [default = 7]; optional bool bool = 3 [default = true];
  optional Closed closed = 4; repeated Closed closeds = 5; optional double double = 6;
  optional group Part = 7 { required string id = 1; optional bytes data = 2; }
  repeated group Piece = 8 { optional int32 n = 1; }
  optional Open open = 9;
}
message Open { optional string name = 1; extensions 100 to 200; }
extend Open { optional int64 more = 100; }
`

const edition2023 = `
edition = "2023";
package e23;
enum Open { OPEN_ZERO = 0; OPEN_ONE = 1; }
enum Closed { option features.enum_type = CLOSED; CLOSED_ONE = 1; CLOSED_TWO = 2; }
message All {
  string string = 1; int64 int64 = 2; string implicit = 3 [features.field_presence = IMPLICIT];
  Open open = 4; Closed closed = 5; double double = 6; bool bool = 7; bytes bytes = 8;
  Part part = 9 [features.message_encoding = DELIMITED];
  repeated fixed64 unpacked = 10 [features.repeated_field_encoding = EXPANDED];
  string loose = 11 [features.utf8_validation = NONE];
}
message Part { string id = 1 [features.field_presence = LEGACY_REQUIRED]; }
`

// schema is the three files, with a codec for their types.
type schema struct {
	set   *descset.Set
	codec *Codec
}

func newSchema(tb testing.TB) schema {
	tb.Helper()
	set := protokit.Set(tb, protokit.Sources(tb, tb.TempDir(), "", map[string]string{"p3.proto": proto3, "p2.proto": proto2, "e23.proto": edition2023}))
	return schema{set, New(set.Types())}
}

// field returns an empty message and its field by the name "pkg.Message.field".
func (s schema) field(tb testing.TB, name protoreflect.FullName) (protoreflect.Message, protoreflect.FieldDescriptor) {
	tb.Helper()
	desc := s.set.Message(string(name.Parent()))
	if desc == nil || desc.Fields().ByName(name.Name()) == nil {
		tb.Fatalf("no field %s", name)
	}
	return dynamicpb.NewMessage(desc), desc.Fields().ByName(name.Name())
}

// value returns a message with the field set to the value that protojson, which is not
// under test here, parses from text.
func (s schema) value(tb testing.TB, name protoreflect.FullName, text string) (protoreflect.Message, protoreflect.FieldDescriptor) {
	tb.Helper()
	m, fd := s.field(tb, name)
	err := protojson.UnmarshalOptions{Resolver: s.set.Types()}.Unmarshal([]byte(`{"`+fd.JSONName()+`":`+text+`}`), m.Interface())
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return m, fd
}

// wantEqual fails unless got equals want, and prints both.
func wantEqual(tb testing.TB, got, want protoreflect.Message) {
	tb.Helper()
	if !proto.Equal(got.Interface(), want.Interface()) {
		tb.Errorf("got  %v\nwant %v", got, want)
	}
}

func claim(text string) strictjson.Value { return strictjson.Value(text) }
