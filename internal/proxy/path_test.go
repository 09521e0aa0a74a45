package proxy_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestS60_OnlyExactPathsPass: only the methods in the descriptors pass, in their exact spelling.
// Anything else does not reach the upstream, nor another method.
func TestS60_OnlyExactPathsPass(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	tests := map[string]codes.Code{
		"/t.S/Open":                codes.OK,
		"/t.S/Who":                 codes.Unauthenticated,
		"/t.S/Nope":                codes.Unimplemented,
		"/t.T/Open":                codes.Unimplemented,
		"/S/Open":                  codes.Unimplemented,
		"t.S/Open":                 codes.Unimplemented,
		"t.S/Who":                  codes.Unimplemented,
		"//t.S/Open":               codes.Unimplemented,
		"//t.S/Who":                codes.Unimplemented,
		"/t.S//Who":                codes.Unimplemented,
		"/t.S/Who/":                codes.Unimplemented,
		"/t.S/Open/":               codes.Unimplemented,
		"/t.S/Open/Who":            codes.Unimplemented,
		"/t.S":                     codes.Unimplemented,
		"/t.S/":                    codes.Unimplemented,
		"/":                        codes.Unimplemented,
		"/t.S/open":                codes.Unimplemented,
		"/T.S/Open":                codes.Unimplemented,
		"/t.s/Who":                 codes.Unimplemented,
		"/t.S%2FOpen":              codes.Unimplemented,
		"/t.S%2fWho":               codes.Unimplemented,
		"/t.S/%4fpen":              codes.Unimplemented,
		"/t.S/Open?x=1":            codes.Unimplemented,
		"/t.S/Open#x":              codes.Unimplemented,
		"/t.S/Open ":               codes.Unimplemented,
		"/./t.S/Open":              codes.Unimplemented,
		"/x/../t.S/Open":           codes.Unimplemented,
		"/t.S.Open":                codes.Unimplemented,
		"/.t.S/Open":               codes.Unimplemented,
		"/unknown_service_handler": codes.Unimplemented,
	}
	for path, want := range tests {
		before := r.upstream.calls.Load()
		err := r.invoke(path, &emptypb.Empty{}, &emptypb.Empty{})
		if status.Code(err) != want {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
		if reached := r.upstream.calls.Load() != before; reached != (want == codes.OK) {
			t.Errorf("%s: call reached the upstream: got %v, want %v", path, reached, want == codes.OK)
		}
	}
}

// TestS65_HealthAndReflection: clients cannot reach the upstream's own services unless
// enabled; the proxy has its own health service.
func TestS65_HealthAndReflection(t *testing.T) {
	t.Parallel()
	const reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	const check = "/grpc.health.v1.Health/Check"
	tests := map[string]struct {
		options proxy.Options
		path    string
		want    codes.Code
		reaches bool
	}{
		"health of the proxy":         {proxy.Options{}, check, codes.OK, false},
		"health of the upstream":      {proxy.Options{PassHealth: true}, check, codes.OK, true},
		"other method of health":      {proxy.Options{PassHealth: true}, "/grpc.health.v1.Health/Kill", codes.Unimplemented, false},
		"reflection off":              {proxy.Options{PassHealth: true}, reflection, codes.Unimplemented, false},
		"reflection on":               {proxy.Options{PassReflection: true}, reflection, codes.OK, true},
		"older reflection":            {proxy.Options{PassReflection: true}, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", codes.OK, true},
		"other service of reflection": {proxy.Options{PassReflection: true}, "/grpc.reflection.v1.Other/ServerReflectionInfo", codes.Unimplemented, false},
		"health with reflection on":   {proxy.Options{PassReflection: true}, check, codes.OK, false},
		"channelz":                    {proxy.Options{PassReflection: true, PassHealth: true}, "/grpc.channelz.v1.Channelz/GetServers", codes.Unimplemented, false},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, setup{options: c.options})
			r.upstream.become(func(_ string, ss grpc.ServerStream) error {
				if err := ss.RecvMsg(&emptypb.Empty{}); err != nil {
					return err
				}
				return ss.SendMsg(&emptypb.Empty{})
			})
			answer := &grpc_health_v1.HealthCheckResponse{}
			err := r.invoke(c.path, &grpc_health_v1.HealthCheckRequest{}, answer)
			if status.Code(err) != c.want || (r.upstream.calls.Load() > 0) != c.reaches {
				t.Errorf("got %v, %d calls at the upstream", err, r.upstream.calls.Load())
			}
			if serving := answer.Status == grpc_health_v1.HealthCheckResponse_SERVING; serving != (c.path == check && !c.reaches) {
				t.Errorf("status %v", answer.Status)
			}
		})
	}
}

// TestHealth: the health service covers the proxy and the services of its policy.
func TestHealth(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	client := grpc_health_v1.NewHealthClient(r.conn)
	tests := map[string]struct {
		code  codes.Code
		watch grpc_health_v1.HealthCheckResponse_ServingStatus
	}{
		"":    {codes.OK, grpc_health_v1.HealthCheckResponse_SERVING},
		"t.S": {codes.OK, grpc_health_v1.HealthCheckResponse_SERVING},
		"t":   {codes.NotFound, grpc_health_v1.HealthCheckResponse_SERVICE_UNKNOWN},
		"x.Y": {codes.NotFound, grpc_health_v1.HealthCheckResponse_SERVICE_UNKNOWN},
	}
	for service, c := range tests {
		ctx, cancel := context.WithTimeout(context.Background(), testkit.Timeout)
		defer cancel()
		if _, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service}); status.Code(err) != c.code {
			t.Errorf("%q: got %v, want %v", service, err, c.code)
		}
		watch, err := client.Watch(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := watch.Recv(); err != nil || got.GetStatus() != c.watch {
			t.Errorf("%q: got %v %v", service, got, err)
		}
	}
}
