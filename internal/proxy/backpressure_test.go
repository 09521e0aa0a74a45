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

const chunkBytes, pressureMost = 64 << 10, 64 << 20 // of a message, and in total

// pressure is a call in which one side sends and the other does not receive.
type pressure struct {
	*rig
	method string
	first  string // the only message of a client that does not receive; "" for one that sends
	sent   atomic.Int64
}

// TestS66_Backpressure: one side of a stream can send no more than the other side
// receives, apart from buffers on the way, so a slow upstream or client costs the proxy no
// memory. The stream still ends on request.
func TestS66_Backpressure(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*pressure{
		"slow upstream":            {method: "OpenClient"},
		"slow upstream, validated": {method: "CheckBidi"},
		"slow client":              {method: "OpenServer", first: `{}`},
		"slow client, signed":      {method: "SignServer", first: `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p.rig = start(t, setup{})
			p.upstream.become(p.serve)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			s := p.open(ctx, p.method)
			p.feed(s)
			n := p.settled()
			t.Logf("sent %d KiB", n>>10)
			if n > pressureMost/8 {
				t.Errorf("%d MiB were accepted without a reader", n>>20)
			}
			cancel()
			var err error
			for err == nil {
				err = s.RecvMsg(s.desc(false))
			}
			if status.Code(err) != codes.Canceled {
				t.Error(err)
			}
		})
	}
}

// settled waits until sending has stopped, and returns how much was sent.
func (p *pressure) settled() int64 {
	for {
		before := p.sent.Load()
		time.Sleep(300 * time.Millisecond)
		if after := p.sent.Load(); before > 0 && after == before {
			return after
		}
	}
}

// serve is the upstream: it does not receive from a client that sends, and sends chunks to
// one that does not.
func (p *pressure) serve(name string, ss grpc.ServerStream) error {
	if p.first == "" {
		<-ss.Context().Done()
		return nil
	}
	m, err := p.Plan.Method(name)
	if err != nil {
		return err
	}
	field := "text"
	if strings.HasPrefix(p.method, "Sign") {
		field = "other"
	}
	out, err := p.Codec.Read([]byte(`{"`+field+`":"`+strings.Repeat("x", chunkBytes)+`"}`), m.Desc.Output())
	for err == nil && p.sent.Load() < pressureMost {
		err = ss.SendMsg(out)
		p.sent.Add(chunkBytes)
	}
	return err
}

// feed sends what the client sends: its only message, or chunks from now on.
func (p *pressure) feed(s *stream) {
	p.t.Helper()
	if p.first != "" {
		s.send(p.first)
		if err := s.CloseSend(); err != nil {
			p.t.Fatal(err)
		}
		return
	}
	text := `{"text":"` + strings.Repeat("x", chunkBytes) + `"}`
	if strings.HasPrefix(p.method, "Check") {
		text = `{"tok":"` + p.Token(signedClaims) + `","other":"` + strings.Repeat("x", chunkBytes) + `"}`
	}
	m, err := p.Codec.Read([]byte(text), s.desc(true).Descriptor())
	if err != nil {
		p.t.Fatal(err)
	}
	go func() {
		for p.sent.Load() < pressureMost && s.SendMsg(m) == nil {
			p.sent.Add(chunkBytes)
		}
	}()
}
