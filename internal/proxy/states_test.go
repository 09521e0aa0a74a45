package proxy_test

import (
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// heard is what a client has received of a call.
type heard struct {
	messages int
	status   string // "" until it arrives
	reset    bool
}

// scene is a call in which client and server proceed step by step, over raw HTTP/2.
type scene struct {
	*rig
	raw    *rawConn
	path   string
	id     uint32
	fields []string // authorization, if the method needs it
	good   []byte   // a request that is accepted
	one    bool     // the method takes one request
	limit  int      // the call's time, in seconds, where it has a deadline
	lost   bool     // the deadline passed before the call reached the server

	calls, delivered atomic.Int64 // received by the server
	over             chan struct{}
	end              chan error // the error with which the server ends its call, after a response if nil

	mu   sync.Mutex
	got  map[uint32]*heard
	more *sync.Cond
}

// serve counts what arrives, until it must end or the call has ended.
func (s *scene) serve(_ string, ss grpc.ServerStream) error {
	if md, _ := metadata.FromIncomingContext(ss.Context()); len(md["x-probe"]) > 0 {
		return ss.SendMsg(&[]byte{})
	}
	s.calls.Add(1)
	go func() {
		for {
			var in []byte
			if err := ss.RecvMsg(&in); err != nil {
				return
			}
			s.delivered.Add(1)
		}
	}()
	select {
	case err := <-s.end:
		if err == nil {
			return ss.SendMsg(&[]byte{})
		}
		return err
	case <-ss.Context().Done():
		close(s.over)
		return io.EOF
	}
}

// listen records what arrives for each stream.
func (s *scene) listen() {
	s.raw.until(func(f http2.Frame) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		h := s.of(f.Header().StreamID)
		switch f := f.(type) {
		case *http2.DataFrame:
			h.messages++ // each is small
		case *http2.RSTStreamFrame:
			h.reset = true
		case *http2.MetaHeadersFrame:
			for _, field := range f.RegularFields() {
				if field.Name == "grpc-status" {
					h.status = field.Value
				}
			}
		}
		s.more.Broadcast()
		return false
	})
}

func (s *scene) of(id uint32) *heard {
	if s.got[id] == nil {
		s.got[id] = &heard{}
	}
	return s.got[id]
}

// ended waits until the client knows how the call ended.
func (s *scene) ended(id uint32) heard {
	timer := time.AfterFunc(testkit.Timeout, func() { s.t.Errorf("%s: no response", s.path); _ = s.raw.conn.Close(); s.more.Broadcast() })
	defer timer.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for h := s.of(id); h.status == "" && !h.reset && !s.t.Failed(); {
		s.more.Wait()
	}
	return *s.of(id)
}

func (s *scene) wait(what string, done func() bool) {
	s.t.Helper()
	testkit.Eventually(s.t, s.path+": "+what, done)
}

// The steps of the client.
func (s *scene) begin(more ...string) {
	s.raw.headers(s.id, s.path, append(more, s.fields...)...)
}
func (s *scene) send(last bool)    { _ = s.raw.WriteData(s.id, last, wire(s.good)) }
func (s *scene) sendBad(last bool) { _ = s.raw.WriteData(s.id, last, wire([]byte("\n\x01x"))) }
func (s *scene) arrived(n int64)   { s.wait("a request", func() bool { return s.delivered.Load() == n }) }
func (s *scene) reset()            { _ = s.raw.WriteRSTStream(s.id, http2.ErrCodeCancel) }
func (s *scene) expire()           { s.advance(2 * time.Minute) }
func (s *scene) deliver()          { s.begin(); s.send(s.one); s.arrived(1) }
func (s *scene) gone()             { <-s.over }
func (s *scene) finish() (h heard) { return s.ended(s.id) }
func (s *scene) answer(err error)  { s.end <- err }
func (s *scene) later() (is bool)  { return !s.one }

// probe makes another call on the connection, which must succeed.
func (s *scene) probe() {
	s.t.Helper()
	id := s.id + 2
	s.raw.headers(id, "/t.S/Open", "x-probe", "1")
	_ = s.raw.WriteData(id, true, wire(nil))
	if h := s.ended(id); h.status != "0" {
		s.t.Errorf("%s: the next call on the connection: %+v", s.path, h)
	}
}

