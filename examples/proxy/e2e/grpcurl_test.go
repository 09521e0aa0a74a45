package e2e

import (
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/health/grpc_health_v1"
)

// curl is grpcurl with a server to call.
type curl struct {
	t       *testing.T
	program string
	addr    string
}

// protos are the flags with which grpcurl finds the example's service without reflection.
var protos = []string{"-import-path", "proto", "-import-path", "schema", "-proto", "com/example/jwt_service.proto"}

// call calls a method of the example's service with requests in JSON and a bearer token;
// "" for none. It returns what grpcurl wrote, and whether the call passed.
func (c curl) call(method, token, requests string, flags ...string) (string, bool) {
	c.t.Helper()
	args := slices.Concat([]string{"-plaintext"}, protos, flags)
	if token != "" {
		args = append(args, "-H", "Authorization: Bearer "+token)
	}
	return run(c.t, c.program, append(args, "-d", requests, c.addr, "com.example.JwtService/"+method)...)
}

// must returns the responses to a call that must pass, and their text.
func (c curl) must(method, token, requests string, flags ...string) ([]answer, string) {
	c.t.Helper()
	out, ok := c.call(method, token, requests, flags...)
	if !ok {
		c.t.Fatalf("%s: %s", method, out)
	}
	var all []answer
	for in := json.NewDecoder(strings.NewReader(out)); ; {
		var one answer
		switch err := in.Decode(&one); err {
		case nil:
			all = append(all, one)
		case io.EOF:
			return all, out
		default:
			c.t.Fatalf("%v in %s", err, out)
		}
	}
}

// answer is any of the example's response messages.
type answer struct {
	Token    string // of a Session
	Msg      string // and the rest, of a MyResponse
	Metadata map[string]string
	Received myMessage
	myMessage
}

type myMessage struct {
	MyTokenField, MyClaimField, MyExtractedField string
	MyRawClaims                                  map[string]string
	MyChildMessages                              []struct{ MyTokenField, Name string }
}

// TestExample uses the service like a user does: log in, call with the bearer token, have
// messages signed, and hand them in again.
func TestExample(t *testing.T) {
	p := install(t)
	node := startNode(t, p)
	proxy, _ := startProxy(t, p, node.addr)
	c := curl{t, p.grpcurl, proxy.addr}

	session, _ := c.must("Login", "", `{"user": "alice"}`)
	bearer := session[0].Token

	t.Run("A34 A35 S62 claims are metadata", func(t *testing.T) { c.on(t).claims(bearer) })
	t.Run("S67 metadata, errors and details pass", func(t *testing.T) { c.on(t).passes(bearer, curl{t, p.grpcurl, node.addr}) })
	t.Run("A46 A51 signed and validated messages", func(t *testing.T) { c.on(t).messages(bearer) })
	t.Run("S63 streams", func(t *testing.T) { c.on(t).streams(bearer) })
	proxy.stop()
	if out := proxy.out.String(); strings.Contains(out, bearer[:40]) {
		t.Errorf("the log has the token:\n%s", out)
	}
}

// on returns c for a subtest.
func (c curl) on(t *testing.T) curl {
	c.t = t
	return c
}

// claims expects the server to get a bearer token's claims as metadata, and none sent by
// the client.
func (c curl) claims(bearer string) {
	t := c.t
	got, _ := c.must("JwtInToken", bearer, `{"msg": "hi"}`, "-H", "_kalix-jwt-claim-sub: mallory", "-H", "_Kalix-JWT-Claim-Admin: true", "-H", "x-request-id: 7")
	md := got[0].Metadata
	if got[0].Msg != "Hello alice: hi" || md["_kalix-jwt-claim-exp"] == "" {
		t.Errorf("got %+v", got)
	}
	delete(md, "_kalix-jwt-claim-exp")
	delete(md, "user-agent")
	if want := map[string]string{
		"_kalix-jwt-claim-sub": "alice", "_kalix-jwt-claim-iss": "my-issuer", "_kalix-jwt-claim-roles": `["admin","editor"]`, "x-request-id": "7",
	}; !maps.Equal(md, want) {
		t.Errorf("the server got %v, want %v", md, want)
	}
}

