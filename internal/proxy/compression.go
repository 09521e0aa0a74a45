package proxy

import (
	"cmp"
	"context"
	"slices"
	"strings"

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

// compression is how the messages of a call are compressed: as the client chose it,
// on both connections (gRPC's compression.md).
type compression struct {
	// request is the client's grpc-encoding, "" for none.
	request string
	// accept are the encodings that the upstream may answer in.
	accept []string
	// mirrors reports that an answer in the encoding of the request is accepted: it
	// is listed, or there is no list (compression.md).
	mirrors bool
	// watch reports that the answer may be compressed, so that the upstream's
	// grpc-encoding has to be known before there is a message.
	watch bool
}

// compressionOf returns that of the call of ctx, with this metadata. Where answers
// are read, they must come in an encoding that is known.
func compressionOf(ctx context.Context, md metadata.MD, reads bool) compression {
	var c compression
	if s, is := grpc.ServerTransportStreamFromContext(ctx).(interface{ RecvCompress() string }); is {
		c.request = s.RecvCompress()
	}
	c.watch, c.mirrors = !c.isPlain(), len(md[acceptEncoding]) == 0
	for _, list := range md[acceptEncoding] {
		for name := range strings.SplitSeq(list, ",") {
			name = strings.TrimSpace(name)
			c.mirrors = c.mirrors || name == c.request
			switch {
			case name == noEncoding, encoding.GetCompressor(name) == nil, reads && !isKnown(name):
				continue
			}
			c.accept = append(c.accept, name)
			c.watch = c.watch || name != encoding.Identity
		}
	}
	return c
}

// options are those of the call to the upstream.
func (c *compression) options(list []grpc.CallOption) []grpc.CallOption {
	if c.request != "" {
		list = append(list, grpc.UseCompressor(c.request))
	}
	if c.accept == nil {
		return append(list, acceptNone)
	}
	return append(list, experimental.AcceptCompressors(c.accept...))
}

var acceptNone = experimental.AcceptCompressors(noEncoding)

// refuseOpaque returns the refusal of a request that must be read, and is in an
// encoding that is opaque; the answer names those that are not (compression.md).
func (c *call) refuseOpaque() *enforce.Refusal {
	if c.method.Request == nil || !isOpaque(c.compression.request) {
		return nil
	}
	var names []string
	for _, one := range compress.All() {
		names = append(names, one.Name())
	}
	_ = grpc.SetHeader(c.client.Context(), metadata.Pairs(acceptEncoding, strings.Join(names, ",")))
	return refuse(enforce.InRequest, fault.New(fault.EncodingUnknown, "grpc-encoding", "the messages must be read"))
}

// isPlain reports that requests are not compressed.
func (c *compression) isPlain() bool { return c.request == "" || c.request == encoding.Identity }

// answerIn sets the encoding of the answer, once the upstream's header is there: the
// upstream's, which compression.md lets differ from the request's. grpc-go would take
// the request's.
func (c *call) answerIn(ctx context.Context) error {
	own := &c.compression
	if c.exact == nil || !own.watch {
		return nil // nothing is compressed
	}
	select {
	case <-c.exact.seen:
	case <-ctx.Done():
		return nil // RecvMsg says why
	}
	c.answers = c.exact.encoding
	if !slices.Contains(own.accept, c.answers) && !(own.mirrors && c.answers == own.request) { // RecvMsg refuses what is not accepted
		c.answers = ""
	}
	if c.answers == "" && own.isPlain() {
		return nil
	}
	return grpc.SetSendCompressor(c.client.Context(), cmp.Or(c.answers, encoding.Identity))
}

// fits returns an error for a message that cannot go out in an encoding: where it is
// opaque, only what came compressed can.
func (f *frame) fits(name string) error {
	if f.opaque != isOpaque(name) && f.data.Len() > 0 {
		return status.Errorf(codes.Unimplemented, "Message is not compressed, and %q is not known here", name)
	}
	return nil
}
