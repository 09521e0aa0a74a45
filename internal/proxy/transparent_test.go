package proxy_test

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// script is what an upstream does during a call, and what a client sends.
type script struct {
	method          string
	sent            metadata.MD
	requests        [][]byte
	header, trailer metadata.MD
	early           bool // the header is sent before anything is read
	answers         [][]byte
	status          *status.Status
}

// seen is everything that client and upstream see of a call.
type seen struct {
	Upstream        metadata.MD
	Requests        [][]byte
	Answers         [][]byte
	Header, Trailer metadata.MD
	Status          string
	Details         []byte
}

func drawMetadata(rt *rapid.T, name string) metadata.MD {
	md := metadata.MD{}
	for range rapid.IntRange(0, 3).Draw(rt, name) {
		key := "x" + rapid.StringMatching(`[0-9a-z_.-]{0,12}[0-9a-z]`).Draw(rt, "key")
		if rapid.Bool().Draw(rt, "binary") {
			md.Append(strings.TrimSuffix(key, "-bin")+"-bin", string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(rt, "bytes")))
			continue
		}
		if !strings.HasSuffix(key, "-bin") {
			md.Append(key, rapid.StringMatching(`([!-~][ -~]{0,30}[!-~])?`).Draw(rt, "value"))
		}
	}
	return md
}

func drawScript(rt *rapid.T) script {
	messages := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 200), 0, 4)
	s := script{
		method:   rapid.SampledFrom([]string{"Open", "OpenClient", "OpenServer", "OpenBidi"}).Draw(rt, "method"),
		sent:     drawMetadata(rt, "sent"),
		requests: messages.Draw(rt, "requests"),
		header:   drawMetadata(rt, "header"),
		trailer:  drawMetadata(rt, "trailer"),
		early:    rapid.Bool().Draw(rt, "early"),
		answers:  messages.Draw(rt, "answers"),
	}
	if s.method == "Open" || s.method == "OpenServer" {
		s.requests = append(s.requests, []byte("one"))[:1]
	}
	if s.method == "Open" || s.method == "OpenClient" {
		s.answers = s.answers[:min(1, len(s.answers))]
	}
	code := codes.Code(rapid.IntRange(0, 17).Draw(rt, "code"))
	s.status = status.New(code, rapid.String().Draw(rt, "text"))
	if code != codes.OK && rapid.Bool().Draw(rt, "details") {
		s.status, _ = s.status.WithDetails(durationpb.New(time.Second), structpb.NewStringValue("why"))
	}
	return s
}

// serve executes the upstream's part, and records what it sees.
func (s script) serve(ss grpc.ServerStream, got *seen) error {
	got.Upstream, _ = metadata.FromIncomingContext(ss.Context())
	delete(got.Upstream, ":authority")
	_ = ss.SetHeader(s.header)
	if s.early {
		_ = ss.SendHeader(nil)
	}
	for {
		var in []byte
		if ss.RecvMsg(&in) != nil {
			break
		}
		got.Requests = append(got.Requests, in)
	}
	for i := range s.answers {
		if err := ss.SendMsg(&s.answers[i]); err != nil {
			return err
		}
	}
	ss.SetTrailer(s.trailer)
	return s.status.Err()
}

// play makes the call over conn.
func (s script) play(t *rapid.T, r *rig, conn *grpc.ClientConn) seen {
	var got seen
	var mu sync.Mutex
	served := make(chan struct{})
	r.upstream.become(func(_ string, ss grpc.ServerStream) error {
		defer close(served)
		mu.Lock()
		defer mu.Unlock()
		return s.serve(ss, &got)
	})
	ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(context.Background(), s.sent), testkit.Timeout)
	defer cancel()
	m, _ := r.Plan.Method("t.S/" + s.method)
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: m.Desc.IsStreamingClient(), ServerStreams: m.Desc.IsStreamingServer()}, "/t.S/"+s.method, grpc.ForceCodecV2(bytesCodec{}))
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.requests {
		if err := stream.SendMsg(&s.requests[i]); err != nil {
			t.Fatal(err)
		}
	}
	_ = stream.CloseSend()
	for {
		var answer []byte
		if err = stream.RecvMsg(&answer); err != nil {
			break
		}
		got.Answers = append(got.Answers, answer)
		if !m.Desc.IsStreamingServer() {
			break
		}
	}
	<-served
	mu.Lock()
	defer mu.Unlock()
	got.Header, _ = stream.Header()
	got.Trailer = stream.Trailer()
	if err == io.EOF {
		err = nil
	}
	st := status.Convert(err)
	got.Status = fmt.Sprintf("%v %q", st.Code(), st.Message())
	got.Details, _ = proto.MarshalOptions{Deterministic: true}.Marshal(st.Proto())
	return got
}

