package idp_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/idp"
	"github.com/jwtctl/jwtctl/internal/token"
)

func TestTokenEndpointRefuses(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		ask      []string // of the authorization request
		exchange []string // of the token request
		client   []string
		status   int
		code     string
	}{
		"wrong code_verifier":               {exchange: []string{"code_verifier", verifier + "x"}, status: 400, code: "invalid_grant"},
		"no code_verifier":                  {exchange: []string{"code_verifier", ""}, status: 400, code: "invalid_grant"},
		"code_verifier without a challenge": {ask: []string{"code_challenge", "", "code_challenge_method", ""}, status: 400, code: "invalid_grant"},
		"wrong redirect_uri":                {exchange: []string{"redirect_uri", redirect + "/"}, status: 400, code: "invalid_grant"},
		"no redirect_uri":                   {exchange: []string{"redirect_uri", ""}, status: 400, code: "invalid_request"},
		"wrong secret":                      {client: basic("web", "guess"), status: 401, code: "invalid_client"},
		"empty secret":                      {client: basic("web", ""), status: 401, code: "invalid_client"},
		"no secret":                         {client: []string{"X-None", "1"}, exchange: []string{"client_id", "web"}, status: 401, code: "invalid_client"},
		"unknown client":                    {client: basic("nobody", "s3cret"), status: 401, code: "invalid_client"},
		"code of another client":            {client: basic("other", "an0ther"), status: 400, code: "invalid_grant"},
		"secret in header and form":         {exchange: []string{"client_id", "web", "client_secret", "s3cret"}, status: 400, code: "invalid_request"},
		"unknown code":                      {exchange: []string{"code", "guess"}, status: 400, code: "invalid_grant"},
		"no code":                           {exchange: []string{"code", ""}, status: 400, code: "invalid_request"},
		"unknown grant_type":                {exchange: []string{"grant_type", "password"}, status: 400, code: "unsupported_grant_type"},
		"no grant_type":                     {exchange: []string{"grant_type", ""}, status: 400, code: "invalid_request"},
		"JWT bearer grant":                  {exchange: []string{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion", "x"}, status: 400, code: "unsupported_grant_type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, nil)
			code := r.code("alice", row.ask...)
			f := form(append([]string{
				"grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier,
			}, row.exchange...)...)
			client := row.client
			if client == nil {
				client = basic("web", "s3cret")
			}
			r.refused(r.post(r.at("token_endpoint"), f, client...), row.status, row.code)
		})
	}
}

func TestCodeCountsOnce(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	code := r.code("alice")
	got := r.json(r.exchange(code))
	access := "Bearer " + got["access_token"].(string)
	if a := r.get(r.at("userinfo_endpoint"), "Authorization", access); a.status != http.StatusOK {
		t.Fatalf("got %d %s, want %d", a.status, a.body, http.StatusOK)
	}
	r.refused(r.exchange(code), 400, "invalid_grant")
	// RFC 6749 section 4.1.2: its tokens are revoked.
	if a := r.get(r.at("userinfo_endpoint"), "Authorization", access); a.status != http.StatusUnauthorized {
		t.Errorf("the access token of a reused code is valid: %d %s", a.status, a.body)
	}
	r.refused(r.renew(got), 400, "invalid_grant")
}

// TestCodeCountsOnceAtOnce: of concurrent requests with one code, one gets tokens.
func TestCodeCountsOnceAtOnce(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	code := r.code("alice")
	var wait sync.WaitGroup
	var mu sync.Mutex
	given := 0
	for range 8 {
		wait.Go(func() {
			if a := r.exchange(code); a.status == http.StatusOK {
				mu.Lock()
				defer mu.Unlock()
				given++
			}
		})
	}
	wait.Wait()
	if given > 1 {
		t.Errorf("%d requests got tokens for one code", given)
	}
}

func TestCodeExpires(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	code := r.code("alice")
	r.clock.pass(2 * time.Minute)
	r.refused(r.exchange(code), 400, "invalid_grant")
}

