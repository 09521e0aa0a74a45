// Package web serves gRPC-Web, Connect and REST (google.api.http) in front of a gRPC
// server in the same process. It translates each request to a gRPC call with
// connectrpc.com/vanguard, and uses a separate connection for each client connection, so
// that the server's checks of calls and connections apply to these as well (S59, S60,
// S62, S78).
//
// Browsers may only call from the origins in Options: others get no permission (CORS),
// and requests that they send without a preflight, except GET and HEAD, are refused.
//
// It is the only package that uses vanguard, and decides nothing about tokens.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/vanguard"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// Options configure a Server.
type Options struct {
	// Dial opens a connection to the gRPC server, which must accept HTTP/2 in plaintext.
	Dial func(context.Context) (net.Conn, error)
	// TLS is the configuration for clients; nil means plaintext.
	TLS *tls.Config
	// Origins are those whose pages may call, as returned by ParseOrigin.
	Origins []string
	// MessageBytes limits a message, MetadataBytes the header of a request, and Streams
	// the concurrent requests on one connection.
	MessageBytes, MetadataBytes uint32
	Streams                     int
	Log                         *slog.Logger
}

// Server serves browsers. It is safe for concurrent use.
type Server struct {
	options Options
	http    *http.Server
	current atomic.Pointer[translation]
	links   sync.Map // net.Conn of a client → *link
}

// translation translates requests by the descriptors of one policy.
type translation struct {
	http.Handler
	paths map[string]bool // of methods
}

// New returns a Server of services. The error is descriptor_invalid, see Swap.
func New(services []protoreflect.ServiceDescriptor, o Options) (*Server, error) {
	s := &Server{options: o}
	if err := s.Swap(services); err != nil {
		return nil, err
	}
	s.http = &http.Server{
		Handler:           s.handler(),
		TLSConfig:         forBrowsers(o.TLS),
		ReadHeaderTimeout: 20 * time.Second,
		IdleTimeout:       5 * time.Minute,
		MaxHeaderBytes:    int(2 * o.MetadataBytes),
		ConnContext:       s.connected,
		ConnState:         s.changed,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: o.Streams,
			SendPingTimeout:      time.Minute,
			PingTimeout:          20 * time.Second,
		},
		Protocols: new(http.Protocols),
		ErrorLog:  slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	s.http.Protocols.SetHTTP1(true)
	s.http.Protocols.SetHTTP2(o.TLS != nil)
	s.http.Protocols.SetUnencryptedHTTP2(o.TLS == nil)
	return s, nil
}

// Prepare returns a function that puts services in force for later requests. It returns
// descriptor_invalid for an invalid google.api.http rule, or if two rules have the same
// path.
func (s *Server) Prepare(services []protoreflect.ServiceDescriptor) (swap func(), err error) {
	t := &translation{paths: map[string]bool{}}
	calls := http.HandlerFunc(s.call)
	list := make([]*vanguard.Service, 0, len(services))
	for _, d := range services {
		list = append(list, vanguard.NewServiceWithSchema(d, calls,
			vanguard.WithTargetProtocols(vanguard.ProtocolGRPC),
			vanguard.WithTargetCodecs(vanguard.CodecProto),
			vanguard.WithMaxMessageBufferBytes(s.options.MessageBytes)))
		for i := range d.Methods().Len() {
			t.paths["/"+string(d.FullName())+"/"+string(d.Methods().Get(i).Name())] = true
		}
	}
	if t.Handler, err = vanguard.NewTranscoder(list, vanguard.WithCodec(newJSONCodec), vanguard.WithUnknownHandler(http.HandlerFunc(s.unknown))); err != nil {
		return nil, fault.New(fault.DescriptorInvalid, "google.api.http", "%w", err)
	}
	return func() { s.current.Store(t) }, nil
}

// Swap calls Prepare and its result.
func (s *Server) Swap(services []protoreflect.ServiceDescriptor) error {
	swap, err := s.Prepare(services)
	if err == nil {
		swap()
	}
	return err
}

// Serve serves requests on l, and closes it in the end. It returns nil after Shutdown,
// and listen_failed if l fails.
func (s *Server) Serve(l net.Listener) error {
	serve := s.http.Serve
	if s.options.TLS != nil {
		serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
	}
	if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fault.New(fault.ListenFailed, l.Addr().String(), "%w", err)
	}
	return nil
}

// Shutdown stops listening and waits for current requests to end. Those that have not
// when ctx is done are cut off, and the error is interrupted.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err == nil {
		return nil
	}
	return fault.New(fault.Interrupted, "web", "requests were still open when the shutdown timeout ended: %w", errors.Join(err, s.http.Close()))
}

// forBrowsers returns config with HTTP/1.1 in addition to HTTP/2, or nil for nil.
func forBrowsers(config *tls.Config) *tls.Config {
	if config == nil {
		return nil
	}
	web := config.Clone()
	web.NextProtos = []string{"h2", "http/1.1"}
	if each := config.GetConfigForClient; each != nil {
		web.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			one, err := each(hello)
			if one == nil || err != nil {
				return one, err
			}
			one = one.Clone()
			one.NextProtos = web.NextProtos
			return one, nil
		}
	}
	return web
}
