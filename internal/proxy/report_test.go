package proxy_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/jwtctl/jwtctl/internal/metrics"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// bytesCall makes a call of any path with encoded messages.
func (r *rig) bytesCall(ctx context.Context, path string, requests [][]byte, o ...grpc.CallOption) (answers [][]byte, err error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, testkit.Timeout)
	defer cancel()
	s, err := r.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, path, append(o, grpc.ForceCodecV2(bytesCodec{}))...)
	if err != nil {
		return nil, err
	}
	for i := range requests {
		if s.SendMsg(&requests[i]) != nil {
			break
		}
	}
	_ = s.CloseSend()
	for {
		var answer []byte
		if err := s.RecvMsg(&answer); err == io.EOF {
			return answers, nil
		} else if err != nil {
			return answers, err
		}
		answers = append(answers, answer)
	}
}

// encoded returns the bytes of a message of this type, given as JSON.
func (r *rig) encoded(name, json string) []byte {
	r.t.Helper()
	_, m := r.Message(name, json)
	data, err := proto.Marshal(m)
	if err != nil {
		r.t.Fatal(err)
	}
	return data
}

// TestReportOnlyRefusesNothing makes calls that the policy refuses for different reasons:
// all reach the server unchanged, and each is logged and counted once. Without ReportOnly
// the same calls are refused.
func TestReportOnlyRefusesNothing(t *testing.T) {
	t.Parallel()
	enforcing, reporting := start(t, reportSetup(false)), start(t, reportSetup(true))
	type one struct {
		path, reason string
		ctx          context.Context
		requests     [][]byte
		options      []grpc.CallOption
	}
	plain := [][]byte{[]byte("\n\x01x")}
	calls := map[string]func(r *rig) one{
		"unknown method":    func(*rig) one { return one{"/t.Other/Method", "method_unknown", context.Background(), plain, nil} },
		"malformed path":    func(*rig) one { return one{"/t.S//Open", "method_unknown", context.Background(), plain, nil} },
		"too much metadata": func(*rig) one { return one{"/t.S/Open", "limit_exceeded", large(), plain, nil} },
		"other content types": func(*rig) one {
			return one{"/t.S/Check", "message_malformed", context.Background(), [][]byte{[]byte("{}")}, asJSON()}
		},
		"malformed message": func(*rig) one {
			return one{"/t.S/Check", "message_malformed", context.Background(), [][]byte{[]byte("\xff\xff")}, nil}
		},
		"message without a token": func(r *rig) one {
			return one{"/t.S/CheckBidi", "token_missing", context.Background(), [][]byte{r.encoded("Signed", `{"user":"bob"}`)}, nil}
		},
		"message that differs from its token": func(r *rig) one {
			return one{"/t.S/Check", "claim_mismatch", context.Background(), [][]byte{r.encoded("Signed", `{"user":"eve","tok":"`+r.Token(signedClaims)+`"}`)}, nil}
		},
		"no message": func(*rig) one { return one{"/t.S/CheckBidi", "token_missing", context.Background(), nil, nil} },
		"no message, unary": func(*rig) one {
			return one{"/t.S/Open", "request_count", context.Background(), nil, nil}
		},
		"two messages": func(*rig) one {
			return one{"/t.S/Open", "request_count", context.Background(), slices.Repeat(plain, 2), nil}
		},
	}
	for _, c := range enforcing.BadBearers() {
		calls["bearer token: "+c.Name] = func(*rig) one {
			ctx := context.Background()
			if c.Token != "" {
				ctx = bearing(c.Token)
			}
			return one{"/t.S/WhoBidi", string(c.Code), ctx, plain, nil}
		}
	}
	for name, of := range calls {
		c := of(enforcing)
		if _, err := enforcing.bytesCall(c.ctx, c.path, c.requests, c.options...); err == nil || enforcing.upstream.calls.Load() != 0 {
			t.Errorf("%s: the policy is enforced: %v", name, err)
		}
		c = of(reporting)
		before, calls := len(reporting.logged.String()), reporting.upstream.calls.Load()
		got, err := reporting.bytesCall(c.ctx, c.path, c.requests, c.options...)
		if err != nil || !slices.EqualFunc(got, c.requests, bytes.Equal) || reporting.upstream.calls.Load() != calls+1 {
			t.Errorf("%s: got %q, %v, want the messages sent", name, got, err)
		}
		line := reporting.waitLog(before, "call would be refused")
		if strings.Count(line, "call would be refused") != 1 || !strings.Contains(line, `"code":"`+c.reason+`"`) || strings.Contains(line, "call refused") {
			t.Errorf("%s: logged %s", name, line)
		}
		if md := reporting.upstream.metadata(); len(md["authorization"]) > 0 && strings.Contains(c.path, "Who") {
			t.Errorf("%s: authorization is forwarded", name)
		}
	}
	text := metricsText(t, reporting.metrics)
	for _, want := range []string{
		`jwtctl_proxy_would_refuse_total{method="unknown",reason="method_unknown"} 2`,
		`jwtctl_proxy_would_refuse_total{method="t.S/WhoBidi",reason="token_expired"} 1`,
		`jwtctl_proxy_calls_total{method="unknown",grpc_code="OK",reason=""} 2`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %s\n%s", want, text)
		}
	}
}

