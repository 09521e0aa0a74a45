package authz_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/authz"
	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// TestCallCases: calls get the same verdicts as everywhere else, as far as headers
// determine them. A12, A30-A34, A36, S59, S60, S61.
func TestCallCases(t *testing.T) {
	t.Parallel()
	d := newDesk(t, policytest.CallSource, authz.Options{BearerOnly: true})
	tried := 0
	for _, c := range d.CallCases() {
		if !bearerOnly(c) {
			continue
		}
		tried++
		headers := append([]string{"content-type", "application/grpc+proto"}, c.Metadata...)
		replies := map[string]reply{
			"map": d.envoy(t, "/t.S/"+c.Method, headers, false), "list": d.envoy(t, "/t.S/"+c.Method, headers, true),
			"forward-auth": d.forward("/t.S/"+c.Method, headers),
		}
		for kind, got := range replies {
			if got.passes != (c.Status == 0) {
				t.Errorf("%s, %s by %s: %+v", c.Method, c.Name, kind, got)
				continue
			}
			if got.passes {
				continue
			}
			if got.grpc != strconv.Itoa(int(c.Status)) || got.text != c.Text {
				t.Errorf("%s, %s by %s: got %s %q, want %d %q", c.Method, c.Name, kind, got.grpc, got.text, c.Status, c.Text)
			}
			if kind != "forward-auth" && (got.status != http.StatusOK || got.contentType != "application/grpc+proto") {
				t.Errorf("%s, %s by %s: not in gRPC's form: %+v", c.Method, c.Name, kind, got)
			}
		}
		if last := d.seen.decided[len(d.seen.decided)-1]; last.Reason != c.Code || last.Status != c.Status {
			t.Errorf("%s, %s: observed %+v", c.Method, c.Name, last)
		}
	}
	if d.seen.open != 0 {
		t.Errorf("%d decisions are counted as in progress, want 0", d.seen.open)
	}
	if tried < 60 {
		t.Errorf("only %d cases", tried)
	}
}

// TestHTTPRefusals: how calls that are not gRPC are refused (RFC 6750 section 3).
func TestHTTPRefusals(t *testing.T) {
	t.Parallel()
	d := newDesk(t, policytest.CallSource, authz.Options{BearerOnly: true})
	wrong := d.Token(`{"iss":"me","role":"user"}`)
	rows := map[string]struct {
		path      string
		headers   []string
		status    int
		challenge string
	}{
		"no token":               {"/t.S/Who", nil, 401, "Bearer"},
		"no token, with a query": {"/t.S/Who?connect=v1", nil, 401, "Bearer"},
		"invalid token":          {"/t.S/Who", []string{"authorization", "Bearer a.b.c"}, 401, `Bearer error="invalid_token", error_description="Bearer token is not valid"`},
		"wrong claim":            {"/t.S/Who", []string{"authorization", "Bearer " + wrong}, 403, ""},
		"unknown method":         {"/t.S/Nope", nil, 404, ""},
		"no path":                {"", nil, 404, ""},
		"too long":               {"/t.S/Open", []string{"x", strings.Repeat("x", authz.MaxMetadataBytes)}, 431, ""},
		"JSON content type":      {"/t.S/Who", []string{"content-type", "application/json"}, 401, "Bearer"},
	}
	for name, row := range rows {
		for kind, got := range map[string]reply{"ext_authz": d.envoy(t, row.path, row.headers, false), "forward-auth": d.forward(row.path, row.headers)} {
			if got.passes || got.status != row.status || got.challenge != row.challenge {
				t.Errorf("%s by %s: %+v", name, kind, got)
			}
		}
	}
}

