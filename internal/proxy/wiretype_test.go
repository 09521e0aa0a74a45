package proxy_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/sign"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// TestS82_OtherWireTypesAreRefused: a request is refused if a declared field number has another
// wire type, anywhere: other implementations of protobuf would read it as the field,
// unchecked (A38).
func TestS82_OtherWireTypesAreRefused(t *testing.T) {
	t.Parallel()
	r := start(t, setup{source: policytest.EveryField})
	good, bad := r.WireCases()
	pass := func(what string, request []byte) {
		t.Helper()
		if err := r.invoke("/t.S/Check", &request, new([]byte), grpc.ForceCodecV2(bytesCodec{})); err != nil {
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
		err := r.invoke("/t.S/Check", &request, new([]byte), grpc.ForceCodecV2(bytesCodec{}))
		if status.Code(err) != codes.InvalidArgument || r.upstream.calls.Load() != before {
			t.Errorf("%s: got %v, %d calls at the upstream", what, err, r.upstream.calls.Load()-before)
		}
	}
	for _, c := range bad {
		refuse(c.Name, c.Wire)
	}
	if cases < 500 {
		t.Errorf("only %d cases", cases)
	}
	r.upstream.become(func(_ string, ss grpc.ServerStream) error {
		if err := ss.RecvMsg(dynamicpb.NewMessage(r.Descriptor("t.All"))); err != nil {
			return err
		}
		return ss.SendMsg(dynamicpb.NewMessage(r.Descriptor("t.All")))
	})
	for place, in := range policytest.Places { // undeclared fields are kept, except within a claim
		err := r.invoke("/t.S/Check", ptr(policytest.Within(t, good, in.Path, func(b []byte) []byte {
			return append(slices.Clone(b), policytest.WireValue(1000, protowire.BytesType)...)
		})), new([]byte), grpc.ForceCodecV2(bytesCodec{}))
		if claim := place == "INCLUDE" || place == "Any, INCLUDE"; claim != (status.Code(err) == codes.PermissionDenied) || !claim && err != nil {
			t.Errorf("unknown number in %s: %v", place, err)
		}
	}
}

func ptr(b []byte) *[]byte { return &b }

// TestA38_AnAnyGoesOnAsItWasChecked: the bytes in a forwarded Any are those of the message
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
	good := r.SignedWire("Msg", `{"any":{"@type":"x/t.Who","user":"alice"},"free":{"@type":"x/t.Who","user":"alice"}}`)
	for _, path := range [][]protowire.Number{{2, 2}, {3, 2}} {
		double := policytest.Within(t, good, path, func([]byte) []byte { return inner(1, 2) })
		for _, method := range []string{"Check", "Sign"} {
			got := make(chan []byte, 1)
			r.upstream.become(func(_ string, ss grpc.ServerStream) error {
				m := dynamicpb.NewMessage(r.Descriptor("t.Msg"))
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
			if err := r.invoke("/t.S/"+method, &double, &answer, grpc.ForceCodecV2(bytesCodec{})); err != nil {
				t.Fatal(err)
			}
			seen := <-got
			if method == "Sign" {
				seen = answer
			}
			policytest.Within(t, seen, path, func(b []byte) []byte {
				if !slices.Equal(b, inner(2)) {
					t.Errorf("%s, %v: got %q", method, path, b)
				}
				return b
			})
		}
	}
}

// TestA38_AnyOfUnknownType: the type in an Any must be known where it is validated, as
// offline; in a response it may be unknown, unless it is a claim.
func TestA38_AnyOfUnknownType(t *testing.T) {
	t.Parallel()
	r := start(t, setup{source: policytest.EveryField})
	good := r.SignedWire("All", policytest.EveryValue)
	rename := func([]byte) []byte { return []byte("x/t.Nothing") }
	unknown := policytest.Within(t, good, []protowire.Number{22, 1}, rename)
	if err := r.invoke("/t.S/Check", &unknown, new([]byte), grpc.ForceCodecV2(bytesCodec{})); status.Code(err) != codes.InvalidArgument || r.upstream.calls.Load() != 0 {
		t.Error(err)
	}
	for _, path := range [][]protowire.Number{{22, 1}, {21, 1}} {
		p, m := r.Message("All", `{}`)
		if err := proto.Unmarshal(policytest.Within(t, good, path, rename), m); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Signer.Message(p, m, nil); (err == nil) != (path[0] == 22) {
			t.Errorf("signing, field %d: %v", path[0], err)
		}
	}
}

// TestA38_ResponsesToo: a response that two readers could read differently is not signed.
func TestA38_ResponsesToo(t *testing.T) {
	t.Parallel()
	r := start(t, setup{source: policytest.EveryField})
	bad := append(r.SignedWire("All", policytest.EveryValue), policytest.WireValue(2, protowire.VarintType)...)
	r.upstream.become(func(_ string, ss grpc.ServerStream) error {
		m := dynamicpb.NewMessage(r.Descriptor("t.All"))
		if err := ss.RecvMsg(m); err != nil {
			return err
		}
		if err := proto.Unmarshal(bad, m); err != nil {
			return err
		}
		return ss.SendMsg(m)
	})
	var answer []byte
	if err := r.invoke("/t.S/Sign", new([]byte), &answer, grpc.ForceCodecV2(bytesCodec{})); status.Code(err) != codes.Internal || len(answer) != 0 {
		t.Errorf("got %v, %d bytes, want %v, 0", err, len(answer), codes.Internal)
	}
}

// TestA38_RefuseUnknownFields: if set, undeclared fields are refused too.
func TestA38_RefuseUnknownFields(t *testing.T) {
	t.Parallel()
	r := start(t, setup{source: policytest.EveryField})
	ring := r.policy(nil).Verifier.Ring()
	v, err := verify.New(r.Claims, ring, verify.Options{Now: r.askTime, RefuseUnknownFields: true})
	if err != nil {
		t.Fatal(err)
	}
	s := sign.New(r.Claims, ring, sign.Options{Now: r.askTime, RefuseUnknownFields: true})
	good := r.SignedWire("All", policytest.EveryValue)
	for place, in := range policytest.Places {
		if strings.HasSuffix(string(in.Type), "Entry") {
			continue // leaves no trace after decoding
		}
		p, m := r.Message("All", `{}`)
		read := func(wire []byte) {
			m.Reset()
			if err := r.Codec.Decode(wire, m); err != nil {
				t.Fatal(err)
			}
		}
		unknown := policytest.Within(t, good, in.Path, func(b []byte) []byte {
			return append(slices.Clone(b), policytest.WireValue(1000, protowire.BytesType)...)
		})
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

// TestS82_OtherWireTypesOfProto2AreRefused is TestS82_OtherWireTypesAreRefused for features of proto2: groups, extensions,
// and closed enums, whose unknown values other readers drop.
func TestS82_OtherWireTypesOfProto2AreRefused(t *testing.T) {
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
	varint := func(n protowire.Number) []byte { return policytest.WireValue(n, protowire.VarintType) }
	bad := map[string][]byte{
		"closed enum":                 varint(7),
		"closed enum, list":           varint(3),
		"closed enum, packed":         protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), []byte{1, 9}),
		"closed enum, map":            protowire.AppendBytes(protowire.AppendTag(nil, 5, protowire.BytesType), append(protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "z"), varint(2)...)),
		"closed enum, group":          append(append(protowire.AppendTag(nil, 6, protowire.StartGroupType), varint(2)...), protowire.AppendTag(nil, 6, protowire.EndGroupType)...),
		"closed enum, Any":            policytest.Within(t, good, []protowire.Number{9, 2}, func([]byte) []byte { return varint(1) }),
		"closed enum, extension":      varint(101),
		"closed enum, in extension":   protowire.AppendBytes(protowire.AppendTag(nil, 102, protowire.BytesType), varint(1)),
		"group as a message":          policytest.WireValue(6, protowire.BytesType),
		"extension of another type":   varint(100),
		"extension, message as group": policytest.WireValue(102, protowire.StartGroupType),
	}
	for name, field := range bad {
		for how, wire := range map[string][]byte{"before": slices.Concat(field, good), "after": slices.Concat(good, field), "twice": slices.Concat(field, good, field)} {
			if how == "before" && (name == "closed enum" || strings.HasSuffix(name, "extension") || name == "closed enum, group" || name == "closed enum, Any") {
				continue // every reader that keeps it uses the last value
			}
			if err := decide(wire); !fault.Has(err, fault.MessageMalformed) {
				t.Errorf("%s, %s: %v", name, how, err)
			}
		}
	}
}
