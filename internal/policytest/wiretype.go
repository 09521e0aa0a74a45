package policytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// EveryField has a field of each kind in each role that an annotation can give it.
const EveryField = `
enum E { ZERO = 0; ONE = 1; }
message Inner { string s = 1 [(kalix.field).jwt = {claim: INCLUDE, name: "inner_s"}]; string free = 2; map<string, int32> numbers = 3; }
message Sub { string sub_claim = 1 [(kalix.field).jwt = {claim: INCLUDE}]; string sub_tok = 2 [(kalix.field).jwt = {token: true}]; string free = 3; }
message All {
  string tok = 1 [(kalix.field).jwt = {token: true}];
  string str = 2 [(kalix.field).jwt = {claim: INCLUDE}];
  bytes byt = 3 [(kalix.field).jwt = {claim: INCLUDE}];
  Inner msg = 4 [(kalix.field).jwt = {claim: INCLUDE}];
  repeated string reps = 5 [(kalix.field).jwt = {claim: INCLUDE}];
  repeated int32 ints = 6 [(kalix.field).jwt = {claim: INCLUDE}];
  map<string, string> entries = 7 [(kalix.field).jwt = {claim: INCLUDE}];
  E enm = 8 [(kalix.field).jwt = {claim: INCLUDE}];
  oneof pick { string left = 9 [(kalix.field).jwt = {claim: INCLUDE}]; int64 right = 10 [(kalix.field).jwt = {claim: INCLUDE}]; }
  string ext = 11 [(kalix.field).jwt = {claim: EXTRACT}];
  map<string, string> raw = 12 [(kalix.field).jwt = {claim: RAW}];
  Sub nested = 13 [(kalix.field).jwt = {token: true}];
  Inner desc = 14 [(kalix.field).jwt = {claim: DESCEND}];
  Inner nest = 15 [(kalix.field).jwt = {claim: NEST}];
  bool flag = 16 [(kalix.field).jwt = {claim: INCLUDE}];
  fixed32 f32 = 17 [(kalix.field).jwt = {claim: INCLUDE}];
  fixed64 f64 = 18 [(kalix.field).jwt = {claim: INCLUDE}];
  string free = 19;
  Inner free_msg = 20;
  google.protobuf.Any any = 21 [(kalix.field).jwt = {claim: INCLUDE}];
  google.protobuf.Any free_any = 22;
  repeated Inner list = 23;
  map<string, Inner> by_name = 24;
  repeated Sub subs = 25 [(kalix.field).jwt = {token: true}];
}
service S {
  rpc Check(All) returns (All) { option (kalix.method).jwt = {validate: MESSAGE}; }
  rpc CheckClient(stream All) returns (All) { option (kalix.method).jwt = {validate: MESSAGE}; }
  rpc CheckServer(All) returns (stream All) { option (kalix.method).jwt = {validate: MESSAGE}; }
  rpc CheckBidi(stream All) returns (stream All) { option (kalix.method).jwt = {validate: MESSAGE}; }
  rpc Sign(All) returns (All) { option (kalix.method).jwt = {sign: MESSAGE}; }
}`

const EveryValue = `{"str":"alice","byt":"AAE=","msg":{"s":"a"},"reps":["x","y"],"ints":[1,2],"entries":{"k":"v"},"enm":"ONE","left":"l","ext":"e","nested":{"sub_claim":"c"},
	"desc":{"s":"d"},"nest":{"s":"n"},"flag":true,"f32":7,"f64":"8","free":"f","free_msg":{"free":"x"},"any":{"@type":"x/t.Inner","s":"in"},"free_any":{"@type":"x/t.Inner","s":"in"},
	"list":[{"s":"1"},{"s":"2"}],"by_name":{"a":{"s":"b","numbers":{"one":1}}},"subs":[{"sub_claim":"1"},{"sub_claim":"2"}]}`

// WireValue returns a field of this number and wire type that some readers would take
// for a value of any field.
func WireValue(number protowire.Number, typ protowire.Type) []byte {
	b := protowire.AppendTag(nil, number, typ)
	switch typ {
	case protowire.VarintType:
		return protowire.AppendVarint(b, 9)
	case protowire.Fixed32Type:
		return protowire.AppendFixed32(b, 9)
	case protowire.Fixed64Type:
		return protowire.AppendFixed64(b, 9)
	case protowire.BytesType:
		return protowire.AppendString(b, "admin-bob")
	}
	return protowire.AppendTag(protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), "admin-bob"), number, protowire.EndGroupType)
}

// WrongWireTypes are the wire types that fd has in no encoding.
func WrongWireTypes(fd protoreflect.FieldDescriptor) []protowire.Type {
	var list []protowire.Type
	for _, typ := range []protowire.Type{protowire.VarintType, protowire.Fixed32Type, protowire.Fixed64Type, protowire.BytesType, protowire.StartGroupType} {
		if typ != wireType(fd.Kind()) && !(typ == protowire.BytesType && fd.IsList()) { // packed, or else of bytes
			list = append(list, typ)
		}
	}
	return list
}

