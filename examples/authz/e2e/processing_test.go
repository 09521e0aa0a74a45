package e2e

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/authz"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

func late(c policytest.CallCase) int { // what passed may reach the service after the answer
	if c.Status != 0 && c.Passed > 0 {
		return 1
	}
	return 0
}

// TestCallCases decides the calls that all who enforce decide alike, by ext_proc in each
// form in which Envoy sends bodies, and with both filters in a row.
// A12, A30-A37, A41, A42, A50, S59, S60, S61, S63, S77.
func TestCallCases(t *testing.T) {
	all := maps.Clone(forms)
	all["behind ext_authz"] = extAuthz + extProc("FULL_DUPLEX_STREAMED", "")
	for name, filter := range all {
		t.Run(name, func(t *testing.T) {
			var o authz.Options
			if name == "behind ext_authz" { // which leaves messages, and the token, to ext_proc
				o.BearerOnly, o.ForwardAuthorization = true, true
			}
			p := newProcessing(t, policytest.CallSource, o)
			conn := p.envoyWith(filter)
			cases := p.CallCases()
			slices.SortStableFunc(cases, func(a, b policytest.CallCase) int { return late(a) - late(b) })
			for _, c := range cases {
				if c.Name == "two, one empty" { // Envoy drops the empty one, for the service as well
					continue
				}
				p.service.taken()
				ctx := metadata.AppendToOutgoingContext(context.Background(), c.Metadata...)
				_, err := p.call(ctx, conn, c.Method, c.Requests...)
				s := status.Convert(err)
				if late(c) == 1 && strings.Contains(s.Message(), "RST_STREAM") { // all that Envoy can do once a response has begun
					continue
				}
				if s.Code() != codes.Code(c.Status) || s.Message() != c.Text {
					t.Errorf("%s, %s: %v, want %d %q", c.Method, c.Name, err, c.Status, c.Text)
				}
				calls, got, _ := p.service.taken()
				if late(c) == 0 && (len(got) > c.Passed || c.Status == 0 && len(got) != c.Passed || c.Passed == 0 && calls != 0) {
					t.Errorf("%s, %s: %d calls with %d requests", c.Method, c.Name, calls, len(got))
				}
			}
		})
	}
}

// raw is a request of HTTP/2 as no gRPC client would send it.
type raw struct {
	path    string
	headers []string
	body    []byte
	none    bool // the headers end it
}

