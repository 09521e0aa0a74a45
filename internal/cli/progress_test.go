package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jwtctl/jwtctl/internal/system"
)

// glimpse is a stream that signals when a text has been written to it.
type glimpse struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	seen chan struct{}
	once sync.Once
}

func (w *glimpse) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if w.want != "" && strings.Contains(w.text.String(), w.want) {
		w.once.Do(func() { close(w.seen) })
	}
	return len(p), nil
}

func (w *glimpse) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// TestProgress: progress is shown if stderr is a terminal and stdout is not, and only
// then.
func TestProgress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	proto := filepath.Join(dir, "m.proto")
	if err := os.WriteFile(proto, []byte(`syntax = "proto3"; package t; import "kalix/annotations.proto"; message M { string tok = 1 [(kalix.field).jwt.token = true]; }`), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		errTTY, outTTY, quiet bool
		shown                 bool
	}{
		"only stderr":    {errTTY: true, shown: true},
		"both":           {errTTY: true, outTTY: true},
		"neither":        {},
		"stderr, but -q": {errTTY: true, quiet: true},
		"only stdout":    {outTTY: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			errs := &glimpse{seen: make(chan struct{})}
			if tt.shown {
				errs.want = "\r1 message, 1 refused"
			}
			in, feed := io.Pipe()
			sys := system.OS()
			sys.In, sys.Out, sys.Err, sys.ErrTTY, sys.OutTTY = in, io.Discard, errs, tt.errTTY, tt.outTTY
			args := []string{"verify", "--color", "never", "--dev", "--proto", proto, "--type", "t.M", "--ndjson", "-"}
			if tt.quiet {
				args = append(args, "-q")
			}
			go func() {
				_, _ = feed.Write([]byte("{}\n"))
				if tt.shown {
					<-errs.seen
				}
				_, _ = feed.Write([]byte("{}"))
				_ = feed.Close()
			}()
			if code := Main(args, sys); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			text := errs.String()
			if strings.Contains(text, "\r") != tt.shown {
				t.Errorf("stderr: %q", text)
			}
			if strings.Contains(text, "2 messages, 2 refused\n") == tt.quiet {
				t.Errorf("stderr ends in %q", text)
			}
		})
	}
}