// Within replaces the content of the first message at path of wire by the result of edit.
func Within(t testing.TB, wire []byte, path []protowire.Number, edit func([]byte) []byte) []byte {
	t.Helper()
	if len(path) == 0 {
		return edit(wire)
	}
	for at := 0; at < len(wire); {
		number, typ, n := protowire.ConsumeField(wire[at:])
		if number == path[0] && typ == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(wire[at:])
			inner, _ := protowire.ConsumeBytes(wire[at+tag:])
			out := protowire.AppendTag(slices.Clone(wire[:at]), number, typ)
			return append(protowire.AppendBytes(out, Within(t, inner, path[1:], edit)), wire[at+n:]...)
		}
		at += n
	}
	t.Fatalf("nothing at %v", path)
	return nil
}

// Places are the messages Within an All, by the path to them and their type.
var Places = map[string]struct {
	Path []protowire.Number
	Type protoreflect.FullName
}{
	"top":             {nil, "t.All"},
	"INCLUDE":         {[]protowire.Number{4}, "t.Inner"},
	"nested token":    {[]protowire.Number{13}, "t.Sub"},
	"nested tokens":   {[]protowire.Number{25}, "t.Sub"},
	"DESCEND":         {[]protowire.Number{14}, "t.Inner"},
	"NEST":            {[]protowire.Number{15}, "t.Inner"},
	"not annotated":   {[]protowire.Number{20}, "t.Inner"},
	"Any, INCLUDE":    {[]protowire.Number{21, 2}, "t.Inner"},
	"Any":             {[]protowire.Number{22, 2}, "t.Inner"},
	"Any itself":      {[]protowire.Number{22}, "google.protobuf.Any"},
	"list":            {[]protowire.Number{23}, "t.Inner"},
	"map":             {[]protowire.Number{24, 2}, "t.Inner"},
	"map entry":       {[]protowire.Number{24}, "t.All.ByNameEntry"},
	"claim map entry": {[]protowire.Number{7}, "t.All.EntriesEntry"},
	"map in a map":    {[]protowire.Number{24, 2, 3}, "t.Inner.NumbersEntry"},
}

// WireCase is a request of type All, in wire form, in which a field has a wire type that
// is not its own.
type WireCase struct {
	Name string
	// Place is one of Places, and Field the name of the field.
	Place string
	Field protoreflect.Name
	Wire  []byte
}

// WireCases returns a good request of EveryField, and variants of it that have, in one of
// Places, a field of each kind with each wrong wire type: before the existing field,
// after it, both, and instead of it (S82).
func (w *World) WireCases() (good []byte, cases []WireCase) {
	w.TB.Helper()
	good = w.SignedWire("All", EveryValue)
	for _, place := range slices.Sorted(maps.Keys(Places)) {
		in := Places[place]
		desc := w.Descriptor(in.Type)
		for i := range desc.Fields().Len() {
			fd := desc.Fields().Get(i)
			for _, typ := range WrongWireTypes(fd) {
				bad := WireValue(fd.Number(), typ)
				for how, edit := range map[string]func(b []byte) []byte{
					"before": func(b []byte) []byte { return append(slices.Clone(bad), b...) },
					"after":  func(b []byte) []byte { return append(slices.Clone(b), bad...) },
					"twice":  func(b []byte) []byte { return slices.Concat(bad, b, bad) },
					"alone":  func([]byte) []byte { return bad },
				} {
					if how == "alone" && place == "top" {
						continue // that is another fault: it has no token
					}
					name := fmt.Sprintf("%s of %s, wire type %d, %s", fd.Name(), place, typ, how)
					cases = append(cases, WireCase{name, place, fd.Name(), Within(w.TB, good, in.Path, edit)})
				}
			}
		}
	}
	return good, cases
}

// SignedWire returns the wire form of the message that json makes, with its tokens.
func (w *World) SignedWire(name, json string) []byte {
	w.TB.Helper()
	m, err := w.Sign(name, json, nil)
	if err != nil {
		w.TB.Fatal(err)
	}
	b, err := proto.Marshal(m)
	if err != nil {
		w.TB.Fatal(err)
	}
	return b
}

// Descriptor returns that of a message, or of a map's entry.
func (w *World) Descriptor(name protoreflect.FullName) protoreflect.MessageDescriptor {
	w.TB.Helper()
	if entry, ok := strings.CutSuffix(string(name), "Entry"); ok { // not a type in the source
		parent := w.Descriptor(protoreflect.FullName(entry).Parent())
		return parent.Messages().ByName(name.Name())
	}
	mt, err := w.Set.Types().FindMessageByName(name)
	if err != nil {
		w.TB.Fatal(err)
	}
	return mt.Descriptor()
}
