package web_test

import (
	"encoding/binary"
	"net/http"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/internal/web"
)

const (
	asJSON = "Content-Type: application/json"
	app    = "https://app.example.com"
)

// TestWebRefusesBadBearerTokens: each protocol gets the same decisions as gRPC. S59.
func TestWebRefusesBadBearerTokens(t *testing.T) {
	t.Parallel()
	r := start(t)
	good := r.Token(goodClaims)
	for _, row := range []struct {
		name, authorization string
		status              int    // the HTTP status in Connect
		grpc                string // the status in gRPC-Web
	}{
		{"none", "", http.StatusUnauthorized, "16"},
		{"malformed", "Bearer a.b", http.StatusUnauthorized, "16"},
		{"wrong scheme", "Basic " + good, http.StatusUnauthorized, "16"},
		{"signature", "Bearer " + good[:len(good)-6] + "AAAAAA", http.StatusUnauthorized, "16"},
		{"expired", "Bearer " + r.Token(`{"iss":"me","role":"admin","exp":1769774400}`), http.StatusUnauthorized, "16"},
		{"not yet valid", "Bearer " + r.Token(`{"iss":"me","role":"admin","nbf":1969774400}`), http.StatusUnauthorized, "16"},
		{"issuer", "Bearer " + r.Token(`{"iss":"you","role":"admin"}`), http.StatusUnauthorized, "16"},
		{"static claim", "Bearer " + r.Token(`{"iss":"me","role":"user"}`), http.StatusForbidden, "7"},
	} {
		var headers []string
		if row.authorization != "" {
			headers = append(headers, "Authorization: "+row.authorization)
		}
		for _, path := range []string{"/t.S/Who", "/v1/who"} {
			if a := r.do(http.MethodPost, path, `{}`, append(headers, asJSON)...); a.status != row.status {
				t.Errorf("%s: %s: status %d, want %d: %s", row.name, path, a.status, row.status, a.body)
			}
		}
		if _, trailers := r.grpcWeb("/t.S/Who", nil, headers...); trailers["grpc-status"] != row.grpc {
			t.Errorf("%s: grpc-status %q, want %s", row.name, trailers["grpc-status"], row.grpc)
		}
	}
	if calls, _ := r.seen(); calls != 0 {
		t.Errorf("%d calls reached the upstream, want 0", calls)
	}
	for _, path := range []string{"/t.S/Who", "/v1/who"} {
		if a := r.do(http.MethodPost, path, `{"name":"x"}`, asJSON, r.bearer(goodClaims)); a.status != 200 || !strings.Contains(a.body, `"x"`) {
			t.Errorf("%s: got status %d: %s", path, a.status, a.body)
		}
	}
	if _, trailers := r.grpcWeb("/t.S/WhoServer", nil, r.bearer(goodClaims)); trailers["grpc-status"] != "0" {
		t.Errorf("stream: %v", trailers)
	}
}

// TestWebCutsNoStreamShort: a stream with a message that is not JSON fails for the server
// too, which must not take the messages before it for all.
func TestWebCutsNoStreamShort(t *testing.T) {
	t.Parallel()
	r := start(t)
	collect := func(messages ...string) answer {
		var body []byte
		for _, m := range messages {
			body = append(binary.BigEndian.AppendUint32(append(body, 0), uint32(len(m))), m...)
		}
		return r.do(http.MethodPost, "/t.S/Collect", string(body), "Content-Type: application/connect+json", "Connect-Protocol-Version: 1")
	}
	const bad = 10
	for range bad {
		if a := collect(`{"id":"1"}`, `{"id":`); !strings.Contains(a.body, `"invalid_argument"`) {
			t.Errorf("a bad stream: got %q", a.body)
		}
	}
	if a := collect(`{"id":"1"}`, `{"id":"2"}`); !strings.Contains(a.body, `"id":"1"`) {
		t.Errorf("a good stream: got %q", a.body)
	}
	testkit.Eventually(t, "the upstream's calls to end", func() bool { calls, whole := r.ended(); return calls == 0 && whole > 0 })
	if _, whole := r.ended(); whole != 1 {
		t.Errorf("%d streams were whole for the server, want 1", whole)
	}
	r.logsMalformed(bad)
}

// logsMalformed waits until n malformed messages are logged, which may be after the
// response.
func (r *rig) logsMalformed(n int) {
	r.t.Helper()
	testkit.Eventually(r.t, "malformed messages logged", func() bool { return strings.Count(r.log.String(), "code=message_malformed") == n })
}

