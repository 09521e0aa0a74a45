package proxy

import (
	"context"
	"errors"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"

	"github.com/jwtctl/jwtctl/internal/enforce"
)

// Upstream is the server behind, as by Dial. It has two connections. grpc-go
// refuses to send metadata that HTTP allows and gRPC's own grammar does not, unless
// a stats handler adds it, and tells no one else the encoding of an answer; and
// stats cost CPU. So only calls that need it go by the connection that has one.
type Upstream struct {
	plain, exact *grpc.ClientConn
}

// NewStream is that of grpc.ClientConnInterface.
func (u *Upstream) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if exactly(ctx) != nil {
		return u.exact.NewStream(ctx, desc, method, opts...)
	}
	return u.plain.NewStream(ctx, desc, method, opts...)
}

// Close closes both connections.
func (u *Upstream) Close() error { return errors.Join(u.plain.Close(), u.exact.Close()) }

// exact is what a call sends that grpc-go would refuse, and the encoding that it is
// answered in, "" for none: known before a message of the answer is, and before that
// once seen is closed.
type exact struct {
	pairs    []string      // of metadata, name and value in turn
	seen     chan struct{} // nil where it is not needed before there is a message
	once     sync.Once
	encoding string
}

type exactKey struct{}

func exactly(ctx context.Context) *exact {
	x, _ := ctx.Value(exactKey{}).(*exact)
	return x
}

// outgoing returns ctx with md as the metadata to send, all of it. gRPC over
// HTTP/2 (PROTOCOL-HTTP2.md, Custom-Metadata) forbids an error for a value that is
// valid in HTTP (RFC 9110, section 5.5: printable ASCII, tab, and bytes from 0x80
// on) and not in gRPC; it may be dropped or accepted. Here it arrives as it would
// directly. What is not valid in HTTP the transport has reset before.
func (c *call) outgoing(ctx context.Context, md metadata.MD) context.Context {
	var beyond []string
	for key, values := range md {
		if grpcValid(key, values) {
			continue
		}
		for _, v := range values {
			beyond = append(beyond, key, v)
		}
		delete(md, key)
	}
	if beyond != nil || c.compression.watch {
		c.exact = &c.watched
		if c.exact.pairs = beyond; !c.method.OneResponse() {
			c.exact.seen = make(chan struct{})
		}
		ctx = context.WithValue(ctx, exactKey{}, c.exact)
	}
	return metadata.NewOutgoingContext(ctx, md)
}

// grpcValid reports whether gRPC's grammar allows a key, in lower case, and its
// values (PROTOCOL-HTTP2.md: Header-Name, ASCII-Value).
func grpcValid(key string, values []string) bool {
	if !enforce.ValidKey(key) {
		return false
	}
	if strings.HasSuffix(key, "-bin") {
		return true
	}
	for _, v := range values {
		for i := range len(v) {
			if v[i] < ' ' || v[i] > '~' {
				return false
			}
		}
	}
	return true
}

// exactStats adds the metadata of exact behind grpc-go's check.
type exactStats struct{}

// TagRPC is that of stats.Handler.
func (exactStats) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	if x := exactly(ctx); x != nil && x.pairs != nil {
		return metadata.AppendToOutgoingContext(ctx, x.pairs...)
	}
	return ctx
}

// HandleRPC is that of stats.Handler.
func (exactStats) HandleRPC(ctx context.Context, s stats.RPCStats) {
	switch s := s.(type) {
	case *stats.InHeader:
		exactly(ctx).answered(s.Compression)
	case *stats.InTrailer, *stats.End: // there was no header, or there will be none
		exactly(ctx).answered("")
	}
}

// answered notes the encoding of the answer, once.
func (x *exact) answered(encoding string) {
	if x == nil {
		return
	}
	x.once.Do(func() {
		x.encoding = encoding
		if x.seen != nil {
			close(x.seen)
		}
	})
}

// wait returns once the encoding is known; false if ctx ends before.
func (x *exact) wait(ctx context.Context) bool {
	if x.seen == nil {
		return true
	}
	select {
	case <-x.seen:
		return true
	case <-ctx.Done():
		return false
	}
}

// TagConn is that of stats.Handler.
func (exactStats) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn is that of stats.Handler.
func (exactStats) HandleConn(context.Context, stats.ConnStats) {}
