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

// opaque are the names of encodings that the proxy only passes on, message by message
// as they came: those of HTTP's registry, and others that gRPC implementations are given.
// grpc-go knows an encoding only by its name, and only from the start.
var opaque = []string{
	"br", "brotli", "snappy", "s2", "lz4", "lzma", "xz", "bzip2", "lzo", "zlib", "flate", "minlz",
	"compress", "x-compress", "x-gzip", "x-snappy", "x-snappy-framed", "aes128gcm", "dcb", "dcz", "exi", "pack200-gzip",
}

// noEncoding is accepted where a client accepts none: grpc-go lets a call accept
// nothing but what is registered, and it is a list of nothing but identity.
const noEncoding = "identity,identity"

// grpc-go takes compressors during initialization alone.
func init() {
	for _, c := range compress.All() {
		encoding.RegisterCompressor(c)
	}
	for _, name := range append(opaque, noEncoding) {
		encoding.RegisterCompressor(opaqueCompressor(name))
	}
}

// isOpaque reports whether messages in an encoding can only be passed on.
func isOpaque(name string) bool { return name != "" && name != encoding.Identity && !isKnown(name) }

func isKnown(name string) bool { return compress.Find(name) != nil }

// mark is at the end of a message whose encoding is opaque, between grpc-go's
// Decompress, which knows that the message is compressed, and Unmarshal, which does
// not; and at the beginning of one between Marshal and Compress. It never leaves the
// process, and is random, so that no peer can send it. It is made when it is first
// used: randomness takes a file descriptor and time of each start.
var mark = sync.OnceValue(func() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return b
})

// opaqueCompressor passes messages on as they came; it is its own name.
type opaqueCompressor string

// Name is that of encoding.Compressor.
func (c opaqueCompressor) Name() string { return string(c) }

// Decompress is that of encoding.Compressor.
func (opaqueCompressor) Decompress(from io.Reader) (io.Reader, error) {
	return io.MultiReader(from, bytes.NewReader(mark())), nil
}

// Compress is that of encoding.Compressor.
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
	if len(p) != len(mark()) || &p[0] != &mark()[0] {
		return 0, errors.New("the encoding is not known")
	}
	w.marked = true
	return len(p), nil
}

func (*opaqueWriter) Close() error { return nil }
