package jwks

import (
	"context"
	"net/http"
	"time"
)

// Wrap wraps s's handler, so that a test can run code during a request.
func (s *Server) Wrap(around func(http.Handler) http.Handler) {
	s.server.Handler = around(s.server.Handler)
}

// Grace sets how long s waits for requests in progress when it stops, and that responses
// may take as long.
func (s *Server) Grace(d time.Duration) {
	s.grace = d
	s.server.WriteTimeout = max(s.server.WriteTimeout, d)
}

// LongestConnection bounds how long a connection may take for one request, and
// ShutdownTime how long stopping may.
const (
	LongestConnection = max(headerTimeout, readTimeout, writeTimeout, idleTimeout)
	ShutdownTime      = shutdownTimeout
)

// Limit sets how long a fetch of r may take.
func (r *Remote) Limit(d time.Duration) { r.fetcher.network.Timeout = d }

// Fetching reports whether a fetch is in progress.
func (r *Remote) Fetching() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inFlight != nil
}

// CheckAddress runs the check that n makes before it connects to address.
func CheckAddress(n Network, loopback bool, address string) error {
	ctx := context.Background()
	if loopback {
		ctx = context.WithValue(ctx, loopbackOnly{}, true)
	}
	return newFetcher(n).checkAddress(ctx, "tcp", address, nil)
}

// TimeoutOf returns the timeout of a fetch over n.
func TimeoutOf(n Network) time.Duration { return newFetcher(n).network.Timeout }