// TestWebLogsAMalformedMessage: the log names a message that is not JSON, not the token
// that it does not have.
func TestWebLogsAMalformedMessage(t *testing.T) {
	t.Parallel()
	r := start(t)
	for _, path := range []string{"/t.S/Check", "/v1/check/1"} {
		if a := r.do(http.MethodPost, path, `{"id":`, asJSON); a.status != http.StatusBadRequest {
			t.Errorf("%s: status %d, want %d", path, a.status, http.StatusBadRequest)
		}
	}
	r.logsMalformed(2)
	if log := r.log.String(); strings.Contains(log, "token_missing") {
		t.Errorf("logged %s", log)
	}
}

// TestWebKnowsOneSpellingOfAMethod: methods have only one spelling. S60.
func TestWebKnowsOneSpellingOfAMethod(t *testing.T) {
	t.Parallel()
	r := start(t)
	for _, path := range []string{
		"//t.S/Open", "/t.S//Open", "/t.S/Open/", "/t.s/Open", "/t.S/open", "/t.S%2FOpen", "/%74.S/Open", "/t.S/Op%65n",
		"/x/../t.S/Open", "/./t.S/Open", "/t.S/Open;x", "/t.S/Other", "/grpc.health.v1.Health/Check", "/",
	} {
		for _, kind := range []string{"application/json", "application/proto", "application/connect+json", "application/grpc-web+proto"} {
			a := r.do(http.MethodPost, path, "{}", "Content-Type: "+kind)
			if a.status != http.StatusNotFound && a.status != http.StatusUnsupportedMediaType {
				t.Errorf("%s as %s: got status %d: %s", path, kind, a.status, a.body)
			}
		}
	}
	for _, kind := range []string{"", "text/plain", "application/xml", "application/grpc-websocket", "application/grpcweb"} {
		if a := r.do(http.MethodPost, "/t.S/Open", "{}", "Content-Type: "+kind); a.status != http.StatusUnsupportedMediaType {
			t.Errorf("content type %q: status %d, want %d", kind, a.status, http.StatusUnsupportedMediaType)
		}
	}
	if a := r.do(http.MethodGet, "/t.S/Who", ""); a.status < 400 {
		t.Errorf("GET of a method with side effects: status %d", a.status)
	}
	if calls, _ := r.seen(); calls != 0 {
		t.Errorf("%d calls reached the upstream, want 0", calls)
	}
}

// TestWebForwardsNoClaimsOfClients: behind --web too, headers that only the proxy may set
// are removed in every spelling, and so are those about one connection. S62, S78.
func TestWebForwardsNoClaimsOfClients(t *testing.T) {
	t.Parallel()
	r := start(t)
	forged := []string{
		"_kalix-jwt-claim-sub: forged", "_Kalix-Jwt-Claim-Sub: forged", "_KALIX-JWT-CLAIM-ROLE: forged",
		"_kalix_jwt_claim_sub: forged", "_kalix-jwt-claim-extra-bin: Zm9yZ2Vk", "X-Named: forged", "Connection: x-named",
		"Proxy-Authorization: forged", "Keep-Alive: forged", "Proxy-Connection: forged", "X-Kept: yes",
		"Trailer: _kalix-jwt-claim-sub", "Forwarded: for=kept",
	}
	calls := map[string]func(){
		"connect":  func() { r.do(http.MethodPost, "/t.S/Who", "{}", append(forged, asJSON, r.bearer(goodClaims))...) },
		"rest":     func() { r.do(http.MethodPost, "/v1/who", "{}", append(forged, asJSON, r.bearer(goodClaims))...) },
		"grpc-web": func() { r.grpcWeb("/t.S/Who", nil, append(forged, r.bearer(goodClaims))...) },
		"open":     func() { r.do(http.MethodGet, "/v1/open/1", "", forged...) },
	}
	for name, call := range calls {
		before, _ := r.seen()
		call()
		after, md := r.seen()
		if after != before+1 {
			t.Errorf("%s: the upstream was not called", name)
		}
		for key, values := range md {
			if strings.Contains(strings.Join(values, " "), "forged") {
				t.Errorf("%s: %s: %s", name, key, values)
			}
		}
		if kept := md.Get("x-kept"); len(kept) != 1 || kept[0] != "yes" {
			t.Errorf("%s: x-kept: %q", name, kept)
		}
		if name == "open" {
			continue
		}
		if sub := md.Get(enforce.ClaimPrefix + "sub"); len(sub) != 1 || sub[0] != "alice" || len(md.Get("authorization")) != 0 {
			t.Errorf("%s: sub %q, authorization %q", name, sub, md.Get("authorization"))
		}
	}
}

