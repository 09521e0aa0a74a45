package temporalcmd

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/jwtctl/jwtctl/internal/doctor"
	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/temporal"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// serve responds to every call with answer, and returns its address.
func serve(t *testing.T, answer func(method, authorization string) error) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodec(rawCodec{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		authorization := ""
		if list := metadata.ValueFromIncomingContext(stream.Context(), "authorization"); len(list) > 0 {
			authorization = list[0]
		}
		var request []byte
		if err := stream.RecvMsg(&request); err != nil {
			return err
		}
		if err := answer(method, authorization); err != nil {
			return err
		}
		response := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "1.30.8")
		return stream.SendMsg(&response)
	}))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// TestDoctorComparesALiveServer: a running server's decisions are compared with those of
// explain-denial.
func TestDoctorComparesALiveServer(t *testing.T) {
	refused := status.Error(codes.PermissionDenied, "Request unauthorized.")
	open := map[string]bool{"/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo": true, "/grpc.health.v1.Health/Check": true}
	for name, row := range map[string]struct {
		answer func(method, authorization string) error
		rules  map[string]int
	}{
		"as configured": {
			func(method, _ string) error {
				if open[method] {
					return nil
				}
				return refused
			}, map[string]int{},
		},
		"no authorization": {func(string, string) error { return nil }, map[string]int{"live-open": 3}},
		"refuses all":      {func(string, string) error { return refused }, map[string]int{"live-differs": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := dial(serve(t, row.answer), false)
			if err != nil {
				t.Fatal(err)
			}
			defer f.close()
			f.timeout = testkit.Timeout
			request := temporal.Request{Release: temporal.Newest(), Namespace: "default", Now: time.Unix(1_800_000_000, 0)}
			answers, err := f.probe(context.Background(), request, temporal.AuthHeader{})
			if err != nil || len(answers) != len(doctor.Probes()) {
				t.Fatalf("got %d responses, %v", len(answers), err)
			}
			count := map[string]int{}
			for _, found := range doctor.Check(doctor.Input{Live: answers}) {
				count[found.Rule]++
				if found.Severity != finding.Error {
					t.Errorf("got %+v", found)
				}
			}
			for rule, want := range row.rules {
				if count[rule] != want {
					t.Errorf("%s: %d findings, want %d", rule, count[rule], want)
				}
			}
			if len(count) != len(row.rules) {
				t.Errorf("got findings %v", count)
			}
		})
	}
}

func TestFrontendReportsItsVersion(t *testing.T) {
	f, err := dial(serve(t, func(string, string) error { return nil }), false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	f.timeout = testkit.Timeout
	if version := f.version(context.Background()); version != "1.30.8" {
		t.Errorf("version %q, want %q", version, "1.30.8")
	}
}
