package jwks

import (
	"context"
	"net/http"
	"time"
)

// Wrap puts a handler around s's own, so that a test can be inside a request.
func (s *Server) Wrap(around func(http.Handler) http.Handler) {
	s.server.Handler = around(s.server.Handler)
}

// CheckAddress is what happens before n connects to address.
func CheckAddress(n Network, loopback bool, address string) error {
	ctx := context.Background()
	if loopback {
		ctx = context.WithValue(ctx, loopbackOnly{}, true)
	}
	return newFetcher(n).checkAddress(ctx, "tcp", address, nil)
}

// TimeoutOf is how long a fetch over n may take.
func TimeoutOf(n Network) time.Duration { return newFetcher(n).network.Timeout }
