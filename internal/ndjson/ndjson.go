// Package ndjson runs a function over the lines of a stream, on several cores, with the
// results in the order of the lines and constant memory.
package ndjson

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// Line is one line of the stream without its end.
type Line struct {
	// Number counts from 1.
	Number int
	// Text is valid until the work on it returns. It is nil if TooLong.
	Text []byte
	// TooLong means that the line exceeds the limit and was skipped.
	TooLong bool
}

// Result is the result for several consecutive lines.
type Result struct {
	Out []byte // is emitted
	// After are called after Out is emitted, by the caller's goroutine, for actions that
	// must follow the order of the lines.
	After []func()
}

// Work adds the result of a line to those of the lines before it. It runs concurrently,
// and returns an error that must end the run.
type Work func(ctx context.Context, line Line, to *Result) error

// Options limit a run. All are required.
type Options struct {
	Jobs    int // goroutines that work
	MaxLine int // bytes of a line
}

// The number of lines passed to a worker at once: enough to make the overhead small,
// limited in bytes, and never waiting for more input: a slow writer gets the result of
// each line at once.
const (
	batchLines = 64
	batchBytes = 64 << 10
)

// batch is several consecutive lines and, once done, their results.
type batch struct {
	first int
	text  []byte
	ends  []int // of each line in text; -1 if too long
	to    Result
	err   error
	done  chan struct{}
}

// Run reads r to its end and calls emit with the results, in the order of the lines, in
// the caller's goroutine. It skips blank lines, but counts them. It stops at the first
// error of r, work or emit, or when ctx is done, after emitting earlier results, and
// returns the error.
func Run(ctx context.Context, r io.Reader, o Options, work Work, emit func([]byte) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pool := sync.Pool{New: func() any { return new(batch) }}
	todo := make(chan *batch)
	order := make(chan *batch, 2*o.Jobs) // limits memory

	var workers sync.WaitGroup
	for range o.Jobs {
		workers.Go(func() {
			for b := range todo {
				b.run(ctx, work)
				close(b.done)
			}
		})
	}
	go func() {
		defer close(order)
		defer close(todo)
		in := lines{r: bufio.NewReaderSize(r, 256<<10), max: o.MaxLine}
		for more := true; more; {
			b := pool.Get().(*batch)
			*b = batch{first: in.number + 1, text: b.text[:0], ends: b.ends[:0], to: Result{Out: b.to.Out[:0]}, done: make(chan struct{})}
			more = in.read(b)
			select {
			case order <- b:
			case <-ctx.Done():
				return
			}
			select {
			case todo <- b:
			case <-ctx.Done():
				b.err = context.Cause(ctx)
				close(b.done)
				return
			}
		}
	}()

	var failed error
	for b := range order {
		<-b.done
		if failed == nil {
			failed = errors.Join(emitAll(emit, b.to), b.err)
			if failed != nil {
				cancel(failed)
			}
		}
		pool.Put(b)
	}
	workers.Wait()
	if failed == nil && ctx.Err() != nil {
		failed = context.Cause(ctx)
	}
	return failed
}

func emitAll(emit func([]byte) error, a Result) error {
	if len(a.Out) > 0 {
		if err := emit(a.Out); err != nil {
			return err
		}
	}
	for _, then := range a.After {
		then()
	}
	return nil
}

// run processes the lines of b.
func (b *batch) run(ctx context.Context, work Work) {
	failed := b.err // an error of reading after these lines
	b.err = nil
	start := 0
	for i, end := range b.ends {
		line := Line{Number: b.first + i, TooLong: end < 0}
		if end >= 0 {
			line.Text = bytes.TrimSpace(b.text[start:end])
			start = end
			if len(line.Text) == 0 {
				continue
			}
		}
		if ctx.Err() != nil {
			b.err = context.Cause(ctx)
			return
		}
		if b.err = work(ctx, line, &b.to); b.err != nil {
			return
		}
	}
	b.err = failed
}

// lines reads a stream line by line.
type lines struct {
	r      *bufio.Reader
	max    int
	number int
}

// read fills b. It returns false if nothing follows; b.err is then the error, unless the
// stream ended.
func (l *lines) read(b *batch) (more bool) {
	for len(b.ends) == 0 || len(b.ends) < batchLines && len(b.text) < batchBytes && l.r.Buffered() > 0 {
		start, long := len(b.text), false
		for {
			piece, err := l.r.ReadSlice('\n')
			if long = long || len(b.text)-start+len(piece) > l.max+1; long { // +1: the line feed
				b.text = b.text[:start]
			} else {
				b.text = append(b.text, piece...)
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if err != nil && len(piece) == 0 && !long && len(b.text) == start {
				b.err = readFault(err)
				return false
			}
			l.number++
			if long {
				b.ends = append(b.ends, -1)
			} else {
				b.ends = append(b.ends, len(b.text))
			}
			if err != nil {
				b.err = readFault(err)
				return false
			}
			break
		}
	}
	return true
}

func readFault(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fault.New(fault.FileFailed, "the stream", "%w", err)
}
