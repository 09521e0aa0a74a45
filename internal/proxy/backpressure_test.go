package proxy_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestS66_Backpressure: one side of a stream can send no more than the other side
// receives, apart from buffers on the way, so a slow upstream or client costs the proxy
// no memory. The stream still ends on request.
func TestS66_Backpressure(t *testing.T) {
	t.Parallel()
	const size, most = 64 << 10, 64 << 20 // of a message, and in total
	chunk := `{"text":"` + strings.Repeat("x", size) + `"}`
	var sent atomic.Int64
	// settled waits until sending has stopped, and returns how much was sent.
	settled := func() int64 {
		for {
			before := sent.Load()
			time.Sleep(300 * time.Millisecond)
			if after := sent.Load(); before > 0 && after == before {
				return after
			}
		}
	}
	for name, test := range map[string]struct{ method, first string }{
		"slow upstream":              {method: "OpenClient"},
		"slow upstream, looked at":   {method: "CheckBidi"},
		"slow client":                {method: "OpenServer", first: `{}`},
		"slow client, of signatures": {method: "SignServer", first: `{}`},
	} {
		r := start(t, setup{})
		sent.Store(0)
		r.upstream.become(func(name string, ss grpc.ServerStream) error {
			if test.first == "" {
				<-ss.Context().Done()
				return nil
			}
			m, err := r.Plan.Method(name)
			if err != nil {
				return err
			}
			text := chunk
			if strings.HasPrefix(test.method, "Sign") {
				text = strings.Replace(chunk, `"text"`, `"other"`, 1)
			}
			out, err := r.Codec.Read([]byte(text), m.Desc.Output())
			for err == nil && sent.Load() < most {
				err = ss.SendMsg(out)
				sent.Add(size)
			}
			return err
		})
		ctx, cancel := context.WithCancel(context.Background())
		s := r.open(ctx, test.method)
		if test.first != "" {
			s.send(test.first)
			if err := s.CloseSend(); err != nil {
				t.Fatal(err)
			}
		} else {
			text := chunk
			if strings.HasPrefix(test.method, "Check") {
				text = `{"tok":"` + r.Token(signedClaims) + `","other":"` + strings.Repeat("x", size) + `"}`
			}
			m, err := r.Codec.Read([]byte(text), s.desc(true).Descriptor())
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				for sent.Load() < most && s.SendMsg(m) == nil {
					sent.Add(size)
				}
			}()
		}
		n := settled()
		t.Logf("%s: %d KiB", name, n>>10)
		if n > most/8 {
			t.Errorf("%s: %d MiB were taken that nobody reads", name, n>>20)
		}
		cancel()
		for err := error(nil); ; {
			if err = s.RecvMsg(s.desc(false)); err != nil {
				if status.Code(err) != codes.Canceled {
					t.Errorf("%s: %v", name, err)
				}
				break
			}
		}
	}
}