// answer sends r to an address, and returns status and text.
func (r raw) answer(t *testing.T, at string) (code, text string) {
	t.Helper()
	client := &http.Transport{Protocols: new(http.Protocols)}
	client.Protocols.SetUnencryptedHTTP2(true)
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var body io.Reader = bytes.NewReader(r.body)
	if r.none {
		body = nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+at+r.path, body)
	if err != nil {
		t.Fatal(err)
	}
	if !r.none {
		request.ContentLength = -1
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("Te", "trailers")
	for i := 0; i+1 < len(r.headers); i += 2 {
		request.Header.Add(r.headers[i], r.headers[i+1])
	}
	answer, err := client.RoundTrip(request)
	if err != nil {
		return "none", err.Error()
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	get := func(name string) string {
		if v := answer.Header.Get(name); v != "" {
			return v
		}
		return answer.Trailer.Get(name)
	}
	return get("Grpc-Status"), get("Grpc-Message")
}

// TestProcessingNoMessage: calls without a message, ended by their headers or by an empty
// body, are refused as by the proxy, and nothing reaches the service. A37, S77.
func TestProcessingNoMessage(t *testing.T) {
	for name, filter := range forms {
		t.Run(name, func(t *testing.T) {
			p := newProcessing(t, policytest.CallSource, authz.Options{})
			at, want := p.envoyAt(filter), p.proxy()
			bearer := []string{"Authorization", "Bearer " + p.Token(policytest.GoodClaims)}
			for _, method := range []string{"Check", "CheckClient", "CheckServer", "CheckBidi", "CheckMine"} {
				for how, r := range map[string]raw{"headers": {none: true}, "an empty body": {}} {
					r.path, r.headers = "/t.S/"+method, bearer
					code, text := r.answer(t, at)
					expected, words := r.answer(t, want)
					if calls, _, _ := p.service.taken(); code != expected || text != words || code != "16" || calls != 0 {
						t.Errorf("%s ended by %s: %s %q, want %s %q; %d calls", method, how, code, text, expected, words, calls)
					}
				}
			}
		})
	}
}

// signedFields are the field numbers of Signed.
const signedFields = 5

// TestProcessingWireTypes: a message with a field of another wire type, before or after
// those that pass, is refused as by the proxy, and nothing reaches the service. A38, S82.
func TestProcessingWireTypes(t *testing.T) {
	for name, filter := range forms {
		t.Run(name, func(t *testing.T) {
			p := newProcessing(t, policytest.CallSource, authz.Options{})
			at, want := p.envoyAt(filter), p.proxy()
			_, m := p.Message("Signed", `{"user":"bob","tok":"`+p.Token(policytest.SignedClaims)+`"}`)
			good, err := proto.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			refused := 0
			for field := protowire.Number(1); field <= signedFields; field++ {
				for kind, value := range map[protowire.Type][]byte{
					protowire.VarintType: {1}, protowire.Fixed32Type: {1, 2, 3, 4}, protowire.Fixed64Type: {1, 2, 3, 4, 5, 6, 7, 8},
					protowire.BytesType: {1, 'x'}, protowire.StartGroupType: protowire.AppendTag(nil, field, protowire.EndGroupType),
				} {
					wrong := append(protowire.AppendTag(nil, field, kind), value...)
					for _, message := range [][]byte{slices.Concat(wrong, good), slices.Concat(good, wrong)} {
						r := raw{path: "/t.S/Check", body: framed(0, message)}
						code, text := r.answer(t, at)
						_, got, _ := p.service.taken()
						expected, words := r.answer(t, want)
						if _, direct, _ := p.service.taken(); code != expected || text != words || len(got) != len(direct) {
							t.Errorf("field %d as %d: %s %q, want %s %q; %d requests arrived, want %d", field, kind, code, text, expected, words, len(got), len(direct))
						}
						if code != "0" {
							refused++
						}
					}
				}
			}
			if refused < 40 {
				t.Errorf("only %d are refused", refused)
			}
		})
	}
}

func framed(flag byte, message []byte) []byte {
	return append([]byte{flag, byte(len(message) >> 24), byte(len(message) >> 16), byte(len(message) >> 8), byte(len(message))}, message...)
}

// TestProcessingFrames: bodies that are not framed as gRPC says are refused with the code
// and text of the proxy, and nothing reaches the service.
func TestProcessingFrames(t *testing.T) {
	for name, filter := range forms {
		t.Run(name, func(t *testing.T) {
			p := newProcessing(t, policytest.CallSource, authz.Options{})
			at, want := p.envoyAt(filter), p.proxy()
			_, m := p.Message("Signed", `{"user":"bob","tok":"`+p.Token(policytest.SignedClaims)+`"}`)
			good, _ := proto.Marshal(m)
			for what, r := range map[string]raw{
				"a part of a header":  {body: framed(0, good)[:3]},
				"a part of a message": {body: framed(0, good)[:50]},
				"another flag":        {body: framed(2, good)},
				"a flag, no encoding": {body: framed(1, good)},
				"not compressed":      {body: framed(1, good), headers: []string{"Grpc-Encoding", "gzip"}},
				"an unread encoding":  {body: framed(1, good), headers: []string{"Grpc-Encoding", "br"}},
				"far too large":       {body: []byte{0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3}},
				"two for one":         {body: append(framed(0, good), framed(0, good)...)},
			} {
				r.path = "/t.S/Check"
				code, text := r.answer(t, at)
				expected, words := r.answer(t, want)
				if calls, _, _ := p.service.taken(); code != expected || text != words || calls != 0 || code == "0" {
					t.Errorf("%s: %s %q, want %s %q; %d calls", what, code, text, expected, words, calls)
				}
			}
		})
	}
}

// TestProcessingClaims: of the claims of a client's own, in every spelling, and what
// concerns one connection, nothing reaches the service, in headers or trailers; those of
// the token do, and authorization does not. S62, S78.
func TestProcessingClaims(t *testing.T) {
	for name, filter := range forms {
		t.Run(name, func(t *testing.T) {
			p := newProcessing(t, policytest.CallSource, authz.Options{})
			conn := p.envoyWith(filter)
			token := p.Token(`{"iss":"me","sub":"alice","role":"admin","name":"Grüße","empty":""}`)
			md := metadata.Pairs("authorization", "Bearer "+token, "proxy-authorization", "x") // Envoy refuses a content-length that is wrong
			for _, claim := range []string{"sub", "other", "empty", "name-bin"} {
				for _, spelling := range spellings(claim) {
					md.Append(strings.ToLower(spelling), "mallory")
				}
			}
			for _, method := range []string{"Who", "WhoBidi", "Open"} {
				p.service.taken()
				if _, err := p.call(metadata.NewOutgoingContext(context.Background(), md), conn, method, `{"text":"x"}`); err != nil {
					t.Errorf("%s: %v", method, err)
				}
				_, _, got := p.service.taken()
				claims := map[string]string{}
				for key, values := range got {
					if strings.Contains(key, "kalix") {
						claims[key] = strings.Join(values, "|")
					}
				}
				want := map[string]string{}
				if method != "Open" {
					want = map[string]string{"_kalix-jwt-claim-iss": "me", "_kalix-jwt-claim-sub": "alice", "_kalix-jwt-claim-role": "admin", "_kalix-jwt-claim-empty": "", "_kalix-jwt-claim-name-bin": "Grüße"}
				}
				if !maps.Equal(claims, want) || method != "Open" && got["authorization"] != nil || got["proxy-authorization"] != nil {
					t.Errorf("%s: %v", method, got)
				}
			}
		})
	}
}

// TestProcessingExpiry: a message that comes after exp of the bearer token is not
// delivered, and ends the stream. S63, S88.
func TestProcessingExpiry(t *testing.T) {
	for name, filter := range forms {
		if name == "buffered" || name == "printed" { // one ends with the body, the other sends headers alone
			continue
		}
		t.Run(name, func(t *testing.T) {
			p := newProcessing(t, policytest.CallSource, authz.Options{})
			conn := p.envoyWith(filter)
			ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+p.Token(policytest.GoodClaims))
			stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, "/t.S/WhoClient")
			if err != nil {
				t.Fatal(err)
			}
			one := dynamicpb.NewMessage(p.Set.Message("t.Plain"))
			if err := stream.SendMsg(one); err != nil {
				t.Fatal(err)
			}
			soon(t, "the first message does not arrive", func() bool {
				p.service.mu.Lock()
				defer p.service.mu.Unlock()
				return len(p.service.got) == 1
			})
			p.clock.Add(int64(2 * time.Hour))
			if err := stream.SendMsg(one); err != nil {
				t.Fatal(err)
			}
			err = stream.RecvMsg(one)
			if _, got, _ := p.service.taken(); status.Code(err) != codes.Unauthenticated || status.Convert(err).Message() != "Bearer token is not valid" || len(got) != 1 {
				t.Errorf("%v, %d requests arrived", err, len(got))
			}
		})
	}
}

