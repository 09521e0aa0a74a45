package web

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// link is the connection to the gRPC server that carries the calls of one client
// connection, opened at the first call.
type link struct {
	dial func(context.Context) (net.Conn, error)

	mu        sync.Mutex
	transport *http.Transport
}

type linkKey struct{}

// connected gives a client's connection its link.
func (s *Server) connected(ctx context.Context, conn net.Conn) context.Context {
	l := &link{dial: s.options.Dial}
	s.links.Store(conn, l)
	return context.WithValue(ctx, linkKey{}, l)
}

// changed ends the link of a client's connection when that closes.
func (s *Server) changed(conn net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	if l, ok := s.links.LoadAndDelete(conn); ok {
		l.(*link).end()
	}
}

// open returns the transport for calls over the link.
func (l *link) open() *http.Transport {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.transport == nil {
		l.transport = &http.Transport{
			DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return l.dial(ctx) },
			DisableCompression: true,
			IdleConnTimeout:    time.Minute,
			Protocols:          new(http.Protocols),
		}
		l.transport.Protocols.SetUnencryptedHTTP2(true)
	}
	return l.transport
}

// end closes the connection to the gRPC server. Current calls were cancelled with the
// client's connection.
func (l *link) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.transport != nil {
		l.transport.CloseIdleConnections()
	}
}
