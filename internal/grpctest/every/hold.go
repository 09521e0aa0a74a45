// Package every is for tests: generated code with a field of each kind in each role that an
// annotation can give it, and what holds of its messages when gRPC decodes them.
package every

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/jwtctl/jwtctl/internal/grpctest"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/jwtpolicy"
)

//go:generate protoc -I . -I ../../../proto --go_out=. --go_opt=paths=source_relative every.proto

// registry has only the generated code.
func registry(t *testing.T) *protoregistry.Files {
	t.Helper()
	r := &protoregistry.Files{}
	var add func(protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if _, err := r.FindFileByPath(f.Path()); err == nil {
			return
		}
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		if err := r.RegisterFile(f); err != nil {
			t.Fatal(err)
		}
	}
	add(File_every_proto)
	return r
}

// methods are one of each kind.
var methods = []string{"Check", "CheckClient", "CheckServer", "CheckBidi"}

// HoldWireTypes holds a server to S82: a request with a field of a wire type that is not its
// own reaches no handler, wherever the field is and on all kinds of method.
//
// Go drops such a field of an entry of a map when it decodes the request, before the policy
// sees it. There the handler may get what Go reads, and what was checked is just that.
func HoldWireTypes(t *testing.T, start grpctest.Start) {
	s := start(t, grpctest.Setup{Source: policytest.EveryField, Policy: jwtpolicy.Registry(registry(t))})
	good, cases := s.WireCases()
	if len(cases) < 500 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, method := range methods {
		if got := s.Send(t, method, "", good); got.Code != codes.OK {
			t.Fatalf("%s, valid request: %v", method, got)
		}
	}
	_, _, whole := s.State()
	passed := map[string]int{}
	for _, c := range cases {
		for _, method := range methods {
			calls, requests, _ := s.State()
			got := s.Send(t, method, "", c.Wire)
			callsNow, requestsNow, last := s.State()
			inEntry := strings.Contains(c.Place, "map ")
			switch {
			case got.Code == codes.InvalidArgument || inEntry && got.Code == codes.PermissionDenied:
				if callsNow != calls || requestsNow != requests || got.Body != 0 {
					t.Errorf("%s, %s: got %v, %d calls at the handler", method, c.Name, got, callsNow-calls)
				}
			case inEntry && got.Code == codes.OK && (c.Place != "claim map entry" || last == whole):
				passed[c.Place]++
			default:
				t.Errorf("%s, %s: %v", method, c.Name, got)
			}
		}
	}
	t.Logf("%d cases on 4 kinds of method; accepted, as Go reads them: %v", len(cases), passed)
}