// TestProcessingIgnoresNoRefusal: also an Envoy that is told to pass over immediate
// responses delivers nothing that is refused.
func TestProcessingIgnoresNoRefusal(t *testing.T) {
	p := newProcessing(t, policytest.CallSource, authz.Options{})
	conn := p.envoyWith(extProc("FULL_DUPLEX_STREAMED", "              disable_immediate_response: true\n"))
	for _, method := range []string{"Who", "Check", "CheckBidi", "Nope"} {
		_, err := p.call(t.Context(), conn, method, `{}`)
		if calls, got, _ := p.service.taken(); err == nil || calls != 0 {
			t.Errorf("%s: %v, %d calls with %d requests", method, err, calls, len(got))
		}
	}
}

// messagePolicy is a policy with messages, for a program that authz is.
const messagePolicy = `syntax = "proto3"; package t;
import "jwtctl/v1/annotations.proto";
message Plain { string text = 1; }
message Signed { string user = 1; string tok = 4 [(jwtctl.v1.field) = {token: true}]; }
service S {
  rpc Open(Plain) returns (Plain);
  rpc Check(Signed) returns (Plain) { option (jwtctl.v1.method) = {validate: MESSAGE}; }
}`

// TestProcessingDown: while jwtctl authz hangs or is down no call reaches the service, and once it
// or Envoy is back, calls are decided as before.
func TestProcessingDown(t *testing.T) {
	p := newProcessing(t, policytest.CallSource, authz.Options{})
	dir := t.TempDir()
	key := filepath.Join(dir, "key.pem")
	run(t, "keygen", "-o", key)
	policy := write(t, "t.proto", messagePolicy)
	p.authzAt = freeAddress(t)
	begin := func() *process {
		a := start(t, program(t), "authz", "--proto", policy, "--key", key, "--listen", p.authzAt)
		a.answering(t, p.authzAt)
		return a
	}
	server := begin()
	for range 2 { // Envoys
		conn := p.envoyWith(printed)
		decided := func() bool {
			_, err := p.call(t.Context(), conn, "Open", `{}`)
			calls, _, _ := p.service.taken()
			_, refused := p.call(t.Context(), conn, "Check", `{}`)
			missed, _, _ := p.service.taken()
			return err == nil && calls == 1 && missed == 0 && status.Convert(refused).Message() == "Message token is missing"
		}
		soon(t, "calls are not decided", decided)
		if err := server.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		// Envoy has no timeout for FULL_DUPLEX_STREAMED: such a call lasts as its client waits.
		for method, code := range map[string]codes.Code{"Open": codes.Unavailable, "Check": codes.DeadlineExceeded} {
			limit := 20 * time.Second
			if method == "Check" {
				limit = time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			_, err := p.call(ctx, conn, method, `{}`)
			cancel()
			if calls, _, _ := p.service.taken(); status.Code(err) != code || calls != 0 {
				t.Errorf("%s while authz hangs: %v, %d calls", method, err, calls)
			}
		}
		server.stop()
		for _, method := range []string{"Open", "Check"} {
			_, err := p.call(t.Context(), conn, method, `{}`)
			if calls, _, _ := p.service.taken(); status.Code(err) != codes.Unavailable || calls != 0 {
				t.Errorf("%s while authz is down: %v, %d calls", method, err, calls)
			}
		}
		server = begin()
		soon(t, "calls are not decided again", decided)
	}
}
