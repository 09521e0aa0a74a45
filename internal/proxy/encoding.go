package proxy

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/grpc/encoding"
)

// The encodings of messages that the proxy reads and writes. Those of opaque it only
// passes on, message by message as they came.
var known = []*compressor{
	{
		name:   "gzip",
		writer: func() resetWriter { w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed); return w }, // fails for other levels alone
		reader: func() resetReader { return new(gzip.Reader) },
	},
	{
		name:   "deflate", // the zlib format, as in HTTP (RFC 9110, section 8.4.1.2)
		writer: func() resetWriter { w, _ := zlib.NewWriterLevel(nil, zlib.BestSpeed); return w },
		reader: func() resetReader { return new(zlibReader) },
	},
	{
		name: "zstd",
		writer: func() resetWriter {
			w, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(512<<10))
			return w
		},
		reader: func() resetReader {
			// RFC 8878, section 3.1.1.1.2, wants windows of 8 MiB read, and no more.
			r, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
			return r
		},
	},
}

// opaque are the names of other encodings: those of HTTP's registry, and others that
// gRPC implementations are given. grpc-go knows an encoding only by its name, and
// only from the start.
var opaque = []string{
	"br", "brotli", "snappy", "s2", "lz4", "lzma", "xz", "bzip2", "lzo", "zlib", "flate", "minlz",
	"compress", "x-compress", "x-gzip", "x-snappy", "x-snappy-framed", "aes128gcm", "dcb", "dcz", "exi", "pack200-gzip",
}

// noEncoding is accepted where a client accepts none: grpc-go lets a call accept
// nothing but what is registered, and it is a list of nothing but identity.
const noEncoding = "identity,identity"

// grpc-go takes compressors during initialization alone.
func init() {
	for _, c := range known {
		encoding.RegisterCompressor(c)
	}
	for _, name := range append(opaque, noEncoding) {
		encoding.RegisterCompressor(opaqueCompressor(name))
	}
}

// isOpaque reports whether messages in an encoding can only be passed on.
func isOpaque(name string) bool { return name != "" && name != encoding.Identity && !isKnown(name) }

func isKnown(name string) bool {
	for _, c := range known {
		if c.name == name {
			return true
		}
	}
	return false
}

type resetWriter interface {
	io.WriteCloser
	Reset(io.Writer)
}

type resetReader interface {
	io.Reader
	Reset(io.Reader) error
}

// compressor is an encoding that is known; what it needs is used again.
type compressor struct {
	name             string
	writer           func() resetWriter
	reader           func() resetReader
	writers, readers sync.Pool
}

// Name is that of encoding.Compressor.
func (c *compressor) Name() string { return c.name }

// Compress is that of encoding.Compressor.
func (c *compressor) Compress(to io.Writer) (io.WriteCloser, error) {
	w, is := c.writers.Get().(resetWriter)
	if !is {
		w = c.writer()
	}
	w.Reset(to)
	return &pooledWriter{w, &c.writers}, nil
}

type pooledWriter struct {
	resetWriter
	pool *sync.Pool
}

func (w *pooledWriter) Close() error {
	defer w.pool.Put(w.resetWriter)
	return w.resetWriter.Close()
}

// Decompress is that of encoding.Compressor. How much is read is for grpc-go, which
// stops at the largest message.
func (c *compressor) Decompress(from io.Reader) (io.Reader, error) {
	r, is := c.readers.Get().(resetReader)
	if !is {
		r = c.reader()
	}
	if err := r.Reset(from); err != nil {
		c.readers.Put(r)
		return nil, err
	}
	return &pooledReader{r, &c.readers}, nil
}

type pooledReader struct {
	from resetReader
	pool *sync.Pool
}

func (r *pooledReader) Read(p []byte) (int, error) { return r.from.Read(p) }

func (r *pooledReader) Close() error {
	r.pool.Put(r.from)
	return nil
}

// zlibReader is a reader of zlib that can be made before there is anything to read.
type zlibReader struct{ io.ReadCloser }

// Reset is that of resetReader.
func (r *zlibReader) Reset(from io.Reader) (err error) {
	if r.ReadCloser == nil {
		r.ReadCloser, err = zlib.NewReader(from)
		return err
	}
	return r.ReadCloser.(zlib.Resetter).Reset(from, nil)
}

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
