package jwks

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// The limits of a connection (S16, S18). Reading, writing and idling each end within ten
// seconds, however slow the client is.
const (
	headerTimeout   = 5 * time.Second
	readTimeout     = 5 * time.Second
	writeTimeout    = 9 * time.Second
	idleTimeout     = 9 * time.Second
	shutdownTimeout = 4 * time.Second
	maxHeaderBytes  = 16 << 10
)

// Server listens on an address and serves a Handler, or a handler with more than a key
// set.
type Server struct {
	listener net.Listener
	server   *http.Server
	path     string
	grace    time.Duration // for the requests under way at the end
}

// Listen listens on address, such as ":0" for all interfaces and a free port; requests
// are queued until Serve is called. log gets connection errors. It returns listen_failed
// if it cannot listen.
func Listen(ctx context.Context, address string, h *Handler, log *slog.Logger) (*Server, error) {
	listener, err := Bind(ctx, address)
	if err != nil {
		return nil, err
	}
	return NewServer(listener, h, h.Path(), log), nil
}

// Bind listens on address, for NewServer. It returns listen_failed if it cannot.
func Bind(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		reason := err
		var op *net.OpError
		if errors.As(err, &op) { // its text repeats the address
			reason = op.Err
		}
		return nil, fault.New(fault.ListenFailed, address, "%w", reason)
	}
	return listener, nil
}

// NewServer returns a server that serves h on listener. path is the path of the key set.
func NewServer(listener net.Listener, h http.Handler, path string, log *slog.Logger) *Server {
	return &Server{
		listener: listener,
		path:     path,
		grace:    shutdownTimeout,
		server: &http.Server{
			Handler:                      h,
			DisableGeneralOptionsHandler: true, // OPTIONS * is not a path of ours
			ReadHeaderTimeout:            headerTimeout,
			ReadTimeout:                  readTimeout,
			WriteTimeout:                 writeTimeout,
			IdleTimeout:                  idleTimeout,
			MaxHeaderBytes:               maxHeaderBytes,
			ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
	}
}

// Addr returns the address listened on, with the actual port.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Endpoint returns the URL of the set, such as http://[::]:61884/jwks.json.
func (s *Server) Endpoint() string { return "http://" + s.Addr().String() + s.path }

// Serve serves requests until ctx is done. Then it stops listening, finishes the current
// requests, and returns nil within five seconds (S18). A panic in a handler ends only
// that connection (net/http handles it). It returns listen_failed if the listener fails.
func (s *Server) Serve(ctx context.Context) error {
	broken := make(chan error, 1)
	go func() { broken <- s.server.Serve(s.listener) }()
	select {
	case err := <-broken:
		return fault.New(fault.ListenFailed, s.Addr().String(), "%w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.grace)
	defer cancel()
	if err := s.server.Shutdown(grace); err != nil {
		_ = s.server.Close() // cuts off requests that did not finish in time
	}
	<-broken
	return nil
}
