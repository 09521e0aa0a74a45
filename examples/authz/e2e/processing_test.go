package e2e

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/jwtctl/jwtctl/internal/authz"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

func late(c policytest.CallCase) int { // what passed may reach the service after the response
	if c.Status != 0 && c.Passed > 0 {
		return 1
	}
	return 0
}

// TestCallCases makes the calls of policytest by ext_proc in each form in which Envoy
// sends bodies, and with both filters in a row.
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
					t.Errorf("%s, %s: got %v, want %d %q", c.Method, c.Name, err, c.Status, c.Text)
				}
				calls, got, _ := p.service.taken()
				if late(c) == 0 && (len(got) > c.Passed || c.Status == 0 && len(got) != c.Passed || c.Passed == 0 && calls != 0) {
					t.Errorf("%s, %s: %d calls with %d requests", c.Method, c.Name, calls, len(got))
				}
			}
		})
	}
}

// raw is an HTTP/2 request that no gRPC client would send.
type raw struct {
	path    string
	headers []string
	body    []byte
	none    bool // the request ends with its headers
}

// answer sends r to an address and returns status and text.
func (r raw) answer(t *testing.T, at string) (code, text string) {
	t.Helper()
	client := &http.Transport{Protocols: new(http.Protocols)}
	client.Protocols.SetUnencryptedHTTP2(true)
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
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
// body, are refused like by the proxy, and nothing reaches the service. A37, S77.
func TestProcessingNoMessage(t *testing.T) {
	for name, filter := range forms {
		t.Run(name, func(t *testing.T) {
			p := newProcessing(t, policytest.CallSource, authz.Options{})
			at, want := p.envoyAt(filter), p.proxy()
			bearer := []string{"Authorization", "Bearer " + p.Token(policytest.GoodClaims)}
			for _, method := range []string{"Check", "CheckClient", "CheckServer", "CheckBidi", "CheckMine"} {
				for how, r := range map[string]raw{"headers": {none: true}, "empty body": {}} {
					r.path, r.headers = "/t.S/"+method, bearer
					code, text := r.answer(t, at)
					expected, words := r.answer(t, want)
					if calls, _, _ := p.service.taken(); code != expected || text != words || code != "16" || calls != 0 {
						t.Errorf("%s ended by %s: got %s %q, want %s %q; %d calls", method, how, code, text, expected, words, calls)
					}
				}
			}
		})
	}
}

// signedFields are the field numbers of Signed.
const signedFields = 5

// TestProcessingWireTypes: a message with a field of another wire type, before or after
// valid ones, is refused like by the proxy, and nothing reaches the service. A38, S82.
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
							t.Errorf("field %d as %d: got %s %q, want %s %q; %d requests arrived, want %d", field, kind, code, text, expected, words, len(got), len(direct))
						}
						if code != "0" {
							refused++
						}
					}
				}
			}
			if refused < 40 {
				t.Errorf("only %d messages were refused", refused)
			}
		})
	}
}

func framed(flag byte, message []byte) []byte {
	return append([]byte{flag, byte(len(message) >> 24), byte(len(message) >> 16), byte(len(message) >> 8), byte(len(message))}, message...)
}

// TestProcessingFrames: bodies with invalid gRPC framing are refused with the code and
// text of the proxy, and nothing reaches the service.
func TestProcessingFrames(t *testing.T) {
	for name, filter := range forms {
		t.Run(name, func(t *testing.T) {
			p := newProcessing(t, policytest.CallSource, authz.Options{})
			at, want := p.envoyAt(filter), p.proxy()
			_, m := p.Message("Signed", `{"user":"bob","tok":"`+p.Token(policytest.SignedClaims)+`"}`)
			good, _ := proto.Marshal(m)
			for what, r := range map[string]raw{
				"incomplete header":                   {body: framed(0, good)[:3]},
				"incomplete message":                  {body: framed(0, good)[:50]},
				"unknown flag":                        {body: framed(2, good)},
				"compressed flag without an encoding": {body: framed(1, good)},
				"uncompressed data":                   {body: framed(1, good), headers: []string{"Grpc-Encoding", "gzip"}},
				"unsupported encoding":                {body: framed(1, good), headers: []string{"Grpc-Encoding", "br"}},
				"too large":                           {body: []byte{0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3}},
				"two messages for one":                {body: append(framed(0, good), framed(0, good)...)},
			} {
				r.path = "/t.S/Check"
				code, text := r.answer(t, at)
				expected, words := r.answer(t, want)
				if calls, _, _ := p.service.taken(); code != expected || text != words || calls != 0 || code == "0" {
					t.Errorf("%s: got %s %q, want %s %q; %d calls", what, code, text, expected, words, calls)
				}
			}
		})
	}
}