// TestWebChecksMessagesAsTheyGoOn: messages built from a path, a query or JSON are
// validated and signed like any other.
func TestWebChecksMessagesAsTheyGoOn(t *testing.T) {
	t.Parallel()
	r := start(t)
	a := r.do(http.MethodGet, "/v1/sign/7", "")
	if a.status != 200 || !strings.Contains(a.body, `"tok":`) {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	token := strings.Split(a.body, `"`)[strings.Count(a.body[:strings.Index(a.body, "eyJ")], `"`)]
	for _, row := range []struct {
		path, body string
		status     int
	}{
		{"/v1/check/7", `{"tok":"` + token + `"}`, 200},
		{"/v1/check/8", `{"tok":"` + token + `"}`, http.StatusForbidden},
		{"/v1/check/7?id=8", `{"tok":"` + token + `"}`, 0}, // either value, or a refusal
		{"/v1/check/7", `{}`, http.StatusUnauthorized},
		{"/t.S/Check", `{"id":"7","tok":"` + token + `"}`, 200},
		{"/t.S/Check", `{"id":"8","tok":"` + token + `"}`, http.StatusForbidden},
		{"/t.S/Check", `{"id":"8","id":"7","tok":"` + token + `"}`, http.StatusBadRequest},
		{"/t.S/Check", `{"id":"7","tok":"` + token + `"} {}`, http.StatusBadRequest},
		{"/t.S/Check", ``, http.StatusUnauthorized},
	} {
		before, _ := r.seen()
		a := r.do(http.MethodPost, row.path, row.body, asJSON)
		if row.status != 0 && a.status != row.status {
			t.Errorf("%s %s: status %d, want %d: %s", row.path, row.body, a.status, row.status, a.body)
		}
		after, _ := r.seen()
		if reached := after > before; reached != (a.status == 200) {
			t.Errorf("%s %s: status %d, upstream reached %t, want %t",
				row.path, row.body, a.status, reached, a.status == 200)
		}
	}
}

func TestWebAllowsOriginsThatAreNamed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		origins  []string
		origin   string
		preflit  bool // allowed by the preflight
		answered bool // POST is not refused
	}{
		{"none named", nil, app, false, false},
		{"named", []string{app}, app, true, true},
		{"another", []string{app}, "https://evil.example", false, false},
		{"other scheme", []string{app}, "http://app.example.com", false, false},
		{"another port", []string{app}, app + ":8443", false, false},
		{"longer", []string{app}, app + ".evil.example", false, false},
		{"below", []string{app}, "https://x.app.example.com", false, false},
		{"null", []string{app}, "null", false, false},
		{"all", []string{web.AnyOrigin}, "https://evil.example", true, true},
		{"no browser", nil, "", false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, row.origins...)
			headers := []string{asJSON}
			if row.origin != "" {
				headers = append(headers, "Origin: "+row.origin)
				a := r.do(http.MethodOptions, "/t.S/Open", "", "Origin: "+row.origin, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type")
				if got := a.header.Get("Access-Control-Allow-Origin") != ""; got != row.preflit {
					t.Errorf("preflight: %v", a.header)
				}
				if a.header.Get("Access-Control-Allow-Credentials") != "" {
					t.Error("credentials are allowed")
				}
			}
			a := r.do(http.MethodPost, "/t.S/Open", "{}", headers...)
			if got := a.status == 200; got != row.answered {
				t.Errorf("status %d: %s", a.status, a.body)
			}
			if got := a.header.Get("Access-Control-Allow-Origin") != ""; got != row.preflit {
				t.Errorf("allowed: got %t, want %t", got, row.preflit)
			}
			if calls, _ := r.seen(); (calls == 1) != row.answered {
				t.Errorf("the upstream was called %d times", calls)
			}
		})
	}
}

func TestParseOrigin(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://App.example.com": app, "https://app.example.com:443": app, "http://localhost:3000": "http://localhost:3000",
		"http://[::1]:80": "http://[::1]", "*": "*",
		"": "", "app.example.com": "", "https://app.example.com/": "", "https://app.example.com/x": "", "https://*.example.com": "",
		"https://u@app.example.com": "", "https://app.example.com?x": "", "file:///x": "", "null": "", "https://": "", "https://app.example.com#x": "",
	} {
		if got, err := web.ParseOrigin(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}
