package proxy_test

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// connectionCount counts the connections of a client.
type connectionCount struct{ begun atomic.Int64 }

func (c *connectionCount) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return ctx
}
func (c *connectionCount) HandleRPC(context.Context, stats.RPCStats) {}
func (c *connectionCount) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}
func (c *connectionCount) HandleConn(_ context.Context, s stats.ConnStats) {
	if _, begun := s.(*stats.ConnBegin); begun {
		c.begun.Add(1)
	}
}

// TestConnectionAge_LosesNoCall: a client that has to reconnect again and again loses none
// of its calls, short or long.
func TestConnectionAge_LosesNoCall(t *testing.T) {
	t.Parallel()
	r := start(t, setup{options: proxy.Options{ConnectionAge: 50 * time.Millisecond}})
	var c connectionCount
	conn := dial(t, r.addr, grpc.WithStatsHandler(&c))
	long, err := conn.NewStream(context.Background(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/t.S/OpenBidi")
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for end := time.Now().Add(testkit.Timeout); c.begun.Load() < 8; calls++ {
		if got := r.call(context.Background(), conn, "Open", `{}`); got.err != nil {
			t.Fatalf("call %d: %v", calls, got.err)
		}
		if time.Now().After(end) {
			t.Fatalf("only %d connections in %d calls", c.begun.Load(), calls)
		}
	}
	_ = long.CloseSend()
	if err := long.RecvMsg(nil); err != io.EOF {
		t.Errorf("a stream older than its connection's age ended with %v, want %v", err, io.EOF)
	}
	if calls < 8 {
		t.Errorf("only %d calls", calls)
	}
}

// TestConnectionAge_Grace: calls that do not end are cut off in the end.
func TestConnectionAge_Grace(t *testing.T) {
	t.Parallel()
	r := start(t, setup{options: proxy.Options{ConnectionAge: 20 * time.Millisecond, ConnectionGrace: 50 * time.Millisecond}})
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Timeout)
	defer cancel()
	s := r.open(ctx, "OpenBidi")
	if _, err := s.receive(); status.Code(err) != codes.Unavailable {
		t.Errorf("the call ended with %v, want %v", err, codes.Unavailable)
	}
}
