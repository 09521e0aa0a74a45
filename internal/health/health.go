// Package health implements grpc.health.v1 for servers that enforce a policy.
package health

import (
	"context"
	"iter"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// Server is the health of one server: until Shutdown it serves, as a whole and each
// service of its policy. Upstream and key sets do not count, since restarting the server
// would not repair them.
//
// grpc-go's own implementation has watchers that never end, so that a graceful stop waits
// forever.
type Server struct {
	grpc_health_v1.UnimplementedHealthServer
	paths   func() iter.Seq[string]
	once    sync.Once
	closing chan struct{}
}

// New returns a Server. paths returns the paths of the methods in force.
func New(paths func() iter.Seq[string]) *Server {
	return &Server{paths: paths, closing: make(chan struct{})}
}

// Shutdown reports that the server no longer serves, ends watchers, and waits for the
// calls of server. Those that have not ended when ctx is done are cut off as UNAVAILABLE;
// the error is then interrupted, about what.
func (s *Server) Shutdown(ctx context.Context, server *grpc.Server, what string) error {
	s.once.Do(func() { close(s.closing) })
	drained := make(chan struct{})
	go func() {
		server.GracefulStop()
		close(drained)
	}()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		server.Stop()
		<-drained
		return fault.New(fault.Interrupted, what, "calls were still open when the shutdown timeout ended: %w", ctx.Err())
	}
}

// Closing returns a channel that Shutdown closes.
func (s *Server) Closing() <-chan struct{} { return s.closing }

func (s *Server) status() *grpc_health_v1.HealthCheckResponse {
	select {
	case <-s.closing:
		return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_NOT_SERVING}
	default:
		return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}
	}
}

// has reports whether service is in the policy, or is "", which means the whole server.
func (s *Server) has(service string) bool {
	if service == "" {
		return true
	}
	for path := range s.paths() {
		if strings.HasPrefix(path, "/"+service+"/") {
			return true
		}
	}
	return false
}

// Check implements grpc.health.v1.
func (s *Server) Check(_ context.Context, r *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	if !s.has(r.GetService()) {
		return nil, status.Error(codes.NotFound, "Unknown service")
	}
	return s.status(), nil
}

// Watch implements grpc.health.v1; it ends with Shutdown.
func (s *Server) Watch(r *grpc_health_v1.HealthCheckRequest, stream grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	now := s.status()
	if !s.has(r.GetService()) {
		now.Status = grpc_health_v1.HealthCheckResponse_SERVICE_UNKNOWN
	}
	if err := stream.Send(now); err != nil {
		return err
	}
	select {
	case <-stream.Context().Done():
		return status.FromContextError(stream.Context().Err()).Err()
	case <-s.closing:
	}
	if err := stream.Send(s.status()); err != nil {
		return err
	}
	return status.Error(codes.Unavailable, "Shutting down")
}
