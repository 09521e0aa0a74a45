package authz_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/authz"
	"github.com/jwtctl/jwtctl/internal/compress"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// fuzzed are the inputs of FuzzProcess.
type fuzzed struct {
	*bureau
	methods  []string
	headers  [][]string // of requests; those in good have a valid bearer token
	messages [][]byte
}

func newFuzzed(tb testing.TB) *fuzzed {
	f := &fuzzed{bureau: newBureau(tb, authz.Options{MessageBytes: 4096})}
	for _, name := range []string{"Open", "OpenBidi", "Who", "WhoClient", "WhoBidi", "Check", "CheckClient", "CheckServer", "CheckBidi", "CheckMine", "Sign", "SignServer", "Nope"} {
		f.methods = append(f.methods, "/t.S/"+name)
	}
	good := "Bearer " + f.Token(policytest.GoodClaims)
	f.headers = [][]string{
		{"authorization", good}, {}, {"authorization", good, "authorization", good}, {"authorization", good[:len(good)-4]},
		{"authorization", good, "grpc-encoding", "gzip"}, {"grpc-encoding", "zstd"}, {"grpc-encoding", "br"}, {"content-type", "application/json"},
	}
	f.messages = [][]byte{
		wireOf(tb, f.World, "t.Signed", f.signed()), wireOf(tb, f.World, "t.Signed", `{"user":"eve","tok":"`+f.Token(policytest.SignedClaims)+`"}`),
		wireOf(tb, f.World, "t.Signed", `{"user":"bob"}`), wireOf(tb, f.World, "t.Mine", `{"sub":"alice"}`), wireOf(tb, f.World, "t.Mine", `{"sub":"eve"}`), {}, {0xff},
	}
	return f
}

// FuzzProcess sends parts of a call in any order, whole, split and corrupted, in any mode.
// It must not panic or respond after a refusal, and whatever reaches the other side must
// have been accepted: a bearer token, every message, and at least one message if required;
// the same holds for what is signed. S59, S63, S77.
func FuzzProcess(f *testing.F) {
	for seed := range 13 {
		for _, rest := range [][]byte{
			{0, 0, 1, 0, 9}, {0, 1, 1, 0, 9, 2, 0, 3, 0, 4, 0}, {0, 0, 5, 3, 1, 9, 2, 0, 3, 2, 4, 0}, {1, 0, 0, 0}, {0, 0, 4, 0, 3, 2},
			{0, 4, 6, 0, 1, 1, 2, 0}, {0, 0, 1, 0, 1, 1, 1, 2, 9, 0}, {0, 0, 7, 40, 7, 80, 1, 3}, {0, 0, 2, 0, 3, 2, 1, 0}, {0, 0, 8, 3, 1, 0},
		} {
			for m := range byte(6) {
				f.Add(byte(seed), m, rest)
			}
		}
	}
	w := newFuzzed(f)
	f.Fuzz(func(t *testing.T, method, forms byte, program []byte) {
		w.TB = t
		m := mode{int(forms % 7), int(forms / 7 % 7), forms >= 128}
		p := newPlane(t, w.authority, m)
		path := w.methods[int(method)%len(w.methods)]
		var headers []string
		for len(program) > 1 && p.refusal == nil {
			op, arg := program[0], program[1]
			program = program[2:]
			headers = w.play(p, path, headers, op, arg)
		}
		w.judge(t, p, path, headers)
	})
}

// play executes one step, and returns the headers of the request.
func (w *fuzzed) play(p *plane, path string, headers []string, op, arg byte) []string {
	body := w.messages[int(arg)%len(w.messages)]
	end := arg >= 128
	switch op % 11 {
	case 0:
		if headers == nil {
			headers = w.headers[int(arg)%len(w.headers)]
		}
		if slices.Contains(headers, "content-type") {
			p.headers(2, end, append([]string{":path", path}, headers...)...)
		} else {
			p.request(path, end, headers...)
		}
	case 1:
		p.messages(4, end, body)
	case 2:
		kinds := []string{"application/grpc", "text/html", ""}
		p.headers(3, end, ":status", "200", "content-type", kinds[int(arg)%len(kinds)], "grpc-encoding", "gzip")
	case 3:
		p.messages(5, end, body)
	case 4:
		p.trailers(7, "grpc-status", "0")
	case 5:
		p.trailers(6, "_kalix-jwt-claim-x", "y")
	case 6: // compressed
		name := []string{"gzip", "zstd"}[int(arg)%2]
		packed := frames(pack(p.tb, compress.Find(name), body))
		packed[0] = 1
		p.body(4, end, packed)
	case 7: // a piece
		all := frames(body, body)
		p.body(4, end, all[int(arg)%len(all):])
	case 8:
		all := frames(body)
		p.body(5, end, all[:int(arg)%len(all)])
	case 9:
		p.body(4, true, nil)
	case 10: // random bytes
		part := protowire.Number(2 + arg%6)
		b := p.bound(part)
		b.chunks = append(b.chunks, nil) // a body cannot be two bytes long
		p.ask(part, []byte{op, arg})
	}
	return headers
}

