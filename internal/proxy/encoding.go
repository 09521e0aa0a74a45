package proxy

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc/encoding"

	"github.com/jwtctl/jwtctl/internal/compress"
)

// opaque lists encodings that the proxy only forwards, message by message, without
// decoding: those of HTTP's registry, and others in use with gRPC. grpc-go only supports
// encodings that were registered by name at the start.
var opaque = []string{
	"br", "brotli", "snappy", "s2", "lz4", "lzma", "xz", "bzip2", "lzo", "zlib", "flate", "minlz",
	"compress", "x-compress", "x-gzip", "x-snappy", "x-snappy-framed", "aes128gcm", "dcb", "dcz", "exi", "pack200-gzip",
}

// noEncoding is sent for a client that accepts no encoding: grpc-go always sends a list
// of registered encodings, and this one has nothing but identity.
const noEncoding = "identity,identity"

// grpc-go registers compressors during initialization only.
func init() {
	for _, c := range compress.All() {
		encoding.RegisterCompressor(c)
	}
	for _, name := range append(opaque, noEncoding) {
		encoding.RegisterCompressor(opaqueCompressor(name))
	}
}

// isOpaque reports whether messages in this encoding can only be forwarded.
func isOpaque(name string) bool { return name != "" && name != encoding.Identity && !isKnown(name) }

func isKnown(name string) bool { return compress.Find(name) != nil }

// opaqueMark is at the end of a message with an opaque encoding, between grpc-go's Decompress,
// which knows that the message is compressed, and Unmarshal, which does not; and at the
// start of one between Marshal and Compress. It never leaves the process, and is random
// so that peers cannot send it. It is generated on first use: randomness costs a file
// descriptor and time at each start.
var opaqueMark = sync.OnceValue(func() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return b
})

// opaqueCompressor forwards messages unchanged; its value is its name.
type opaqueCompressor string

// Name implements encoding.Compressor.
func (c opaqueCompressor) Name() string { return string(c) }

// Decompress implements encoding.Compressor.
func (opaqueCompressor) Decompress(from io.Reader) (io.Reader, error) {
	return io.MultiReader(from, bytes.NewReader(opaqueMark())), nil
}

// Compress implements encoding.Compressor.
func (c opaqueCompressor) Compress(to io.Writer) (io.WriteCloser, error) {
	return &opaqueWriter{to: to}, nil
}

type opaqueWriter struct {
	to     io.Writer
	marked bool
}

func (w *opaqueWriter) Write(p []byte) (int, error) {
	if w.marked {
		return w.to.Write(p)
	}
	if len(p) != len(opaqueMark()) || &p[0] != &opaqueMark()[0] {
		return 0, errors.New("the encoding is not known")
	}
	w.marked = true
	return len(p), nil
}

func (*opaqueWriter) Close() error { return nil }