// TestAuthorizeRedirectsToNoStranger: for an address that is not the client's, the error
// is shown here rather than redirected (RFC 6749 section 4.1.2.1).
func TestAuthorizeRedirectsToNoStranger(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for name, pairs := range map[string][]string{
		"wrong host":                     {"redirect_uri", "https://evil.example.test/callback"},
		"wrong port":                     {"redirect_uri", "http://127.0.0.1:3001/callback"},
		"wrong path":                     {"redirect_uri", redirect + "/../x"},
		"longer path":                    {"redirect_uri", redirect + "/x"},
		"a query":                        {"redirect_uri", redirect + "?x=1"},
		"a fragment":                     {"redirect_uri", redirect + "#x"},
		"user information":               {"redirect_uri", "http://127.0.0.1:3000@evil.example.test/callback"},
		"none":                           {"redirect_uri", ""},
		"redirect_uri of another client": {"redirect_uri", "https://other.example.test/cb"},
		"unknown client":                 {"client_id", "nobody"},
		"no client":                      {"client_id", ""},
		"app, any host":                  {"client_id", "app", "redirect_uri", "http://localhost:99/native"},
		"app, other path":                {"client_id", "app", "redirect_uri", "http://127.0.0.1:99/other"},
		"app, user info":                 {"client_id", "app", "redirect_uri", "http://127.0.0.1:80@evil.example.test/native"},
		"app, https":                     {"client_id", "app", "redirect_uri", "https://127.0.0.1:99/native"},
		"app, a query":                   {"client_id", "app", "redirect_uri", "http://127.0.0.1:99/native?a"},
		"also unsupported":               {"redirect_uri", "https://evil.example.test/", "response_type", "token"},
		"request object":                 {"redirect_uri", "https://evil.example.test/", "request", "e30.e30."},
	} {
		a := r.ask(pairs...)
		if a.header.Get("Location") != "" || a.status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s %s", name, a.status, a.header.Get("Location"), a.body)
		}
	}
}

func TestLoopbackRedirectTakesAnyPort(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for _, back := range []string{"http://127.0.0.1:51234/native", "http://127.0.0.1/native", "com.example.app:/cb"} {
		a := r.ask("client_id", "app", "redirect_uri", back, "prompt", "login")
		a = r.pick(a, "bob")
		if got := a.header.Get("Location"); !strings.HasPrefix(got, back+"?code=") {
			t.Errorf("%s: returned to %s, want prefix %q", back, got, back+"?code=")
			continue
		}
		f := form("grant_type", "authorization_code", "client_id", "app", "code", a.location().Query().Get("code"), "redirect_uri", back, "code_verifier", verifier)
		if a := r.post(r.at("token_endpoint"), f); a.status != http.StatusOK {
			t.Errorf("%s: got %d %s, want %d", back, a.status, a.body, http.StatusOK)
		}
	}
}

func TestAuthorizeTellsTheClient(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for name, row := range map[string]struct {
		pairs []string
		code  string
	}{
		"implicit flow":         {[]string{"response_type", "id_token"}, "unauthorized_client"},
		"hybrid flow":           {[]string{"response_type", "code id_token"}, "unauthorized_client"},
		"no response_type":      {[]string{"response_type", ""}, "invalid_request"},
		"PKCE plain":            {[]string{"code_challenge_method", "plain"}, "invalid_request"},
		"PKCE plain by default": {[]string{"code_challenge_method", ""}, "invalid_request"},
		"app without PKCE":      {[]string{"client_id", "app", "redirect_uri", "http://127.0.0.1:5/native", "code_challenge", "", "code_challenge_method", ""}, "invalid_request"},
		"request object":        {[]string{"request", "e30.e30."}, "request_not_supported"},
		"request_uri":           {[]string{"request_uri", "https://evil.example.test/"}, "request_uri_not_supported"},
		"registration":          {[]string{"registration", "{}"}, "registration_not_supported"},
		"prompt none, login":    {[]string{"prompt", "none login"}, "invalid_request"},
		"no scope":              {[]string{"scope", ""}, "invalid_request"},
		"fragment":              {[]string{"response_mode", "fragment"}, "invalid_request"},
		"form_post":             {[]string{"response_mode", "form_post"}, "invalid_request"},
	} {
		a := r.ask(row.pairs...)
		q := a.location().Query()
		if row.pairs[0] == "response_type" || row.pairs[0] == "response_mode" {
			if f := a.location().Fragment; f != "" { // errors of flows that answer in the fragment
				q = form()
				for _, pair := range strings.Split(f, "&") {
					name, value, _ := strings.Cut(pair, "=")
					q.Set(name, strings.ReplaceAll(value, "+", " "))
				}
			}
		}
		if q.Get("error") != row.code || q.Get("state") != "a state" || q.Get("code") != "" {
			t.Errorf("%s: got %d %s", name, a.status, a.header.Get("Location"))
		}
	}
}

