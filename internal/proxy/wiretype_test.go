package proxy_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/sign"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// everyField has a field of each kind in each role that an annotation can give it.
const everyField = `
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
  rpc CheckBidi(stream All) returns (stream All) { option (kalix.method).jwt = {validate: MESSAGE}; }
  rpc Sign(All) returns (All) { option (kalix.method).jwt = {sign: MESSAGE}; }
}`

const everyValue = `{"str":"alice","byt":"AAE=","msg":{"s":"a"},"reps":["x","y"],"ints":[1,2],"entries":{"k":"v"},"enm":"ONE","left":"l","ext":"e","nested":{"sub_claim":"c"},
	"desc":{"s":"d"},"nest":{"s":"n"},"flag":true,"f32":7,"f64":"8","free":"f","free_msg":{"free":"x"},"any":{"@type":"x/t.Inner","s":"in"},"free_any":{"@type":"x/t.Inner","s":"in"},
	"list":[{"s":"1"},{"s":"2"}],"by_name":{"a":{"s":"b","numbers":{"one":1}}},"subs":[{"sub_claim":"1"},{"sub_claim":"2"}]}`

// value returns a field of this number and wire type that some readers would take
// for a value of any field.
func value(number protowire.Number, typ protowire.Type) []byte {
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

// wrongTypes are the wire types that fd has in no encoding.
func wrongTypes(fd protoreflect.FieldDescriptor) []protowire.Type {
	var list []protowire.Type
	for _, typ := range []protowire.Type{protowire.VarintType, protowire.Fixed32Type, protowire.Fixed64Type, protowire.BytesType, protowire.StartGroupType} {
		right := map[protoreflect.Kind]protowire.Type{
			protoreflect.StringKind: protowire.BytesType, protoreflect.BytesKind: protowire.BytesType, protoreflect.MessageKind: protowire.BytesType,
			protoreflect.GroupKind: protowire.StartGroupType, protoreflect.Fixed32Kind: protowire.Fixed32Type, protoreflect.Fixed64Kind: protowire.Fixed64Type,
		}[fd.Kind()] // varint for all else
		if typ != right && !(typ == protowire.BytesType && fd.IsList()) { // packed, or else of bytes
			list = append(list, typ)
		}
	}
	return list
}

// within replaces what is in the first message at path of wire by what edit makes
// of it.
func within(t *testing.T, wire []byte, path []protowire.Number, edit func([]byte) []byte) []byte {
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
			return append(protowire.AppendBytes(out, within(t, inner, path[1:], edit)), wire[at+n:]...)
		}
		at += n
	}
	t.Fatalf("nothing at %v", path)
	return nil
}

