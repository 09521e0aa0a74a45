package proxy

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/compress"
	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
)

const acceptEncoding = "grpc-accept-encoding"

// compression is how the messages of a call are compressed: as the client chose, on both
// connections (gRPC's compression.md).
type compression struct {
	// request is the client's grpc-encoding, or "".
	request string
	*accepted
	// mirrors is set if a response in the encoding of the request is accepted: it is
	// listed, or there is no list (compression.md).
	mirrors bool
	// watch is set if the response may be compressed, so that the upstream's
	// grpc-encoding must be known before the first message.
	watch bool
}

// accepted holds the encodings that a client accepts.
type accepted struct {
	lists []string // the values of grpc-accept-encoding
	names []string // the encodings in them
	// accept are the encodings that the upstream may use, and option tells it so.
	accept []string
	option grpc.CallOption
	// compresses is set if any of them compresses.
	compresses bool
}

// newAccepted returns the encodings in lists. If responses are read, only known encodings
// are accepted.
func newAccepted(lists []string, reads bool) *accepted {
	a := &accepted{lists: slices.Clone(lists), option: acceptNone}
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			name = strings.TrimSpace(name)
			a.names = append(a.names, name)
			if name == noEncoding || encoding.GetCompressor(name) == nil || reads && !isKnown(name) {
				continue
			}
			a.accept = append(a.accept, name)
			a.compresses = a.compresses || name != encoding.Identity
		}
	}
	if a.accept != nil {
		a.option = experimental.AcceptCompressors(a.accept...)
	}
	return a
}

// lastAccepted caches the last lists of calls whose responses are passed, and whose
// responses are read: clients of one kind send the same list.
type lastAccepted struct{ passed, read atomic.Pointer[accepted] }

func (l *lastAccepted) of(lists []string, reads bool) *accepted {
	last := &l.passed
	if reads {
		last = &l.read
	}
	a := last.Load()
	if a == nil || !slices.Equal(a.lists, lists) {
		a = newAccepted(lists, reads)
		last.Store(a)
	}
	return a
}

// compressionOf returns the compression of the call of ctx with this metadata.
func (p *Proxy) compressionOf(ctx context.Context, md metadata.MD, reads bool) compression {
	lists := md[acceptEncoding]
	c := compression{accepted: p.accepts.of(lists, reads)}
	if s, ok := grpc.ServerTransportStreamFromContext(ctx).(interface{ RecvCompress() string }); ok {
		c.request = s.RecvCompress()
	}
	c.mirrors = len(lists) == 0 || slices.Contains(c.names, c.request)
	c.watch = !c.isPlain() || c.compresses
	return c
}

// callOptions returns the options of the call to the upstream.
func (c *call) callOptions() []grpc.CallOption {
	options := append(make([]grpc.CallOption, 0, 4), asFrames, c.compression.option)
	if c.compression.request != "" {
		options = append(options, grpc.UseCompressor(c.compression.request))
	}
	if c.subtype != "" {
		options = append(options, grpc.CallContentSubtype(c.subtype))
	}
	return options
}

var (
	asFrames   = grpc.ForceCodecV2(codec{})
	acceptNone = experimental.AcceptCompressors(noEncoding)
)

// refuseOpaque refuses a request that must be read but has an opaque encoding; the
// response lists supported ones (compression.md).
func (c *call) refuseOpaque() *enforce.Refusal {
	if c.method.Request == nil || !isOpaque(c.compression.request) {
		return nil
	}
	var names []string
	for _, one := range compress.All() {
		names = append(names, one.Name())
	}
	_ = grpc.SetHeader(c.client.Context(), metadata.Pairs(acceptEncoding, strings.Join(names, ",")))
	return refuse(enforce.InRequest, fault.New(fault.EncodingUnknown, "grpc-encoding", "unknown compression, but the messages must be read"))
}

// isPlain reports whether requests are not compressed.
func (c *compression) isPlain() bool { return c.request == "" || c.request == encoding.Identity }

// answerIn sets the encoding of the response to that of the upstream, after its header
// has arrived. compression.md permits it to differ from the request's, which grpc-go
// would use. empty means that no message follows the header.
func (c *call) answerIn(ctx context.Context, empty bool) error {
	own := &c.compression
	if c.exact == nil || !own.watch {
		return nil // no messages are compressed
	}
	if !c.exact.wait(ctx) {
		return nil // RecvMsg returns the reason
	}
	if !empty {
		c.responseEncoding = c.exact.encoding
	}
	if !slices.Contains(own.accept, c.responseEncoding) && !(own.mirrors && c.responseEncoding == own.request) { // RecvMsg refuses what is not accepted
		c.responseEncoding = ""
	}
	if c.responseEncoding == "" && own.isPlain() {
		return nil
	}
	return grpc.SetSendCompressor(c.client.Context(), cmp.Or(c.responseEncoding, encoding.Identity))
}

// fits returns an error if the message cannot be sent in an encoding: only messages that
// arrived compressed can be sent in an opaque one.
func (f *frame) fits(name string) error {
	if f.opaque != isOpaque(name) && f.data.Len() > 0 {
		return status.Errorf(codes.Unimplemented, "Message is not compressed, and %q is not known here", name)
	}
	return nil
}
