package proxy

import (
	"context"
	"net"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// memoryBuffer is the buffer size in each direction of a connection within the process.
const memoryBuffer = 32 << 10

// DialInMemory returns a dialer for calls from this process: an in-memory connection, which is
// like a client's connection in all other respects, but never uses TLS. It cannot be
// reached from outside of the process. It ends with Shutdown.
func (p *Proxy) DialInMemory() func(context.Context) (net.Conn, error) {
	l := memoryListener{bufconn.Listen(memoryBuffer)}
	go func() { _ = p.server.Serve(l) }() // until Shutdown closes l
	return l.DialContext
}

type memoryListener struct{ *bufconn.Listener }

// Accept implements net.Listener.
func (l memoryListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return memoryConn{conn}, nil
}

// memoryConn is a connection made by DialInMemory.
type memoryConn struct{ net.Conn }

// credentialsOf returns the credentials for conn: plaintext for connections made by
// DialInMemory, others for the rest.
func credentialsOf(conn net.Conn, others credentials.TransportCredentials) credentials.TransportCredentials {
	if _, ok := conn.(memoryConn); ok {
		return insecure.NewCredentials()
	}
	return others
}