// passes expects the same metadata, errors and details as without the proxy.
func (c curl) passes(bearer string, direct curl) {
	t := c.t
	if out, ok := c.call("JwtInToken", bearer, `{"msg": "hi"}`, "-v"); !ok || !strings.Contains(out, "x-served-by: node") || !strings.Contains(out, "x-cost: 3") {
		t.Error(out)
	}
	through, ok := c.call("JwtInToken", bearer, `{"msg": "sorry"}`, "-format-error", "-vv")
	without, _ := direct.call("JwtInToken", bearer, `{"msg": "sorry"}`, "-format-error", "-vv")
	if got, want := ending(through), ending(without); ok || got != want || !strings.Contains(got, "x-retry-in: 5s") || !strings.Contains(got, `"msg": "why not"`) {
		t.Errorf("through the proxy:\n%s\ndirect:\n%s", got, want)
	}
}

// messages has messages signed and hands them in, valid and invalid.
func (c curl) messages(bearer string) {
	t := c.t
	issued, text := c.must("Issue", bearer, `{"msg": "x"}`)
	m := issued[0]
	if m.MyTokenField == "" || m.MyRawClaims != nil || len(m.MyChildMessages) != 2 || m.MyChildMessages[1].MyTokenField == "" {
		t.Fatalf("got signed message %s", text)
	}
	extracted := strings.Replace(text, `"myExtractedField"`, `"myExtractedField": 0, "ignored"`, 1)
	got, _ := c.must("Redeem", bearer, extracted, "-allow-unknown-fields")
	if r := got[0].Received; got[0].Msg != "Redeemed by alice" || r.MyExtractedField != "9007199254740993" || r.MyRawClaims["team"] != "blue" {
		t.Errorf("the server received %+v", got)
	}
	other, _ := c.must("Login", "", `{"user": "bob"}`)
	for name, bad := range map[string]struct{ bearer, text, status string }{
		"wrong claim":               {bearer, strings.Replace(text, `"x"`, `"y"`, 1), "PermissionDenied"},
		"wrong claim of a child":    {bearer, strings.Replace(text, `"second"`, `"third"`, 1), "PermissionDenied"},
		"token of another user":     {other[0].Token, text, "PermissionDenied"},
		"no token":                  {bearer, `{"myClaimField": "x"}`, "Unauthenticated"},
		"no token, no bearer token": {"", text, "Unauthenticated"},
		"token of the child":        {bearer, strings.Replace(text, m.MyTokenField, m.MyChildMessages[0].MyTokenField, 1), "Unauthenticated"},
	} {
		if out, ok := c.call("Redeem", bad.bearer, bad.text); ok || !strings.Contains(out, "Code: "+bad.status) {
			t.Errorf("%s: got %s, want %q in it", name, out, "Code: "+bad.status)
		}
	}
}

// streams does the same with a stream of messages.
func (c curl) streams(bearer string) {
	t := c.t
	issued, text := c.must("IssueMany", bearer, `{"msg": "seat"}`)
	if len(issued) != 3 || issued[2].MyClaimField != "seat 3" || issued[2].MyTokenField == "" {
		t.Fatalf("signed: %s", text)
	}
	if got, _ := c.must("RedeemMany", bearer, text); len(got) != 3 || got[2].Received.MyRawClaims["team"] != "blue" {
		t.Errorf("redeemed: %+v", got)
	}
	out, ok := c.call("RedeemMany", bearer, strings.Replace(text, `"seat 3"`, `"seat 1"`, 1))
	if ok || !strings.Contains(out, "Code: PermissionDenied") || strings.Contains(out, `"seat 3"`) {
		t.Errorf("bad third message: got %s, want %q in it", out, "Code: PermissionDenied")
	}
}

