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

// Upstream is the server behind the proxy, see Dial. It has two connections. grpc-go
// refuses to send metadata that HTTP permits and gRPC's grammar does not, unless a stats
// handler adds it, and only a stats handler learns the encoding of a response. Since
// stats cost CPU, only calls that need them use the connection with a handler.
type Upstream struct {
	plain, exact *grpc.ClientConn
}

// NewStream implements grpc.ClientConnInterface.
func (u *Upstream) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if withRawMetadata(ctx) != nil {
		return u.exact.NewStream(ctx, desc, method, opts...)
	}
	return u.plain.NewStream(ctx, desc, method, opts...)
}

// Close closes both connections.
func (u *Upstream) Close() error { return errors.Join(u.plain.Close(), u.exact.Close()) }

// rawMetadata is metadata that grpc-go would refuse to send, and the encoding of the response,
// or "". The encoding is known before the first message of the response, or earlier, once
// seen is closed.
type rawMetadata struct {
	pairs    []string      // alternating names and values
	seen     chan struct{} // nil if not needed before the first message
	once     sync.Once
	encoding string
}

type rawMetadataKey struct{}

func withRawMetadata(ctx context.Context) *rawMetadata {
	x, _ := ctx.Value(rawMetadataKey{}).(*rawMetadata)
	return x
}

// outgoing returns ctx with md as the complete metadata to send. For a value that is
// valid in HTTP (RFC 9110 section 5.5: printable ASCII, tab, and bytes from 0x80 on) but
// not in gRPC, gRPC over HTTP/2 (PROTOCOL-HTTP2.md, Custom-Metadata) forbids an error;
// implementations may drop or accept it. Here it arrives as it would directly. The
// transport has already reset calls with values that are invalid in HTTP.
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
		ctx = context.WithValue(ctx, rawMetadataKey{}, c.exact)
	}
	return metadata.NewOutgoingContext(ctx, md)
}

// grpcValid reports whether gRPC's grammar permits a key, in lower case, and its values
// (PROTOCOL-HTTP2.md: Header-Name, ASCII-Value).
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

// rawMetadataStats adds the metadata of rawMetadata after grpc-go's check.
type rawMetadataStats struct{}

// TagRPC implements stats.Handler.
func (rawMetadataStats) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	if x := withRawMetadata(ctx); x != nil && x.pairs != nil {
		return metadata.AppendToOutgoingContext(ctx, x.pairs...)
	}
	return ctx
}

// HandleRPC implements stats.Handler.
func (rawMetadataStats) HandleRPC(ctx context.Context, s stats.RPCStats) {
	switch s := s.(type) {
	case *stats.InHeader:
		withRawMetadata(ctx).answered(s.Compression)
	case *stats.InTrailer, *stats.End: // without a header
		withRawMetadata(ctx).answered("")
	}
}

// answered records the encoding of the response, once.
func (x *rawMetadata) answered(encoding string) {
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

// wait waits until the encoding is known. It returns false if ctx ends first.
func (x *rawMetadata) wait(ctx context.Context) bool {
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

// TagConn implements stats.Handler.
func (rawMetadataStats) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}

// HandleConn implements stats.Handler.
func (rawMetadataStats) HandleConn(context.Context, stats.ConnStats) {}
