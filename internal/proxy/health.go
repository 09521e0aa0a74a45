package proxy

import (
	"context"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// healthServer answers grpc.health.v1 for the proxy itself: it serves, all of it
// or a service of its policy, until it shuts down. What upstream and key sets do
// is not part of that: to restart the proxy would not mend them.
//
// grpc-go's own has watchers that never end, and a graceful stop waits for them.
type healthServer struct {
	grpc_health_v1.UnimplementedHealthServer
	proxy   *Proxy
	once    sync.Once
	closing chan struct{}
}

func (h *healthServer) close() { h.once.Do(func() { close(h.closing) }) }

func (h *healthServer) status() *grpc_health_v1.HealthCheckResponse {
	select {
	case <-h.closing:
		return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_NOT_SERVING}
	default:
		return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}
	}
}

// knows reports whether service is one of the policy, or none, which is all of it.
func (h *healthServer) knows(service string) bool {
	if service == "" {
		return true
	}
	for path := range h.proxy.state.Load().Paths {
		if strings.HasPrefix(path, "/"+service+"/") {
			return true
		}
	}
	return false
}

// Check is that of grpc.health.v1.
func (h *healthServer) Check(_ context.Context, r *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	if !h.knows(r.GetService()) {
		return nil, status.Error(codes.NotFound, "Unknown service")
	}
	return h.status(), nil
}

// Watch is that of grpc.health.v1; it ends when the proxy shuts down.
func (h *healthServer) Watch(r *grpc_health_v1.HealthCheckRequest, s grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	now := h.status()
	if !h.knows(r.GetService()) {
		now.Status = grpc_health_v1.HealthCheckResponse_SERVICE_UNKNOWN
	}
	if err := s.Send(now); err != nil {
		return err
	}
	select {
	case <-s.Context().Done():
		return status.FromContextError(s.Context().Err()).Err()
	case <-h.closing:
	}
	if err := s.Send(h.status()); err != nil {
		return err
	}
	return status.Error(codes.Unavailable, "Shutting down")
}
