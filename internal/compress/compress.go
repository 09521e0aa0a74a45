// Package compress has the supported encodings of gRPC messages, for all transports
// (gRPC's compression.md).
package compress

import (
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// All returns the encodings.
func All() []*Compressor { return slices.Clone(known) }

// Find returns the encoding called name, or nil.
func Find(name string) *Compressor {
	for _, c := range known {
		if c.name == name {
			return c
		}
	}
	return nil
}

var known = []*Compressor{
	{
		name:   "gzip",
		writer: func() resetWriter { w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed); return w }, // only fails for other levels
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
			// RFC 8878 section 3.1.1.1.2 requires support for windows of up to 8 MiB.
			r, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
			return r
		},
	},
}

type resetWriter interface {
	io.WriteCloser
	Reset(io.Writer)
}

type resetReader interface {
	io.Reader
	Reset(io.Reader) error
}

// Compressor is a supported encoding; its buffers are reused.
type Compressor struct {
	name             string
	writer           func() resetWriter
	reader           func() resetReader
	writers, readers sync.Pool
}

// Name implements encoding.Compressor.
func (c *Compressor) Name() string { return c.name }

// Compress implements encoding.Compressor.
func (c *Compressor) Compress(to io.Writer) (io.WriteCloser, error) {
	w, ok := c.writers.Get().(resetWriter)
	if !ok {
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

// Decompress implements encoding.Compressor. The caller limits how much it reads.
func (c *Compressor) Decompress(from io.Reader) (io.Reader, error) {
	r, ok := c.readers.Get().(resetReader)
	if !ok {
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

// zlibReader is a zlib reader that can be created before there is input.
type zlibReader struct{ io.ReadCloser }

// Reset is that of resetReader.
func (r *zlibReader) Reset(from io.Reader) (err error) {
	if r.ReadCloser == nil {
		r.ReadCloser, err = zlib.NewReader(from)
		return err
	}
	return r.ReadCloser.(zlib.Resetter).Reset(from, nil)
}
