package proxy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// schedule is when the parts of a call arrive.
type schedule struct {
	method   string
	lifetime time.Duration // of its tokens, from the start of the call
	requests int
	parts    []part
}

// part is some bytes of the requests, and the time that passes before them.
type part struct {
	wait time.Duration
	data []byte
	end  bool // of the client's half of the stream
	// whole is the number of complete requests with it; deliverable is how many of these
	// may go upstream.
	whole, deliverable int
}

// TestS88_NothingIsDeliveredAfterTheExpiryWhateverTheSchedule: whenever a part of a
// request arrives, the request is delivered before the expiry of its tokens and not
// after, for all kinds of methods. S88, S63.
//
// If the first message of a call were exempt (internal/verify.Call.Request ignoring the
// error of checkBearerTime while c.requests is 1), this would fail after 0, 1 and 26
// schedules with seeds 3, 2 and 1.
func TestS88_NothingIsDeliveredAfterTheExpiryWhateverTheSchedule(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	arrived := make(chan struct{}, 100)
	r.upstream.become(func(name string, ss grpc.ServerStream) error {
		m, err := r.Plan.Method(name)
		if err != nil {
			return err
		}
		for ss.RecvMsg(dynamicpb.NewMessage(m.Desc.Input())) == nil {
			arrived <- struct{}{}
		}
		return ss.SendMsg(dynamicpb.NewMessage(m.Desc.Output()))
	})
	rapid.Check(t, func(rt *rapid.T) {
		for len(arrived) > 0 {
			<-arrived
		}
		r.now.Store(policytest.Now.UnixNano())
		r.play(rt, drawSchedule(rt, r), arrived)
	})
}

func drawSchedule(t *rapid.T, r *rig) *schedule {
	s := &schedule{
		method:   rapid.SampledFrom([]string{"Who", "WhoClient", "WhoServer", "WhoBidi", "Check", "CheckClient", "CheckServer", "CheckBidi", "CheckMine"}).Draw(t, "method"),
		lifetime: time.Duration(rapid.IntRange(1, 3).Draw(t, "lifetime")) * time.Second,
		requests: 1,
	}
	desc := r.Set.Services()[0].Methods().ByName(protoreflect.Name(s.method))
	if desc.IsStreamingClient() {
		s.requests = rapid.IntRange(1, 3).Draw(t, "requests")
	}
	one := wire(s.request(r, desc.Input()))
	all := slices.Repeat(one, s.requests)
	cuts := rapid.SliceOfNDistinct(rapid.IntRange(1, len(all)-1), 0, 4, rapid.ID[int]).Draw(t, "cuts")
	cuts = append(cuts, len(all))
	if rapid.Bool().Draw(t, "first whole") {
		cuts = append(cuts, len(one))
	}
	slices.Sort(cuts)
	from := 0
	for _, cut := range slices.Compact(cuts) {
		s.add(t, part{data: all[from:cut], whole: cut / len(one)})
		from = cut
	}
	if rapid.Bool().Draw(t, "end alone") {
		s.add(t, part{end: true, whole: s.requests})
	} else {
		s.parts[len(s.parts)-1].end = true
	}
	for i := range s.parts {
		if p := &s.parts[i]; desc.IsStreamingClient() || p.end {
			p.deliverable = p.whole
		}
	}
	return s
}

func (s *schedule) add(t *rapid.T, p part) {
	p.wait = rapid.SampledFrom([]time.Duration{0, 0, time.Second - 1, time.Second, 2 * time.Second}).Draw(t, "wait")
	s.parts = append(s.parts, p)
}

// expiring adds exp to claims.
func (s *schedule) expiring(claims string) string {
	return fmt.Sprintf(`{%s,"exp":%d}`, claims, policytest.Now.Add(s.lifetime).Unix())
}

func (s *schedule) request(r *rig, desc protoreflect.MessageDescriptor) []byte {
	text := `{}`
	if desc.Name() == "Signed" {
		text = `{"tok":"` + r.Token(s.expiring(`"iss":"maker","role":"r"`)) + `"}`
	}
	m, err := r.Codec.Read([]byte(text), desc)
	if err != nil {
		r.t.Fatal(err)
	}
	data, err := proto.Marshal(m)
	if err != nil {
		r.t.Fatal(err)
	}
	return append(data, policytest.UndeclaredField()...) // so that some expire
}

// play makes the call, and after each part waits for its effect.
func (r *rig) play(t *rapid.T, s *schedule, arrived <-chan struct{}) {
	raw := r.raw()
	defer func() { _ = raw.conn.Close() }()
	ended := make(chan answer, 1)
	go func() {
		for _, a := range raw.answers(1) {
			ended <- a
		}
	}()
	before := r.asked.Load()
	var more []string
	if s.method[:3] == "Who" || s.method == "CheckMine" {
		more = []string{"authorization", "Bearer " + r.Token(s.expiring(`"iss":"me","role":"admin"`))}
	}
	raw.headers(1, "/t.S/"+s.method, more...)
	if more != nil {
		r.waitAsked(before + 1) // the call has been admitted at the current time
	}
	expiry := policytest.Now.Add(s.lifetime)
	delivered := 0
	for i, p := range s.parts {
		r.advance(p.wait)
		_ = raw.WriteData(1, p.end, p.data)
		late := !time.Unix(0, r.now.Load()).Before(expiry)
		for ; delivered < p.deliverable; delivered++ {
			var refusal *answer
			select {
			case <-arrived:
			case a := <-ended:
				select {
				case <-arrived: // before the call ended
					ended <- a
				default:
					refusal = &a
				}
			case <-time.After(testkit.Timeout):
				t.Fatalf("part %d of %+v had no effect", i, s)
			}
			switch {
			case refusal == nil && late:
				t.Fatalf("part %d of %+v was delivered after the expiry", i, s)
			case refusal == nil:
			case !late || refusal.status != "16":
				t.Fatalf("part %d of %+v was refused before the expiry: %+v", i, s, refusal)
			default:
				return
			}
		}
	}
}