// TestClaimsReplaceThoseOfClients: claims of the token overwrite headers of the client in
// any spelling, other headers that a server could read as claims are removed, and no
// header is both set and removed. A34, A35, S62.
func TestClaimsReplaceThoseOfClients(t *testing.T) {
	t.Parallel()
	d := newDesk(t, policytest.CallSource, authz.Options{BearerOnly: true})
	token := d.Token(`{"iss":"me","sub":"alice","role":"admin","groups":["a","b"],"n":1.50,"name":"Grüße","note":""}`)
	spoofed := []string{"authorization", "Bearer " + token}
	for _, name := range []string{"_kalix-jwt-claim-sub", "_kalix-jwt-claim-note", "_kalix-jwt-claim-other", "_kalix_jwt_claim_sub", "_kalix.jwt.claim.x", "-KALIX-jwt-claim-y", "_kalix-jwt-claim-name-bin", "x-kalix"} {
		spoofed = append(spoofed, name, "mallory", name, "root")
	}
	set := map[string]string{
		"_kalix-jwt-claim-iss": "me", "_kalix-jwt-claim-sub": "alice", "_kalix-jwt-claim-role": "admin",
		"_kalix-jwt-claim-groups": `["a","b"]`, "_kalix-jwt-claim-n": "1.50", "_kalix-jwt-claim-name-bin": "R3LDvMOfZQ", "_kalix-jwt-claim-note": "",
	}
	removed := []string{"-kalix-jwt-claim-y", "_kalix-jwt-claim-other", "_kalix.jwt.claim.x", "_kalix_jwt_claim_sub", "authorization"}
	for _, raw := range []bool{false, true} {
		got := d.envoy(t, "/t.S/Who", spoofed, raw)
		for name, value := range set {
			if is, there := got.set[name]; is != value || !there {
				t.Errorf("raw %v: %s is %q, set %v", raw, name, is, there)
			}
		}
		var names []string
		for name := range got.removed {
			names = append(names, name)
		}
		if slices.Sort(names); !slices.Equal(names, removed) || len(got.set) != len(set) {
			t.Errorf("raw %v: removed %q, set %v", raw, names, got.set)
		}
	}
	if got := d.forward("/t.S/Who", spoofed); !got.passes || len(got.set) != len(set) || got.set["_kalix-jwt-claim-sub"] != "alice" {
		t.Errorf("forward-auth: %+v", got)
	}
	if got := d.envoy(t, "/t.S/Open", spoofed, true); len(got.set) != 0 || len(got.removed) != 7 {
		t.Errorf("an open method: %+v", got)
	}
}

// TestForwardPath: exactly one header names the path, and clients cannot name another.
func TestForwardPath(t *testing.T) {
	t.Parallel()
	d := newDesk(t, policytest.CallSource, authz.Options{BearerOnly: true})
	const open, who = "/t.S/Open", "/t.S/Who"
	rows := map[string]struct {
		header  string
		headers []string
		status  int
	}{
		"nginx":                            {"", []string{"X-Original-Uri", open}, 200},
		"Traefik":                          {"", []string{"X-Forwarded-Uri", open}, 200},
		"two equal headers":                {"", []string{"X-Original-Uri", open, "X-Forwarded-Uri", open}, 200},
		"client header names another path": {"", []string{"X-Forwarded-Uri", who, "X-Original-Uri", open}, 400},
		"twice":                            {"", []string{"X-Original-Uri", open, "X-Original-Uri", who}, 400},
		"none":                             {"", nil, 400},
		"other header":                     {"", []string{"X-Path", open}, 400},
		"configured header":                {"x-path", []string{"X-Path", who, "X-Original-Uri", open}, 401},
		"configured header, missing":       {"x-path", []string{"X-Original-Uri", open}, 400},
		"guarded":                          {"", []string{"X-Original-Uri", who}, 401},
		"a URL":                            {"", []string{"X-Original-Uri", "http://example.com" + open}, 404},
		"escaped path":                     {"", []string{"X-Original-Uri", "/t.S//Open"}, 404},
	}
	for name, row := range rows {
		r := httptest.NewRequest(http.MethodGet, open, nil)
		for i := 0; i+1 < len(row.headers); i += 2 {
			r.Header.Add(row.headers[i], row.headers[i+1])
		}
		w := httptest.NewRecorder()
		if d.authority.Forward(row.header).ServeHTTP(w, r); w.Code != row.status {
			t.Errorf("%s: got %d %s, want %d", name, w.Code, w.Body, row.status)
		}
	}
}

// TestRefuseClaims: for proxies that cannot remove headers by pattern, a call with claim
// headers in any spelling is refused. S62, S78.
func TestRefuseClaims(t *testing.T) {
	t.Parallel()
	d := newDesk(t, policytest.CallSource, authz.Options{BearerOnly: true})
	for name, refused := range map[string]bool{
		"-kalix-jwt-claim-sub": true, "-Kalix-Jwt-Claim-Sub": true, "_kalix-jwt-claim-x": true, "_kalix.jwt_claim-x": true,
		"x-kalix": false, "kalix-jwt-claim-sub": false,
	} {
		for path, counts := range map[string]bool{"/": false, authz.RefuseClaimsPath: true} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Header.Set("X-Original-Uri", "/t.S/Open")
			r.Header[name] = []string{"mallory"}
			w := httptest.NewRecorder()
			d.authority.Forward("").ServeHTTP(w, r)
			want := http.StatusOK
			if refused && counts {
				want = http.StatusForbidden
			}
			if w.Code != want {
				t.Errorf("%s at %s: %d %s", name, path, w.Code, w.Body)
			}
		}
	}
}

