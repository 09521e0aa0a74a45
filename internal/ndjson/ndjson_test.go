package ndjson_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/ndjson"
)

func echo(_ context.Context, line ndjson.Line, to *ndjson.Result) error {
	to.Out = fmt.Appendf(to.Out, "%d:%s:%v\n", line.Number, line.Text, line.TooLong)
	return nil
}

func run(t testing.TB, r io.Reader, o ndjson.Options, work ndjson.Work) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := ndjson.Run(context.Background(), r, o, work, func(p []byte) error { _, err := out.Write(p); return err })
	return out.String(), err
}

func TestRun(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"nothing":         {"", ""},
		"one":             {"a\n", "1:a:false\n"},
		"no line feed":    {"a\nb", "1:a:false\n2:b:false\n"},
		"CRLF":            {"a\r\nb\r\n", "1:a:false\n2:b:false\n"},
		"white space":     {"\n \t\na\n\n", "3:a:false\n"},
		"at the limit":    {"12345678\n1234567\n", "1:12345678:false\n2:1234567:false\n"},
		"too long":        {"a\n123456789\nb\n", "1:a:false\n2::true\n3:b:false\n"},
		"too long at end": {"a\n1234567890", "1:a:false\n2::true\n"},
	}
	for name, tt := range tests {
		for _, jobs := range []int{1, 3} {
			for kind, r := range map[string]io.Reader{"whole": strings.NewReader(tt.in), "byte by byte": iotest.OneByteReader(strings.NewReader(tt.in))} {
				got, err := run(t, r, ndjson.Options{Jobs: jobs, MaxLine: 8}, echo)
				if got != tt.want || err != nil {
					t.Errorf("%s, %d jobs, %s: got %q, %v, want %q", name, jobs, kind, got, err, tt.want)
				}
			}
		}
	}
}

// TestRunKeepsOrder: results are in the order of the lines, however long each takes.
func TestRunKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.StringMatching(`[a-z]{0,300}`), 0, 400).Draw(t, "lines")
		jobs := rapid.IntRange(1, 6).Draw(t, "jobs")
		var want strings.Builder
		var wantThen, then []int
		for i, l := range list {
			if l != "" {
				fmt.Fprintf(&want, "%d:%s:false\n", i+1, l)
				if (i+1)%3 == 0 {
					wantThen = append(wantThen, i+1)
				}
			}
		}
		var out bytes.Buffer
		err := ndjson.Run(context.Background(), strings.NewReader(strings.Join(list, "\n")), ndjson.Options{Jobs: jobs, MaxLine: 1000},
			func(ctx context.Context, line ndjson.Line, to *ndjson.Result) error {
				if line.Number%7 == 0 {
					runtime.Gosched()
				}
				if line.Number%3 == 0 {
					to.After = append(to.After, func() {
						if !strings.Contains(out.String(), fmt.Sprintf("%d:", line.Number)) {
							t.Errorf("line %d was not written yet", line.Number)
						}
						then = append(then, line.Number)
					})
				}
				return echo(ctx, line, to)
			},
			func(p []byte) error { _, err := out.Write(p); return err })
		if err != nil || out.String() != want.String() || !slices.Equal(then, wantThen) {
			t.Fatalf("%v\ngot  %q, %v\nwant %q, %v", err, out.String(), then, want.String(), wantThen)
		}
	})
}

func TestRunStops(t *testing.T) {
	broken := errors.New("broken")
	many := strings.Repeat("x\n", 10_000)
	t.Run("of the reader", func(t *testing.T) {
		got, err := run(t, io.MultiReader(strings.NewReader("a\nb\n"), iotest.ErrReader(broken)), ndjson.Options{Jobs: 2, MaxLine: 8}, echo)
		if !errors.Is(err, broken) || fault.CodeOf(err) != fault.FileFailed || got != "1:a:false\n2:b:false\n" {
			t.Errorf("got %q, %v, want %q, %v", got, err, "1:a:false\n2:b:false\n", fault.FileFailed)
		}
	})
	t.Run("of the work", func(t *testing.T) {
		got, err := run(t, strings.NewReader(many), ndjson.Options{Jobs: 2, MaxLine: 8}, func(ctx context.Context, line ndjson.Line, to *ndjson.Result) error {
			if line.Number >= 100 {
				return broken
			}
			return echo(ctx, line, to)
		})
		if !errors.Is(err, broken) || strings.Count(got, "\n") != 99 {
			t.Errorf("%d lines, %v, want 99", strings.Count(got, "\n"), err)
		}
	})
	t.Run("of emit", func(t *testing.T) {
		err := ndjson.Run(context.Background(), strings.NewReader(many), ndjson.Options{Jobs: 2, MaxLine: 8}, echo, func([]byte) error { return broken })
		if !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("of the context", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(context.Background())
		var calls atomic.Int64
		err := ndjson.Run(ctx, endless{}, ndjson.Options{Jobs: 2, MaxLine: 8}, func(context.Context, ndjson.Line, *ndjson.Result) error {
			if calls.Add(1) == 1000 {
				cancel(broken)
			}
			return nil
		}, func([]byte) error { return nil })
		if !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	})
}

// TestRunAnswersEachLine: a result does not wait for the next line.
func TestRunAnswersEachLine(t *testing.T) {
	in, feed := io.Pipe()
	answers := make(chan string)
	ended := make(chan error)
	go func() {
		ended <- ndjson.Run(context.Background(), in, ndjson.Options{Jobs: 2, MaxLine: 8}, echo, func(p []byte) error { answers <- string(p); return nil })
	}()
	for i := range 5 {
		if _, err := io.WriteString(feed, "x\n"); err != nil {
			t.Fatal(err)
		}
		if got, want := <-answers, fmt.Sprintf("%d:x:false\n", i+1); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	_ = feed.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// endless is a stream without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = "x\n"[i%2]
	}
	return len(p) / 2 * 2, nil
}

// TestRunHoldsLittle: the number of results that wait for a slow reader is bounded.
func TestRunHoldsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var worked atomic.Int64
		_ = ndjson.Run(ctx, endless{}, ndjson.Options{Jobs: 2, MaxLine: 8}, func(_ context.Context, _ ndjson.Line, to *ndjson.Result) error {
			worked.Add(1)
			to.Out = append(to.Out, 'x')
			return nil
		}, func([]byte) error {
			synctest.Wait() // until nothing can proceed
			if n := worked.Load(); n > 64*16 {
				t.Errorf("%d lines were processed while the first result waited", n)
			}
			cancel()
			return nil
		})
	})
}