// places are the messages within an All, by the path to them and their type.
var places = map[string]struct {
	path []protowire.Number
	desc protoreflect.FullName
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

// TestS82_OtherWireTypes refuses a request in which a number that the type
// declares comes in another wire type, wherever it is: other implementations of
// protobuf would read it as the field, which nothing has checked (A38).
func TestS82_OtherWireTypes(t *testing.T) {
	t.Parallel()
	r := start(t, setup{source: everyField})
	good := r.signed(t, "All", everyValue)
	pass := func(what string, request []byte) {
		t.Helper()
		if err := r.conn.Invoke(context.Background(), "/t.S/Check", &request, new([]byte), grpc.ForceCodecV2(bytesCodec{})); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	cases := 0
	refuse := func(what string, request []byte) {
		t.Helper()
		if cases++; cases%2 == 0 { // so that refusals are not held
			pass("a good request", good)
		}
		before := r.upstream.calls.Load()
		err := r.conn.Invoke(context.Background(), "/t.S/Check", &request, new([]byte), grpc.ForceCodecV2(bytesCodec{}))
		if status.Code(err) != codes.InvalidArgument || r.upstream.calls.Load() != before {
			t.Errorf("%s: %v, %d calls of the upstream", what, err, r.upstream.calls.Load()-before)
		}
	}
	for place, in := range places {
		desc := r.descriptor(t, in.desc)
		for i := range desc.Fields().Len() {
			fd := desc.Fields().Get(i)
			for _, typ := range wrongTypes(fd) {
				bad := value(fd.Number(), typ)
				for how, edit := range map[string]func(b []byte) []byte{
					"before": func(b []byte) []byte { return append(slices.Clone(bad), b...) },
					"after":  func(b []byte) []byte { return append(slices.Clone(b), bad...) },
					"twice":  func(b []byte) []byte { return slices.Concat(bad, b, bad) },
					"alone":  func([]byte) []byte { return bad },
				} {
					if how == "alone" && place == "top" {
						continue // that is another fault: it has no token
					}
					refuse(fmt.Sprintf("%s of %s, wire type %d, %s", fd.Name(), place, typ, how), within(t, good, in.path, edit))
				}
			}
		}
	}
	if cases < 500 {
		t.Errorf("%d cases", cases)
	}
	r.upstream.become(func(_ string, ss grpc.ServerStream) error {
		if err := ss.RecvMsg(dynamicpb.NewMessage(r.descriptor(t, "t.All"))); err != nil {
			return err
		}
		return ss.SendMsg(dynamicpb.NewMessage(r.descriptor(t, "t.All")))
	})
	for place, in := range places { // what no type declares stays, but not within a claim
		err := r.conn.Invoke(context.Background(), "/t.S/Check", ptr(within(t, good, in.path, func(b []byte) []byte { return append(slices.Clone(b), value(1000, protowire.BytesType)...) })), new([]byte), grpc.ForceCodecV2(bytesCodec{}))
		if claim := place == "INCLUDE" || place == "Any, INCLUDE"; claim != (status.Code(err) == codes.PermissionDenied) || !claim && err != nil {
			t.Errorf("an unknown number in %s: %v", place, err)
		}
	}
}

func ptr(b []byte) *[]byte { return &b }

// signed returns the wire form of the message that json makes, with its tokens.
func (r *rig) signed(t *testing.T, name, json string) []byte {
	t.Helper()
	m, err := r.Sign(name, json, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (r *rig) descriptor(t *testing.T, name protoreflect.FullName) protoreflect.MessageDescriptor {
	t.Helper()
	if entry, ok := strings.CutSuffix(string(name), "Entry"); ok { // no type of its own
		parent := r.descriptor(t, protoreflect.FullName(entry).Parent())
		return parent.Messages().ByName(name.Name())
	}
	mt, err := r.Set.Types().FindMessageByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return mt.Descriptor()
}

// TestA38_AnAnyGoesOnAsItWasChecked: the bytes in an Any are those of the message
// that was compared, so that no reader finds two members of a oneof.
func TestA38_AnAnyGoesOnAsItWasChecked(t *testing.T) {
	t.Parallel()
	r := start(t, setup{source: `
message Who { oneof who { string admin = 1; string user = 2; } }
message Msg { string tok = 1 [(kalix.field).jwt = {token: true}]; google.protobuf.Any any = 2 [(kalix.field).jwt = {claim: INCLUDE}]; google.protobuf.Any free = 3; }
service S { rpc Check(Msg) returns (Msg) { option (kalix.method).jwt = {validate: MESSAGE}; } rpc Sign(Msg) returns (Msg) { option (kalix.method).jwt = {sign: MESSAGE}; } }`})
	inner := func(numbers ...protowire.Number) []byte {
		var b []byte
		for _, n := range numbers {
			b = protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), map[protowire.Number]string{1: "root", 2: "alice"}[n])
		}
		return b
	}
	good := r.signed(t, "Msg", `{"any":{"@type":"x/t.Who","user":"alice"},"free":{"@type":"x/t.Who","user":"alice"}}`)
	for _, path := range [][]protowire.Number{{2, 2}, {3, 2}} {
		double := within(t, good, path, func([]byte) []byte { return inner(1, 2) })
		for _, method := range []string{"Check", "Sign"} {
			got := make(chan []byte, 1)
			r.upstream.become(func(_ string, ss grpc.ServerStream) error {
				m := dynamicpb.NewMessage(r.descriptor(t, "t.Msg"))
				if err := ss.RecvMsg(m); err != nil {
					return err
				}
				b, err := proto.Marshal(m)
				got <- b
				if method == "Sign" {
					m.Reset()
					err = proto.Unmarshal(double, m)
				}
				if err != nil {
					return err
				}
				return ss.SendMsg(m)
			})
			var answer []byte
			if err := r.conn.Invoke(context.Background(), "/t.S/"+method, &double, &answer, grpc.ForceCodecV2(bytesCodec{})); err != nil {
				t.Fatal(err)
			}
			seen := <-got
			if method == "Sign" {
				seen = answer
			}
			within(t, seen, path, func(b []byte) []byte {
				if !slices.Equal(b, inner(2)) {
					t.Errorf("%s, %v: %q", method, path, b)
				}
				return b
			})
		}
	}
}

// TestA38_AnyOfUnknownType: what is in an Any must be known where it is validated,
// as offline; in a response it may be anything, unless it is a claim.
func TestA38_AnyOfUnknownType(t *testing.T) {
	t.Parallel()
	r := start(t, setup{source: everyField})
	good := r.signed(t, "All", everyValue)
	rename := func([]byte) []byte { return []byte("x/t.Nothing") }
	unknown := within(t, good, []protowire.Number{22, 1}, rename)
	if err := r.conn.Invoke(context.Background(), "/t.S/Check", &unknown, new([]byte), grpc.ForceCodecV2(bytesCodec{})); status.Code(err) != codes.InvalidArgument || r.upstream.calls.Load() != 0 {
		t.Error(err)
	}
	for _, path := range [][]protowire.Number{{22, 1}, {21, 1}} {
		p, m := r.Message("All", `{}`)
		if err := proto.Unmarshal(within(t, good, path, rename), m); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Signer.Message(p, m, nil); (err == nil) != (path[0] == 22) {
			t.Errorf("signing, field %d: %v", path[0], err)
		}
	}
}

// TestA38_ResponsesToo: a response that two readers could read differently is not
// signed.
func TestA38_ResponsesToo(t *testing.T) {
	t.Parallel()
	r := start(t, setup{source: everyField})
	bad := append(r.signed(t, "All", everyValue), value(2, protowire.VarintType)...)
	r.upstream.become(func(_ string, ss grpc.ServerStream) error {
		m := dynamicpb.NewMessage(r.descriptor(t, "t.All"))
		if err := ss.RecvMsg(m); err != nil {
			return err
		}
		if err := proto.Unmarshal(bad, m); err != nil {
			return err
		}
		return ss.SendMsg(m)
	})
	var answer []byte
	if err := r.conn.Invoke(context.Background(), "/t.S/Sign", new([]byte), &answer, grpc.ForceCodecV2(bytesCodec{})); status.Code(err) != codes.Internal || len(answer) != 0 {
		t.Errorf("%v, %d bytes", err, len(answer))
	}
}

// TestA38_RefuseUnknownFields refuses what no type declares, too, where it is set.
func TestA38_RefuseUnknownFields(t *testing.T) {
	t.Parallel()
	r := start(t, setup{source: everyField})
	ring := r.policy(nil).Verifier.Ring()
	v, err := verify.New(r.Claims, ring, verify.Options{Now: r.askTime, RefuseUnknownFields: true})
	if err != nil {
		t.Fatal(err)
	}
	s := sign.New(r.Claims, ring, sign.Options{Now: r.askTime, RefuseUnknownFields: true})
	good := r.signed(t, "All", everyValue)
	for place, in := range places {
		if strings.HasSuffix(string(in.desc), "Entry") {
			continue // nothing of it is left when it has been decoded
		}
		p, m := r.Message("All", `{}`)
		read := func(wire []byte) {
			m.Reset()
			if err := r.Codec.Decode(wire, m); err != nil {
				t.Fatal(err)
			}
		}
		unknown := within(t, good, in.path, func(b []byte) []byte { return append(slices.Clone(b), value(1000, protowire.BytesType)...) })
		read(unknown)
		if _, err := v.Message(context.Background(), p, m, nil); !fault.Has(err, fault.MessageMalformed) {
			t.Errorf("verifying, in %s: %v", place, err)
		}
		read(unknown)
		if _, err := s.Message(p, m, nil); !fault.Has(err, fault.MessageMalformed) {
			t.Errorf("signing, in %s: %v", place, err)
		}
		read(good)
		if _, err := v.Message(context.Background(), p, m, nil); err != nil {
			t.Errorf("%s: %v", place, err)
		}
	}
}

// TestS82_Proto2 is TestS82_OtherWireTypes for what only proto2 has: groups,
// extensions, and closed enums, whose unknown values other readers drop.
func TestS82_Proto2(t *testing.T) {
	t.Parallel()
	w := policytest.New(t, `syntax = "proto2"; package t; import "kalix/annotations.proto"; import "google/protobuf/any.proto";
enum E { ZERO = 0; ONE = 1; }
message In { optional E e = 1; }
message Old {
  optional string tok = 1 [(kalix.field).jwt = {token: true}];
  optional E e = 2 [(kalix.field).jwt = {claim: INCLUDE}];
  repeated E es = 3 [(kalix.field).jwt = {claim: INCLUDE}];
  repeated E packed = 4 [packed = true];
  map<string, E> by = 5;
  optional group G = 6 { optional string s = 1; optional E e = 2; }
  oneof pick { E a = 7; string b = 8; }
  optional google.protobuf.Any any = 9;
  extensions 100 to 200;
}
extend Old { optional string more = 100; optional E moreE = 101; optional In in = 102; }`, policytest.Setup{})
	const in = `{"e":"ONE","es":["ONE"],"packed":["ONE"],"by":{"k":"ONE"},"g":{"s":"x","e":"ONE"},"a":"ONE","any":{"@type":"x/t.In","e":"ONE"},"[t.more]":"m","[t.moreE]":"ONE","[t.in]":{"e":"ONE"}}`
	m, err := w.Sign("Old", in, nil)
	if err != nil {
		t.Fatal(err)
	}
	good, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	p, err := w.Plan.Message("t.Old")
	if err != nil {
		t.Fatal(err)
	}
	decide := func(wire []byte) error {
		m := dynamicpb.NewMessage(p.Desc)
		if err := w.Codec.Decode(wire, m); err != nil {
			return err
		}
		_, err := w.Verifier.Message(context.Background(), p, m, nil)
		return err
	}
	if err := decide(good); err != nil {
		t.Fatal(err)
	}
	varint := func(n protowire.Number) []byte { return value(n, protowire.VarintType) }
	bad := map[string][]byte{
		"closed enum":                 varint(7),
		"closed enum, list":           varint(3),
		"closed enum, packed":         protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), []byte{1, 9}),
		"closed enum, map":            protowire.AppendBytes(protowire.AppendTag(nil, 5, protowire.BytesType), append(protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "z"), varint(2)...)),
		"closed enum, group":          append(append(protowire.AppendTag(nil, 6, protowire.StartGroupType), varint(2)...), protowire.AppendTag(nil, 6, protowire.EndGroupType)...),
		"closed enum, Any":            within(t, good, []protowire.Number{9, 2}, func([]byte) []byte { return varint(1) }),
		"closed enum, extension":      varint(101),
		"closed enum, in extension":   protowire.AppendBytes(protowire.AppendTag(nil, 102, protowire.BytesType), varint(1)),
		"group as a message":          value(6, protowire.BytesType),
		"extension of another type":   varint(100),
		"extension, message as group": value(102, protowire.StartGroupType),
	}
	for name, field := range bad {
		for how, wire := range map[string][]byte{"before": slices.Concat(field, good), "after": slices.Concat(good, field), "twice": slices.Concat(field, good, field)} {
			if how == "before" && (name == "closed enum" || strings.HasSuffix(name, "extension") || name == "closed enum, group" || name == "closed enum, Any") {
				continue // the last value wins with every reader that keeps it
			}
			if err := decide(wire); !fault.Has(err, fault.MessageMalformed) {
				t.Errorf("%s, %s: %v", name, how, err)
			}
		}
	}
}
