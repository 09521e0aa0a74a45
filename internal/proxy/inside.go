package proxy

import (
	"context"
	"net"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// insideBuffer is how many bytes may wait in each direction of a connection from
// inside the process.
const insideBuffer = 32 << 10

// Inside returns how calls come in from this process: by a connection in memory,
// which is a client's connection in all other respects, and never speaks TLS. Nothing
// outside of the process can reach it. It ends with Shutdown.
func (p *Proxy) Inside() func(context.Context) (net.Conn, error) {
	l := insideListener{bufconn.Listen(insideBuffer)}
	go func() { _ = p.server.Serve(l) }() // until Shutdown closes l
	return l.DialContext
}

type insideListener struct{ *bufconn.Listener }

// Accept is that of net.Listener.
func (l insideListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return insideConn{conn}, nil
}

// insideConn is a connection that Inside made.
type insideConn struct{ net.Conn }

// credentialsOf returns those that conn is greeted with, where all but connections
// from inside are greeted with others.
func credentialsOf(conn net.Conn, others credentials.TransportCredentials) credentials.TransportCredentials {
	if _, ok := conn.(insideConn); ok {
		return insecure.NewCredentials()
	}
	return others
}