func TestEndpointsTakeTheirMethodsAlone(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	code := r.code("alice")
	f := form("grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier)
	if a := r.get(r.at("token_endpoint")+"?"+f.Encode(), basic("web", "s3cret")...); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "POST" {
		t.Errorf("GET: %d %v", a.status, a.header)
	}
	// Parameters in the query are ignored, whatever the method.
	a := r.do(r.request(http.MethodPost, r.at("token_endpoint")+"?"+f.Encode(), "x=y", basic("web", "s3cret")...))
	r.refused(a, 400, "invalid_request")
	f.Add("code", "another")
	r.refused(r.post(r.at("token_endpoint"), f, basic("web", "s3cret")...), 400, "invalid_request")
	for _, name := range []string{"introspection_endpoint", "revocation_endpoint", "device_authorization_endpoint"} {
		if a := r.get(r.at(name)); a.status != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: got %d, want %d", name, a.status, http.StatusMethodNotAllowed)
		}
	}
	for _, path := range []string{"/token/", "//token", "/Token", "/keys", "/ready", "/.well-known/openid-configuration/"} {
		if a := r.get(r.root + path); a.status != http.StatusNotFound {
			t.Errorf("%s: got %d, want %d", path, a.status, http.StatusNotFound)
		}
	}
}

func TestOnlyPagesOfClientsMayCall(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for _, name := range []string{"token_endpoint", "userinfo_endpoint", "jwks_uri", "revocation_endpoint"} {
		for origin, want := range map[string]string{
			"http://127.0.0.1:3000": "http://127.0.0.1:3000", "https://other.example.test": "https://other.example.test",
			"http://127.0.0.1:3001": "", "https://evil.example.test": "", "null": "", "http://127.0.0.1:3000.evil.example.test": "",
		} {
			pre := r.do(r.request(http.MethodOptions, r.at(name), "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization"))
			got := r.get(r.at(name), "Origin", origin)
			if a, b := pre.header.Get("Access-Control-Allow-Origin"), got.header.Get("Access-Control-Allow-Origin"); a != want || b != want {
				t.Errorf("%s from %s: allowed %q and %q, want %q", name, origin, a, b, want)
			}
			if got.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s: with credentials", name)
			}
		}
	}
	if a := r.get(r.at("authorization_endpoint"), "Origin", "http://127.0.0.1:3000"); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("the authorization endpoint allows scripts")
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*idp.Options){
		"no client":        func(o *idp.Options) { o.Clients = nil },
		"duplicate client": func(o *idp.Options) { o.Clients = append(o.Clients, o.Clients[0]) },
		"client, no id":    func(o *idp.Options) { o.Clients[0].ID = "" },
		"duplicate user":   func(o *idp.Options) { o.Users = append(o.Users, o.Users[0]) },
		"user, no name":    func(o *idp.Options) { o.Users[0].Name = "" },
		"auto, no user":    func(o *idp.Options) { o.AutoLogin = "carol" },
		"relative":         func(o *idp.Options) { o.Clients[0].Redirects = []string{"/callback"} },
		"fragment":         func(o *idp.Options) { o.Clients[0].Redirects = []string{"https://a.test/#x"} },
		"script":           func(o *idp.Options) { o.Clients[0].Redirects = []string{"javascript:alert(1)"} },
		"user information": func(o *idp.Options) { o.Clients[0].Redirects = []string{"https://a@b.test/"} },
		"no host":          func(o *idp.Options) { o.Clients[0].Redirects = []string{"https:///x"} },
		"slow per client":  func(o *idp.Options) { o.Clients[0].Faults = []idp.Fault{idp.SlowJWKS} },
		"issuer":           func(o *idp.Options) { o.Issuer = "ftp://x" },
		"exp as a string":  func(o *idp.Options) { o.Users[0].Claims = []token.Claim{claim(t, "exp", `"1"`)} },
		"a client's sub":   func(o *idp.Options) { o.Clients[0].Claims = []token.Claim{claim(t, "sub", `1`)} },
		"issuer, query":    func(o *idp.Options) { o.Issuer = "http://x/?a=b" },
	} {
		o := idp.Options{
			Issuer: "http://127.0.0.1:1", Users: []idp.User{{Name: "alice"}}, Clients: []idp.Client{{ID: "web"}}, Now: time.Now,
		}
		change(&o)
		if _, err := idp.New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
