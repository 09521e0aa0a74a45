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