// reportSetup has an upstream that echoes each message.
func reportSetup(reportOnly bool) setup {
	return setup{
		options:  proxy.Options{ReportOnly: reportOnly, CachedTokens: 10},
		upstream: ofBytes(),
		serve: func(_ string, ss grpc.ServerStream) error {
			for {
				var in []byte
				if err := ss.RecvMsg(&in); err == io.EOF {
					return nil
				} else if err != nil {
					return err
				}
				if err := ss.SendMsg(&in); err != nil {
					return err
				}
			}
		},
	}
}

func large() context.Context {
	return metadata.AppendToOutgoingContext(context.Background(), "x", strings.Repeat("a", 20<<10))
}

func asJSON() []grpc.CallOption { return []grpc.CallOption{grpc.CallContentSubtype("json")} }

func metricsText(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	var out bytes.Buffer
	if _, err := m.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestReportOnlyStillActs: claims are sent, forged ones removed, messages filled in and
// responses signed, as without ReportOnly, and accepted calls are not reported.
func TestReportOnlyStillActs(t *testing.T) {
	t.Parallel()
	r := start(t, setup{options: proxy.Options{ReportOnly: true}})
	ctx := metadata.AppendToOutgoingContext(bearing(r.Token(goodClaims)), "_kalix-jwt-claim-sub", "mallory", "_kalix_jwt_claim_x", "y")
	if got := r.call(ctx, r.conn, "Who", `{}`); got.err != nil {
		t.Fatal(got.err)
	}
	md := r.upstream.metadata()
	if !slices.Equal(md["_kalix-jwt-claim-sub"], []string{"alice"}) || len(md["_kalix_jwt_claim_x"]) > 0 || len(md["authorization"]) > 0 {
		t.Errorf("the server got %v", md)
	}
	if got := r.call(metadata.AppendToOutgoingContext(context.Background(), "_kalix-jwt-claim-sub", "mallory"), r.conn, "Who", `{}`); got.err != nil || len(r.upstream.metadata()["_kalix-jwt-claim-sub"]) > 0 {
		t.Errorf("refused and reported: %v, the server got %v", got.err, r.upstream.metadata())
	}
	if got := r.call(context.Background(), r.conn, "Check", `{"user":"bob","tok":"`+r.Token(signedClaims)+`"}`); got.err != nil {
		t.Fatal(got.err)
	}
	if got := r.upstream.received(); !strings.Contains(got[len(got)-1], `"team":"x"`) && !strings.Contains(got[len(got)-1], `"team": "x"`) {
		t.Errorf("the server got %s", got[len(got)-1])
	}
	if got := r.call(context.Background(), r.conn, "Sign", `{}`); got.err != nil || !strings.Contains(fmt.Sprint(got.messages), `"tok":"ey`) {
		t.Errorf("got %+v", got)
	}
	if n := strings.Count(r.logged.String(), "would be refused"); n != 1 {
		t.Errorf("got %d refusals reported, want only that of the call without a token\n%s", n, r.logged.String())
	}
}

// TestReportOnlyPassesWhatCannotBeSigned: a response that cannot be signed passes as the
// server sent it.
func TestReportOnlyPassesWhatCannotBeSigned(t *testing.T) {
	t.Parallel()
	s := reportSetup(true)
	r := start(t, s)
	got, err := r.bytesCall(context.Background(), "/t.S/SignServer", [][]byte{[]byte("\xff\xff")})
	if err != nil || len(got) != 1 || string(got[0]) != "\xff\xff" {
		t.Errorf("got %q, %v", got, err)
	}
	if log := r.waitLog(0, "call would be refused"); !strings.Contains(log, `"grpc_code":"INTERNAL"`) {
		t.Errorf("logged %s, want %q in it", log, `"grpc_code":"INTERNAL"`)
	}
}

// TestReportOnlyOutlivesTheToken: a call continues after its token has expired.
func TestReportOnlyOutlivesTheToken(t *testing.T) {
	t.Parallel()
	r := start(t, setup{options: proxy.Options{ReportOnly: true}})
	ctx, cancel := context.WithTimeout(bearing(r.Token(fmt.Sprintf(`{"iss":"me","role":"admin","exp":%d}`, policytest.Now.Unix()+60))), testkit.Timeout)
	defer cancel()
	s := r.open(ctx, "WhoBidi")
	for range 3 {
		s.send(`{}`)
		if _, err := s.receive(); err != nil {
			t.Fatal(err)
		}
		r.advance(time.Minute)
	}
	if log := r.waitLog(0, "call would be refused"); strings.Count(log, "would be") != 1 || !strings.Contains(log, "token_expired") {
		t.Errorf("logged %s", log)
	}
}
