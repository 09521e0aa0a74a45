package idp_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/idp"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/internal/token"
)

// TestMain discards the library's log.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

const (
	redirect = "http://127.0.0.1:3000/callback"
	verifier = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJK"
)

// rig is a provider on a real server, and a browser.
type rig struct {
	t        *testing.T
	url      string // the issuer
	root     string // without its path
	metadata map[string]any
	browser  *http.Client
	clock    *clock
	ring     *idp.KeyRing
	waited   []time.Duration
}

// clock is a clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func claim(t *testing.T, name, value string) token.Claim {
	t.Helper()
	c, err := token.ParseClaim(name, value)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// start serves a provider with the users alice and bob, and the clients web, with the
// secret "s3cret", other, with another secret, and app, with none.
func start(t *testing.T, change func(*idp.Options)) *rig {
	t.Helper()
	r := &rig{t: t, clock: &clock{now: time.Now().Truncate(time.Second)}}
	log := slog.New(slog.DiscardHandler)
	key, err := keygen.Generate(keygen.Request{Algorithm: keys.ES256, ID: "first"})
	if err != nil {
		t.Fatal(err)
	}
	r.ring, err = idp.NewKeyRing(func() ([]*keys.Key, error) { return []*keys.Key{key}, nil }, nil, log, r.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := jwks.Bind(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.root = "http://" + listener.Addr().String()
	o := idp.Options{
		Issuer: r.root,
		Users: []idp.User{
			{Name: "alice", Claims: []token.Claim{claim(t, "permissions", `["default:write"]`)}, Roles: []string{"admin"}, Groups: []string{"staff"}},
			{Name: "bob"},
		},
		Clients: []idp.Client{
			{ID: "web", Secret: "s3cret", Redirects: []string{redirect}},
			{ID: "other", Secret: "an0ther", Redirects: []string{"https://other.example.test/cb"}},
			{ID: "app", Redirects: []string{"http://127.0.0.1/native", "com.example.app:/cb"}},
		},
		Keys: r.ring, Now: r.clock.Now, Log: log,
		Wait: func(_ context.Context, d time.Duration) error { r.waited = append(r.waited, d); return nil },
	}
	if change != nil {
		change(&o)
	}
	p, err := idp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	set, err := jwks.NewHandler(r.ring.Set, jwks.HandlerOptions{Path: p.JWKSPath()})
	if err != nil {
		t.Fatal(err)
	}
	server := jwks.NewServer(listener, p.Handler(set), p.JWKSPath(), log)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	r.url = p.Issuer()
	r.browser = newBrowser(t)
	r.metadata = r.json(r.get(p.DiscoveryURL()))
	return r
}

// newBrowser returns a browser that keeps cookies and does not follow redirects.
func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{
		Jar: jar, Timeout: testkit.Timeout, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) location() *url.URL {
	u, _ := url.Parse(a.header.Get("Location"))
	return u
}

func (r *rig) do(req *http.Request) answer {
	r.t.Helper()
	res, err := r.browser.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

func (r *rig) request(method, address, body string, header ...string) *http.Request {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return req
}

func (r *rig) get(address string, header ...string) answer {
	r.t.Helper()
	return r.do(r.request(http.MethodGet, address, "", header...))
}

func (r *rig) post(address string, form url.Values, header ...string) answer {
	r.t.Helper()
	return r.do(r.request(http.MethodPost, address, form.Encode(), header...))
}

// at returns the endpoint called name in the metadata.
func (r *rig) at(name string) string {
	r.t.Helper()
	address, ok := r.metadata[name].(string)
	if !ok {
		r.t.Fatalf("the metadata has no %s", name)
	}
	return address
}

func (r *rig) json(a answer) map[string]any {
	r.t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		r.t.Fatalf("%d: %v: %s", a.status, err, a.body)
	}
	return m
}

// ask sends the authorization request of web, changed by pairs.
func (r *rig) ask(pairs ...string) answer {
	r.t.Helper()
	q := form(append([]string{
		"client_id", "web", "response_type", "code", "redirect_uri", redirect, "scope", "openid profile email offline_access",
		"state", "a state", "nonce", "a nonce", "code_challenge", challenge(verifier), "code_challenge_method", "S256",
	}, pairs...)...)
	return r.get(r.at("authorization_endpoint") + "?" + q.Encode())
}

// pick submits the login page in a.
func (r *rig) pick(a answer, user string) answer {
	r.t.Helper()
	to := a.location()
	if a.status != http.StatusFound || to.Path != "/login" {
		r.t.Fatalf("no login page: %d %s %s", a.status, to, a.body)
	}
	a = r.post(r.root+"/login", form("id", to.Query().Get("id"), "user", user))
	if a.status != http.StatusSeeOther {
		r.t.Fatalf("the page did not continue: %d %s", a.status, a.body)
	}
	return r.get(r.root + a.header.Get("Location"))
}

// code logs user in and returns the code.
func (r *rig) code(user string, pairs ...string) string {
	r.t.Helper()
	a := r.pick(r.ask(append([]string{"prompt", "login"}, pairs...)...), user)
	code := a.location().Query().Get("code")
	if code == "" {
		r.t.Fatalf("no code: %d %s %s", a.status, a.header.Get("Location"), a.body)
	}
	return code
}

// exchange sends the token request of web for a code, changed by pairs.
func (r *rig) exchange(code string, pairs ...string) answer {
	r.t.Helper()
	f := form(append([]string{
		"grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier,
	}, pairs...)...)
	return r.post(r.at("token_endpoint"), f, basic("web", "s3cret")...)
}

// tokens logs user in at web and returns the response of the token endpoint.
func (r *rig) tokens(user string, pairs ...string) map[string]any {
	r.t.Helper()
	a := r.exchange(r.code(user, pairs...))
	if a.status != http.StatusOK {
		r.t.Fatalf("no tokens: %d %s", a.status, a.body)
	}
	return r.json(a)
}

// refused expects an OAuth error.
func (r *rig) refused(a answer, status int, code string) {
	r.t.Helper()
	if got := r.json(a)["error"]; a.status != status || got != code {
		r.t.Errorf("got %d %v, want %d %s (%s)", a.status, got, status, code, a.body)
	}
}