// judge compares what was delivered with what is allowed.
func (w *fuzzed) judge(t *testing.T, p *plane, path string, headers []string) {
	name := strings.TrimPrefix(path, "/t.S/")
	known := name != "Nope"
	guarded := strings.HasPrefix(name, "Who") || name == "CheckMine"
	checks, signs := strings.HasPrefix(name, "Check"), strings.HasPrefix(name, "Sign")
	isGRPC := !slices.Contains(headers, "content-type")
	whole := p.mode.request == streamed || p.mode.request == buffered || p.mode.request == duplex || p.mode.request == frameless
	up := p.up.delivered()
	if !p.up.arrived {
		if len(p.down.body) > 0 && signs {
			t.Error("a response is signed although the call did not pass")
		}
		return
	}
	if !known || guarded && !w.admitted(headers) || (checks || signs) && !isGRPC {
		t.Errorf("%s arrived with %.20q", name, headers)
	}
	if checks && (!whole || len(up) == 0 || !bytes.Equal(frames0(p.up.body), p.up.body)) {
		t.Errorf("%s: %d requests arrived in mode %d: %x", name, len(up), p.mode.request, p.up.body)
	}
	if one := !strings.HasSuffix(name, "Client") && !strings.HasSuffix(name, "Bidi") && name != "CheckMine"; one && isGRPC && whole && len(up) > 1 {
		t.Errorf("%s: %d requests arrived", name, len(up))
	}
	if checks {
		at := 0
		for _, m := range up {
			w.verify(t, name, m, p.up.body[at] == 1, headers)
			at += 5 + len(m)
		}
	}
	if signs {
		if whole && len(p.down.body) > 0 && len(up) != 1 {
			t.Errorf("%s: signed for %d requests", name, len(up))
		}
		for _, m := range p.down.delivered() {
			w.verify(t, "Check", m, false, nil)
		}
	}
}

// frames0 returns body without an incomplete last message.
func frames0(body []byte) []byte {
	b := bound{body: body}
	n := 0
	for _, m := range b.delivered() {
		n += 5 + len(m)
	}
	return body[:n]
}

// admitted reports whether headers have the valid bearer token.
func (w *fuzzed) admitted(headers []string) bool {
	var found []string
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "authorization" {
			found = append(found, headers[i+1])
		}
	}
	return len(found) == 1 && found[0] == w.headers[0][1]
}

// verify checks a delivered message independently.
func (w *fuzzed) verify(t *testing.T, method string, wire []byte, packed bool, headers []string) {
	t.Helper()
	kind, encoding := "Signed", ""
	if method == "CheckMine" {
		kind = "Mine"
	}
	if i := slices.Index(headers, "grpc-encoding"); i >= 0 {
		encoding = headers[i+1]
	}
	if packed {
		r, err := compress.Find(encoding).Decompress(bytes.NewReader(wire))
		if err == nil {
			wire, err = io.ReadAll(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	plan, err := w.Plan.Message("t." + kind)
	if err != nil {
		t.Fatal(err)
	}
	m := dynamicpb.NewMessage(plan.Desc)
	if err = w.Codec.Decode(bytes.Clone(wire), m); err == nil {
		bearer := w.Bearer("")
		if kind == "Mine" {
			bearer = w.Bearer(policytest.GoodClaims)
		}
		_, err = w.Verifier.Message(t.Context(), plan, m, bearer)
	}
	if err != nil {
		t.Errorf("%s: a message arrived that does not pass: %v: %x", method, err, wire)
	}
}