// TestCallStates takes calls of every kind of method to each state that a call can be in,
// continues in each direction, and checks what arrives at the other end. S63, S67, S78,
// S88.
func TestCallStates(t *testing.T) {
	t.Parallel()
	const ok, aborted, overdue, unauthenticated = "0", "10", "4", "16"
	states := []struct {
		name  string
		modes string // of the methods it applies to
		play  func(s *scene) (skip bool)
		// want is how the call ends for the client: a status, "reset" for a reset by the
		// proxy, and "" for one by the client.
		want      string
		messages  int   // that the client receives
		delivered int64 // requests that the server receives
	}{
		{"half-closed, then the answer", "Open Who Check", func(s *scene) bool { s.begin(); s.send(true); s.arrived(1); s.answer(nil); return false }, ok, 1, 1},
		{"half-closed, then an error", "Open Who Check", func(s *scene) bool {
			s.begin()
			s.send(true)
			s.arrived(1)
			s.answer(status.Error(codes.Aborted, ""))
			return false
		}, aborted, 0, 1},
		{"half-closed, then another request", "Open Who Check", func(s *scene) bool { s.begin(); s.send(true); s.arrived(1); s.send(false); return false }, "reset", 0, 1},
		{"refused at the beginning, then a request", "Who", func(s *scene) bool { s.fields = nil; s.begin(); s.finish(); s.send(true); return false }, unauthenticated, 0, 0},
		{"refused by the first request, then another", "Check", func(s *scene) bool { s.begin(); s.sendBad(s.one); s.finish(); s.send(true); return false }, unauthenticated, 0, 0},
		{"refused by the second request, then another", "Check", func(s *scene) bool {
			if !s.later() {
				return true
			}
			s.deliver()
			s.sendBad(false)
			s.finish()
			s.send(true)
			return false
		}, unauthenticated, 0, 1},
		{"expired before the first request", "Who Check", func(s *scene) bool { s.begin(); s.expire(); s.send(true); return false }, unauthenticated, 0, 0},
		{"expired before the second request", "Who Check", func(s *scene) bool {
			if !s.later() {
				return true
			}
			s.deliver()
			s.expire()
			s.send(true)
			return false
		}, unauthenticated, 0, 1},
		{"expired, then the answer", "Who Check", func(s *scene) bool {
			s.begin()
			s.send(true)
			s.arrived(1)
			s.expire()
			s.answer(nil)
			return false
		}, ok, 1, 1},
		{"reset, then a request", "Open Who Check", func(s *scene) bool { s.deliver(); s.reset(); s.gone(); s.send(true); return false }, "", 0, 1},
		{"reset before any request", "Open Who Check", func(s *scene) bool { s.begin(); s.reset(); s.send(true); return false }, "", 0, 0},
		{"ended by the server, then a request", "Open Who Check", func(s *scene) bool {
			if !s.later() {
				return true
			}
			s.deliver()
			s.answer(status.Error(codes.Aborted, ""))
			s.finish()
			s.send(true)
			return false
		}, aborted, 0, 1},
		{"answered by the server, then a request", "Open Who Check", func(s *scene) bool {
			if !s.later() {
				return true
			}
			s.deliver()
			s.answer(nil)
			s.finish()
			s.send(true)
			return false
		}, ok, 1, 1},
		{"past its deadline, then a request", "Open Who Check", func(s *scene) bool {
			if !s.later() {
				return true
			}
			s.begin("grpc-timeout", strconv.Itoa(s.limit)+"S")
			s.send(false)
			if !s.arrivesInTime() {
				return false
			}
			s.gone()
			s.finish()
			s.send(true)
			return false
		}, overdue, 0, 1},
	}
	for _, state := range states {
		for _, kind := range []string{"", "Client", "Server", "Bidi"} {
			for mode := range strings.SplitSeq(state.modes, " ") {
				t.Run(state.name+"/"+mode+kind, func(t *testing.T) {
					t.Parallel()
					s, skip := playInTime(t, mode+kind, state.play)
					if skip {
						return
					}
					h := heard{}
					if state.want != "" {
						h = s.finish()
					}
					s.probe() // so that everything before it has been read
					if s.delivered.Load() != state.delivered {
						t.Errorf("%d requests reached the server, want %d", s.delivered.Load(), state.delivered)
					}
					if state.delivered == 0 && s.one && s.calls.Load() != 0 {
						t.Errorf("%d calls reached the server", s.calls.Load())
					}
					if h.reset && state.want == overdue { // either may come first, as without a proxy
						h.status = overdue
					}
					if end := map[bool]string{true: "reset", false: h.status}[h.reset && h.status == ""]; end != state.want || h.messages != state.messages {
						t.Errorf("the client got %+v, want %d messages and %q", h, state.messages, state.want)
					}
				})
			}
		}
	}
}

// playInTime plays a scene, and again with more time for as long as its deadline passes
// too soon: the machine may be busy.
func playInTime(t *testing.T, method string, play func(*scene) (skip bool)) (s *scene, skip bool) {
	for limit := 2; ; limit *= 2 {
		s = newScene(t, method, limit)
		if skip = play(s); !s.lost || limit > int(testkit.Timeout.Seconds()) {
			return s, skip
		}
	}
}

// arrivesInTime waits until the first request has arrived, or the client knows that the
// call has ended without that.
func (s *scene) arrivesInTime() bool {
	s.wait("a request, or the end of the call", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lost = s.delivered.Load() == 0
		return !s.lost || s.of(s.id).status != "" || s.of(s.id).reset
	})
	return !s.lost
}

func newScene(t *testing.T, method string, limit int) *scene {
	s := &scene{path: "/t.S/" + method, id: 1, limit: limit, over: make(chan struct{}), end: make(chan error, 1), got: map[uint32]*heard{}}
	s.more = sync.NewCond(&s.mu)
	s.rig = start(t, setup{upstream: ofBytes(), serve: s.serve})
	soon := policytest.Now.Add(time.Minute).Unix()
	switch {
	case strings.HasPrefix(method, "Who"):
		s.fields = []string{"authorization", "Bearer " + s.Token(jsonWith(goodClaims, "exp", soon))}
	case strings.HasPrefix(method, "Check"):
		s.good = s.encoded("Signed", `{"user":"bob","tok":"`+s.Token(jsonWith(signedClaims, "exp", soon))+`"}`)
	}
	m, err := s.Plan.Method("t.S/" + method)
	if err != nil {
		t.Fatal(err)
	}
	s.one = m.OneRequest()
	s.raw = s.rig.raw()
	go s.listen()
	return s
}

// jsonWith returns object with one more member, a number.
func jsonWith(object, name string, number int64) string {
	members := map[string]any{}
	if err := json.Unmarshal([]byte(object), &members); err != nil {
		panic(err)
	}
	members[name] = number
	text, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return string(text)
}