// ending is what grpcurl prints about the end of a call.
func ending(out string) string {
	_, after, _ := strings.Cut(out, "Response trailers received:")
	var lines []string
	for line := range strings.Lines(after) {
		if !strings.HasPrefix(line, "date: ") && !strings.HasPrefix(line, "content-type: ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// TestS59_GRPCurl: bad bearer tokens are refused, and those calls never reach the Node
// server.
func TestS59_GRPCurl(t *testing.T) {
	p := install(t)
	node := startNode(t, p)
	proxy, key := startProxy(t, p, node.addr)
	c := curl{t, p.grpcurl, proxy.addr}
	good := token(t, p, key, `{"user": "alice"}`)
	for name, bad := range map[string]string{
		"none":        "",
		"malformed":   "x.y.z",
		"expired":     token(t, p, key, `{"user": "alice"}`, "--at", "2020-01-01T00:00:00Z"),
		"unknown key": token(t, p, newKey(t, p), `{"user": "alice"}`),
		"tampered":    good[:len(good)-8] + "AAAAAAAA",
		"unsigned":    "eyJhbGciOiJub25lIn0.eyJpc3MiOiJteS1pc3N1ZXIifQ.",
	} {
		for _, method := range []string{"JwtInToken", "Issue", "IssueMany", "Redeem", "RedeemMany"} {
			if out, ok := c.call(method, bad, `{}`); ok || !strings.Contains(out, "Code: Unauthenticated") {
				t.Errorf("%s, %s: got %s, want %q in it", name, method, out, "Code: Unauthenticated")
			}
		}
	}
	if _, text := c.must("JwtInToken", good, `{"msg": "hi"}`); !strings.Contains(text, "Hello alice") {
		t.Error(text)
	}
	if served := strings.Count(node.out.String(), "Serving "); served != 1 {
		t.Errorf("%d calls reached the server, want 1:\n%s", served, node.out)
	}
}

// TestS65_GRPCurl: the upstream's reflection and health are reachable if enabled;
// otherwise there is no reflection, and health is the proxy's own.
func TestS65_GRPCurl(t *testing.T) {
	p := install(t)
	upstream := startGo(t)
	health := filepath.Join(t.TempDir(), "health.proto")
	if err := os.WriteFile(health, []byte(`syntax = "proto3"; package grpc.health.v1;
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse { enum Status { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; } Status status = 1; }
service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }`), 0o600); err != nil {
		t.Fatal(err)
	}
	upstream.health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	proto := []string{"-import-path", filepath.Dir(health), "-proto", "health.proto"}
	for name, test := range map[string]struct {
		flags []string
		want  map[string][]string // what grpcurl prints for these arguments
	}{
		"by default": {nil, map[string][]string{
			"does not support the reflection API": {"ADDR", "list"},
			`"status": "SERVING"`:                 append(proto, "ADDR", "grpc.health.v1.Health/Check"),
		}},
		"enabled": {[]string{"--pass-reflection", "--pass-health"}, map[string][]string{
			"grpc.health.v1.Health\ngrpc.reflection.v1.": {"ADDR", "list"},
			"rpc Check":               {"ADDR", "describe", "grpc.health.v1.Health"},
			`"status": "NOT_SERVING"`: {"ADDR", "grpc.health.v1.Health/Check"}, // known by reflection
		}},
	} {
		t.Run(name, func(t *testing.T) {
			proxy, _ := startProxy(t, p, upstream.addr, test.flags...)
			for want, args := range test.want {
				args = slices.Clone(args)
				args[slices.Index(args, "ADDR")] = proxy.addr
				if out, _ := run(t, p.grpcurl, append([]string{"-plaintext"}, args...)...); !strings.Contains(out, want) {
					t.Errorf("grpcurl %s: got %s, want %q in it", strings.Join(args, " "), out, want)
				}
			}
		})
	}
}