// TestS67_SameAsDirect makes random calls twice, directly and through the proxy, and
// compares everything that either end sees. -rapid.checks=10000 makes 10,000 calls.
func TestS67_SameAsDirect(t *testing.T) {
	t.Parallel()
	r := start(t, setup{upstream: ofBytes()})
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScript(rt)
		direct, proxied := s.play(rt, r, r.direct), s.play(rt, r, r.conn)
		if !reflect.DeepEqual(direct, proxied) {
			rt.Errorf("got %+v\ndirect  %+v\nproxied %+v", s, direct, proxied)
		}
	})
}

// TestS67_HeaderAtOnce: a stream's header is forwarded before the first message.
func TestS67_HeaderAtOnce(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	r.upstream.become(func(_ string, ss grpc.ServerStream) error {
		if err := ss.SendHeader(metadata.Pairs("x", "1")); err != nil {
			return err
		}
		<-ss.Context().Done()
		return ss.Context().Err()
	})
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Timeout)
	defer cancel()
	for _, name := range []string{"OpenServer", "OpenBidi"} {
		s := r.open(ctx, name)
		if name == "OpenServer" {
			s.send(`{}`)
			_ = s.CloseSend()
		}
		if md, err := s.Header(); err != nil || md.Get("x") == nil {
			t.Errorf("%s: got %v %v", name, md, err)
		}
	}
}

// TestS67_DeadlinesReachTheUpstream: the upstream learns the client's deadline, and both learn of its
// end.
func TestS67_DeadlinesReachTheUpstream(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	type seenDeadline struct {
		left time.Duration
		has  bool
	}
	begun, over := make(chan seenDeadline, 100), make(chan error, 100)
	r.upstream.become(func(_ string, ss grpc.ServerStream) error {
		deadline, has := ss.Context().Deadline()
		begun <- seenDeadline{time.Until(deadline), has}
		<-ss.Context().Done()
		over <- ss.Context().Err()
		return ss.Context().Err()
	})
	for _, name := range []string{"Open", "OpenClient", "OpenServer", "OpenBidi"} {
		limit := 150 * time.Millisecond
		for len(begun) == 0 { // a busy machine takes longer to reach the upstream
			if limit *= 2; limit > testkit.Timeout {
				t.Fatalf("%s: the upstream was not called", name)
			}
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			got := r.call(ctx, r.conn, name, `{}`)
			cancel()
			if status.Code(got.err) != codes.DeadlineExceeded {
				t.Errorf("%s: got %v, want %v", name, got.err, codes.DeadlineExceeded)
			}
		}
		for len(begun) > 0 {
			if got := <-begun; !got.has || got.left > limit {
				t.Errorf("%s: the upstream got deadline %+v", name, got)
			}
			if err := <-over; err == nil {
				t.Errorf("%s: the call of the upstream has not ended", name)
			}
		}
	}
	for _, name := range []string{"Open", "OpenClient", "OpenServer", "OpenBidi"} {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- r.call(ctx, r.conn, name, `{}`).err }()
		for got := <-begun; got.left < testkit.Timeout/2; got = <-begun { // a call from above that is late
			<-over
		}
		cancel()
		if err := <-ended; status.Code(err) != codes.Canceled {
			t.Errorf("%s: got %v, want %v", name, err, codes.Canceled)
		}
		if err := <-over; err != context.Canceled {
			t.Errorf("%s: upstream %v, want %v", name, err, context.Canceled)
		}
	}
}

// encodings records the compression of the responses on a connection.
type encodings struct {
	mu   sync.Mutex
	seen []string
}

func (e *encodings) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (e *encodings) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (e *encodings) HandleConn(context.Context, stats.ConnStats)                       {}
func (e *encodings) HandleRPC(_ context.Context, s stats.RPCStats) {
	if h, ok := s.(*stats.InHeader); ok {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.seen = append(e.seen, h.Compression)
	}
}

// TestS67_AnswersInTheClientsEncoding: responses have the client's encoding, even on methods whose
// messages are read.
func TestS67_AnswersInTheClientsEncoding(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	e := &encodings{}
	conn := dial(t, r.addr, grpc.WithStatsHandler(e))
	zipped := dial(t, r.addr, grpc.WithStatsHandler(e), grpc.WithDefaultCallOptions(grpc.UseCompressor("gzip")))
	text := strings.Repeat("a", 10_000)
	for _, name := range []string{"Open", "Sign", "OpenBidi"} {
		for _, c := range []*grpc.ClientConn{conn, zipped} {
			if got := r.call(context.Background(), c, name, `{"text":"`+text+`"}`); got.err != nil {
				t.Fatal(got.err)
			}
		}
	}
	if got := strings.Join(e.seen, ","); got != ",gzip,,gzip,,gzip" {
		t.Errorf("responses were compressed with %q, want %q", got, ",gzip,,gzip,,gzip")
	}
	if got := r.upstream.received(); len(got) != 6 || !strings.Contains(got[1], text) {
		t.Errorf("%d messages reached the upstream, want 6", len(got))
	}
}