// TestMethodsBeyondHeaders: if only headers are sent, methods that validate or sign
// messages are refused whatever the bearer token; other methods pass.
func TestMethodsBeyondHeaders(t *testing.T) {
	t.Parallel()
	d := newDesk(t, policytest.CallSource, authz.Options{})
	bearer := []string{"content-type", "application/grpc", "authorization", "Bearer " + d.Token(policytest.GoodClaims)}
	for _, method := range []string{"Check", "CheckClient", "CheckServer", "CheckBidi", "CheckMine", "Sign", "SignServer"} {
		for kind, got := range map[string]reply{"ext_authz": d.envoy(t, "/t.S/"+method, bearer, true), "forward-auth": d.forward("/t.S/"+method, bearer)} {
			if got.passes || got.grpc != "9" || got.text != "Call cannot be forwarded" {
				t.Errorf("%s by %s: %+v", method, kind, got)
			}
		}
	}
	for _, method := range []string{"Open", "Who", "WhoBidi"} {
		if got := d.envoy(t, "/t.S/"+method, bearer, true); !got.passes {
			t.Errorf("%s: got %+v", method, got)
		}
	}
	if got := d.envoy(t, "/t.S/CheckMine", nil, true); got.text != "Bearer token expected" {
		t.Errorf("without a token: %+v", got)
	}
}

// TestReportOnly: calls that would be refused pass without their claim headers, and are
// reported.
func TestReportOnly(t *testing.T) {
	t.Parallel()
	d := newDesk(t, policytest.CallSource, authz.Options{BearerOnly: true, ReportOnly: true})
	for _, path := range []string{"/t.S/Who", "/t.S/Nope"} {
		if got := d.envoy(t, path, []string{"_kalix-jwt-claim-sub", "mallory"}, true); !got.passes || len(got.set) > 0 || len(got.removed) == 0 {
			t.Errorf("%s: got %+v", path, got)
		}
	}
	if want := []fault.Code{fault.TokenMissing, fault.MethodUnknown}; !slices.Equal(d.seen.would, want) {
		t.Errorf("reported %v, want %v", d.seen.would, want)
	}
}

// TestCheckWireTypes: a CheckRequest is refused if a field that is read has another wire
// type.
func TestCheckWireTypes(t *testing.T) {
	for name, row := range map[string]struct {
		wire   []byte
		passes bool
	}{
		"unchanged":               {question("/t.S/Who", []string{"a", "b"}, true), true},
		"size, which is a number": {sub(1, sub(4, sub(2, text(4, "/"), number(9, 5)))), true},
		"attributes":              {number(1, 1), false},
		"request":                 {sub(1, number(4, 1)), false},
		"http":                    {sub(1, sub(4, number(2, 1))), false},
		"path":                    {sub(1, sub(4, sub(2, text(4, "/"), number(4, 1)))), false},
		"headers":                 {sub(1, sub(4, sub(2, number(3, 1)))), false},
		"a header's name":         {sub(1, sub(4, sub(2, sub(3, number(1, 1))))), false},
		"a list of headers":       {sub(1, sub(4, sub(2, number(13, 1)))), false},
		"a header of the list":    {sub(1, sub(4, sub(2, sub(13, number(1, 1))))), false},
	} {
		if _, err := authz.ReadCheck(row.wire); (err == nil) != row.passes || err != nil && fault.CodeOf(err) != fault.MessageMalformed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzCheck: invalid CheckRequests are refused, and no input passes a protected method
// without a token.
func FuzzCheck(f *testing.F) {
	f.Add(question("/t.S/Who", []string{"authorization", "Bearer a.b.c"}, false))
	f.Add(question("/t.S/Who", []string{"authorization", "Bearer a.b.c"}, true))
	f.Add([]byte{0x0a, 0x05, 0x22})
	w := policytest.New(f, policytest.CallSource, policytest.Setup{})
	a, err := authz.New(enforce.Policy{Plan: w.Plan, Verifier: w.Verifier, Signer: w.Signer}, authz.Options{
		BearerOnly: true, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return policytest.Now },
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		r, err := authz.ReadCheck(wire)
		if err != nil {
			return
		}
		path, _, _ := strings.Cut(r.Path, "?")
		v := a.Decide(t.Context(), r)
		if strings.HasPrefix(path, "/t.S/Who") && v.Refusal == nil {
			t.Errorf("passed: %+v", r)
		}
		for _, p := range v.Set {
			if slices.Contains(v.Remove, p.Key) {
				t.Errorf("%s is set and removed", p.Key)
			}
		}
	})
}
