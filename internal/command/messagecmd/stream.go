package messagecmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/ndjson"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// streamFlags are the flags of commands that accept a message or a stream of messages.
type streamFlags struct {
	ndjson bool
	jobs   int
	out    string
}

func (f *streamFlags) register(fs *pflag.FlagSet) {
	fs.BoolVar(&f.ndjson, "ndjson", false, "read one message per line, and continue after failures")
	fs.IntVar(&f.jobs, "jobs", 0, "number `N` of --ndjson lines to process in parallel (default: one per core)")
	fs.StringVarP(&f.out, "out", "o", "", "write to `FILE` instead of stdout, all or nothing")
	settings.Outputs(fs, "out")
}

func (f streamFlags) check() error {
	switch {
	case f.jobs < 0:
		return fault.New(fault.UsageError, "--jobs", "must not be negative (got %d)", f.jobs)
	case f.ndjson && f.out != "":
		return fault.New(fault.UsageError, "--out", "cannot be combined with --ndjson; redirect stdout instead: > FILE")
	}
	return nil
}

func (f streamFlags) options() ndjson.Options {
	return ndjson.Options{Jobs: cmp.Or(f.jobs, runtime.GOMAXPROCS(0)), MaxLine: message.MaxBytes}
}

// tally counts the results of a run over lines.
type tally struct {
	done, refused atomic.Int64
	negative      error // the answer no, if a message was refused
	undecided     error // the first error that is not about its line
}

// add counts a line. Errors are handled, and reported by tell, in the order of the lines,
// however many are processed at once; tell may be nil.
func (t *tally) add(err error, to *ndjson.Result, tell func()) {
	t.done.Add(1)
	if err == nil {
		return
	}
	t.refused.Add(1)
	to.After = append(to.After, func() {
		switch {
		case fault.ClassOf(err) == fault.Refused:
			t.negative = console.NegativeAnswer{Code: fault.CodeOf(err)}
		case t.undecided == nil:
			t.undecided = err
		}
		if tell != nil {
			tell()
		}
	})
}

// verifyStreams verifies each line of each file and prints the verdicts in order.
func (m *messages) verifyStreams(ctx context.Context, list []string, o verifyOptions) error {
	words := verdictWordsFor(m.d, true)
	var count tally
	work := func(path string) ndjson.Work {
		return func(ctx context.Context, line ndjson.Line, to *ndjson.Result) error {
			v := m.verifyLine(ctx, path, line, o)
			var tell func()
			switch {
			case o.print && v.err == nil:
				to.Out = append(to.Out, v.message...)
			case o.print:
				tell = func() { m.d.Report(v.failureAt(path, line.Number)) }
			case o.format == "json":
				to.Out = v.appendJSON(to.Out, o.messages.Dev)
			default:
				to.Out = v.appendText(to.Out, words, true)
			}
			count.add(v.err, to, tell)
			if m.d.Verbose {
				to.After = append(to.After, func() { v.detail(m.d, true) })
			}
			return nil
		}
	}
	err := streams(ctx, m.d, list, o.stream.options(), &count, work)
	if fault.Has(err, fault.Interrupted) || ctx.Err() != nil {
		return err
	}
	return fault.RefuseIfAny(errors.Join(count.negative, err))
}

func (m *messages) verifyLine(ctx context.Context, path string, line ndjson.Line, o verifyOptions) verdict {
	if line.TooLong {
		return verdict{file: path, line: line.Number, err: lineTooLong()}
	}
	v := m.verifyOne(ctx, path, line.Number, line.Text, o.keepsMessage(), message.Form{})
	v.err = withoutLine(v.err)
	return v
}

// withoutLine removes the line from a position in a message that is one line of a stream:
// "line 1:7" next to "events.ndjson:3" would be confusing.
func withoutLine(err error) error {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && strings.HasPrefix(f.Reason, "line 1:") {
		c := *f
		c.Reason = "column " + strings.TrimPrefix(f.Reason, "line 1:")
		return &c
	}
	return err
}

func lineTooLong() error {
	return fault.New(fault.LimitExceeded, "", "larger than %d bytes", message.MaxBytes)
}

// failureAt is failure with the line in a stream.
func (v verdict) failureAt(path string, line int) error {
	v.file = fmt.Sprintf("%s:%d", path, line)
	return v.failure(true)
}

// streams runs work on the lines of each file, showing progress, and returns the overall
// result.
func streams(ctx context.Context, d command.Deps, list []string, o ndjson.Options, count *tally, work func(path string) ndjson.Work) error {
	stop := progress(d, count)
	defer stop()
	// A stream has little live data and much garbage: 40 MiB more reduce the collector's
	// share of the time to a tenth.
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	var empty []error // files without a message
	for _, path := range list {
		before := count.done.Load()
		in, err := openStream(d, path)
		if err != nil {
			return err
		}
		err = ndjson.Run(ctx, in, o, work(path), func(p []byte) error {
			_, err := d.Out.Write(p)
			return err
		})
		err = errors.Join(err, in.Close())
		if err != nil {
			if d.Out.Err() != nil { // Main reports it
				return nil
			}
			return err
		}
		if count.done.Load() == before {
			empty = append(empty, fault.New(fault.FileFailed, path, "contains no message"))
		}
	}
	stop()
	d.Info("%s", summaryOf(count))
	if count.undecided != nil || len(empty) > 0 {
		return errors.Join(append(empty, count.undecided)...)
	}
	if count.refused.Load() > 0 {
		return console.NegativeAnswer{Code: fault.ClaimMismatch}
	}
	return nil
}

func summaryOf(count *tally) string {
	return fmt.Sprintf("%s, %d refused", console.Count(int(count.done.Load()), "message", "messages"), count.refused.Load())
}

// openStream opens a file of any length for reading once.
func openStream(d command.Deps, path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(d.System.In), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.FileFailed, path, "%w", files.Reason(err))
	}
	return f, nil
}

// progress shows the progress of a run, if stderr is a terminal and stdout is not. The
// returned function ends that, and may be called again.
func progress(d command.Deps, count *tally) (stop func()) {
	if !d.System.ErrTTY || d.System.OutTTY || d.Quiet {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		width := 0
		for {
			select {
			case <-tick.C:
				text := summaryOf(count)
				_, _ = fmt.Fprintf(d.System.Err, "\r%-*s", width, text)
				width = len(text)
			case <-end:
				_, _ = fmt.Fprintf(d.System.Err, "\r%*s\r", width, "")
				return
			}
		}
	}()
	var once sync.Once
	return func() {
		once.Do(func() { close(end); <-ended })
	}
}
