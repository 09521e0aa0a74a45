package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	managerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	_ "google.golang.org/grpc/xds"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/jwtctl/jwtctl/internal/authz"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// The variables that enable the ext_proc filter of grpc-go 1.85, and the file that names
// its xDS server. They are read at the start of a program.
const (
	extProcOnClient = "GRPC_EXPERIMENTAL_XDS_EXT_PROC_ON_CLIENT"
	bootstrapFile   = "GRPC_XDS_BOOTSTRAP"
)

// TestGRPCGoCallCases makes the calls of policytest through the ext_proc filter of
// grpc-go's clients, which sends messages without frames. A call that is refused after its
// response began also ends with its code and text.
// A12, A30-A37, A41, A42, A50, S59, S60, S61, S63, S77.
func TestGRPCGoCallCases(t *testing.T) {
	if os.Getenv(extProcOnClient) == "" {
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestGRPCGoCallCases$", "-test.v")
		again.Env = append(os.Environ(), extProcOnClient+"=true", bootstrapFile+"="+filepath.Join(t.TempDir(), "bootstrap.json"))
		if out, err := again.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	p := newProcessing(t, policytest.CallSource, authz.Options{})
	conn := p.grpcGo()
	cases := p.CallCases()
	slices.SortStableFunc(cases, func(a, b policytest.CallCase) int { return late(a) - late(b) })
	for _, c := range cases {
		p.service.taken()
		_, err := p.call(metadata.AppendToOutgoingContext(context.Background(), c.Metadata...), conn, c.Method, c.Requests...)
		if s := status.Convert(err); s.Code() != codes.Code(c.Status) || s.Message() != c.Text {
			t.Errorf("%s, %s: got %v, want %d %q", c.Method, c.Name, err, c.Status, c.Text)
		}
		calls, got, _ := p.service.taken()
		if late(c) == 0 && (len(got) > c.Passed || c.Status == 0 && len(got) != c.Passed || c.Passed == 0 && calls != 0) {
			t.Errorf("%s, %s: %d calls with %d requests", c.Method, c.Name, calls, len(got))
		}
	}
}

// grpcGo returns a grpc-go connection to the service whose own filter, configured by an
// xDS server, lets authz decide each call.
func (p *processing) grpcGo() *grpc.ClientConn {
	p.t.Helper()
	snapshots := cache.NewSnapshotCache(true, cache.IDHash{}, nil)
	snapshot, err := cache.NewSnapshot("1", p.resources())
	if err == nil {
		err = snapshots.SetSnapshot(p.t.Context(), "client", snapshot)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	management := grpc.NewServer()
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(management, server.NewServer(context.Background(), snapshots, nil))
	go func() { _ = management.Serve(l) }()
	p.t.Cleanup(management.Stop)
	bootstrap := fmt.Sprintf(`{"xds_servers": [{"server_uri": %q, "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3", "trusted_xds_server"]}], "node": {"id": "client"}}`, l.Addr())
	if err := os.WriteFile(os.Getenv(bootstrapFile), []byte(bootstrap), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return connect(p.t, "xds:///service")
}

func (p *processing) resources() map[resource.Type][]types.Resource {
	packed := func(m proto.Message) *anypb.Any {
		a, err := anypb.New(m)
		if err != nil {
			p.t.Fatal(err)
		}
		return a
	}
	filter := &procv3.ExternalProcessor{
		GrpcService: &corev3.GrpcService{TargetSpecifier: &corev3.GrpcService_GoogleGrpc_{GoogleGrpc: &corev3.GrpcService_GoogleGrpc{
			TargetUri:                "dns:///" + p.authzAt,
			ChannelCredentialsPlugin: []*anypb.Any{{TypeUrl: "type.googleapis.com/envoy.extensions.grpc_service.channel_credentials.insecure.v3.InsecureCredentials"}},
		}}},
		ProcessingMode: &procv3.ProcessingMode{
			RequestHeaderMode: procv3.ProcessingMode_SEND, ResponseHeaderMode: procv3.ProcessingMode_SEND,
			RequestBodyMode: procv3.ProcessingMode_GRPC, ResponseBodyMode: procv3.ProcessingMode_GRPC,
			ResponseTrailerMode: procv3.ProcessingMode_SEND,
		},
		RequestAttributes: []string{"request.path"},
	}
	manager := &managerv3.HttpConnectionManager{
		RouteSpecifier: &managerv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{Name: "routes", VirtualHosts: []*routev3.VirtualHost{{
			Name: "service", Domains: []string{"*"},
			Routes: []*routev3.Route{{
				Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: ""}},
				Action: &routev3.Route_Route{Route: &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: "service"}}},
			}},
		}}}},
		HttpFilters: []*managerv3.HttpFilter{
			{Name: "ext_proc", ConfigType: &managerv3.HttpFilter_TypedConfig{TypedConfig: packed(filter)}},
			{Name: "router", ConfigType: &managerv3.HttpFilter_TypedConfig{TypedConfig: packed(&routerv3.Router{})}},
		},
	}
	at, err := net.ResolveTCPAddr("tcp", p.service.address)
	if err != nil {
		p.t.Fatal(err)
	}
	address := &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: at.IP.String(), PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(at.Port)},
	}}}
	return map[resource.Type][]types.Resource{
		resource.ListenerType: {&listenerv3.Listener{Name: "service", ApiListener: &listenerv3.ApiListener{ApiListener: packed(manager)}}},
		resource.ClusterType: {&clusterv3.Cluster{
			Name: "service", ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
			EdsClusterConfig: &clusterv3.Cluster_EdsClusterConfig{EdsConfig: &corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_Ads{}}},
		}},
		resource.EndpointType: {&endpointv3.ClusterLoadAssignment{ClusterName: "service", Endpoints: []*endpointv3.LocalityLbEndpoints{{
			Locality: &corev3.Locality{Region: "here"}, LoadBalancingWeight: wrapperspb.UInt32(1),
			LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: address}}}},
		}}}},
	}
}
