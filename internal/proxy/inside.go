package proxy

import (
	"context"
	"net"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// insideBuffer is the buffer size in each direction of a connection within the process.
const insideBuffer = 32 << 10

// Inside returns a dialer for calls from this process: an in-memory connection, which is
// like a client's connection in all other respects, but never uses TLS. It cannot be
// reached from outside of the process. It ends with Shutdown.
func (p *Proxy) Inside() func(context.Context) (net.Conn, error) {
	l := insideListener{bufconn.Listen(insideBuffer)}
	go func() { _ = p.server.Serve(l) }() // until Shutdown closes l
	return l.DialContext
}

type insideListener struct{ *bufconn.Listener }

// Accept implements net.Listener.
func (l insideListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return insideConn{conn}, nil
}

// insideConn is a connection made by Inside.
type insideConn struct{ net.Conn }

// credentialsOf returns the credentials for conn: plaintext for connections made by
// Inside, others for the rest.
func credentialsOf(conn net.Conn, others credentials.TransportCredentials) credentials.TransportCredentials {
	if _, ok := conn.(insideConn); ok {
		return insecure.NewCredentials()
	}
	return others
}
