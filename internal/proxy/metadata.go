package proxy

import (
	"encoding/base64"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/jwtctl/jwtctl/internal/enforce"
)

const authorization = "authorization"

// isTransportHeader reports whether key, in lower case, is never forwarded: fields about one
// connection (S78), and those that gRPC's transport writes itself for each side.
func isTransportHeader(key string) bool {
	switch key {
	case ":authority", "content-type", "user-agent", "grpc-accept-encoding":
		return true
	}
	return enforce.IsConnectionHeader(key)
}

// forwardable removes from md, received metadata, what must not be forwarded: the fields
// of isTransportHeader, and those that connection names.
func forwardable(md metadata.MD) metadata.MD {
	for _, value := range md["connection"] {
		for name := range strings.SplitSeq(value, ",") {
			delete(md, strings.ToLower(strings.Trim(name, " \t")))
		}
	}
	for key := range md {
		if isTransportHeader(key) {
			delete(md, key)
		}
	}
	return md
}

// listSize returns the size of the header of a call of method with metadata md, as HTTP/2
// counts it (RFC 9113 section 6.5.2), without timeout and encoding, which the transport
// does not keep.
func listSize(method string, md metadata.MD) int {
	const field = 32
	n := len(":method"+"POST"+":scheme"+"http"+":path"+"/"+"te"+"trailers") + len(method) + 4*field
	for key, values := range md {
		for _, v := range values {
			size := len(v)
			if strings.HasSuffix(key, "-bin") {
				size = base64.RawStdEncoding.EncodedLen(size)
			}
			n += len(key) + size + field
		}
	}
	return n
}

// withoutClaims removes from md what only the proxy may set.
func withoutClaims(md metadata.MD) metadata.MD {
	for key := range md {
		if enforce.IsClaim(key) {
			delete(md, key)
		}
	}
	return md
}
