package idp_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/idp"
)

func TestLoginGivesTokensOfTheUserPicked(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	page := r.get(r.root + r.ask().header.Get("Location"))
	if page.status != http.StatusOK || !strings.Contains(page.body, `<button name="user" value="bob">bob</button>`) {
		t.Fatalf("got %d %s, want %d", page.status, page.body, http.StatusOK)
	}
	a := r.pick(r.ask(), "bob")
	back := a.location()
	if back.Scheme+"://"+back.Host+back.Path != redirect || back.Query().Get("state") != "a state" {
		t.Errorf("returned to %s", back)
	}
	got := r.json(r.exchange(back.Query().Get("code")))
	id, access := part(t, got["id_token"], 1), part(t, got["access_token"], 1)
	for name, want := range map[string]any{"sub": "bob", "aud": "web", "iss": r.url, "nonce": "a nonce", "email": "bob@example.test", "name": "bob"} {
		if id[name] != want {
			t.Errorf("id_token: %s is %v, want %v", name, id[name], want)
		}
	}
	for name, want := range map[string]any{"sub": "bob", "aud": "web", "iss": r.url, "client_id": "web", "nonce": nil} {
		if access[name] != want {
			t.Errorf("access token: %s is %v, want %v", name, access[name], want)
		}
	}
	if h := part(t, got["id_token"], 0); h["kid"] != "first" || h["alg"] != "ES256" {
		t.Errorf("header %v", h)
	}
	if got["token_type"] != "Bearer" || got["expires_in"] != 3600.0 {
		t.Errorf("answer %v", got)
	}
	info := r.json(r.get(r.at("userinfo_endpoint"), "Authorization", "Bearer "+got["access_token"].(string)))
	if info["sub"] != "bob" || info["email"] != "bob@example.test" {
		t.Errorf("userinfo %v", info)
	}
}

// TestPermissionsAreInEveryToken: a Temporal server reads the access token or, with
// TEMPORAL_AUTH_USE_ID_TOKEN_AS_BEARER, the id_token.
func TestPermissionsAreInEveryToken(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	got := r.tokens("alice")
	for _, name := range []string{"access_token", "id_token"} {
		list, _ := part(t, got[name], 1)["permissions"].([]any)
		if !slices.Equal(list, []any{"default:write"}) {
			t.Errorf("%s: permissions %v", name, list)
		}
	}
}

func TestSessionIsRemembered(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	if a := r.ask("prompt", "none"); a.location().Query().Get("error") != "login_required" || a.location().Query().Get("state") != "a state" {
		t.Errorf("prompt=none without a session: %s", a.location())
	}
	hint := r.tokens("alice")["id_token"].(string)
	silent := func(pairs ...string) answer {
		a := r.ask(pairs...)
		if a.status == http.StatusFound && a.location().Path == "/authorize/callback" {
			a = r.get(r.root + a.header.Get("Location"))
		}
		return a
	}
	first := part(t, hint, 1)["auth_time"]
	r.clock.pass(time.Minute)
	got := r.json(r.exchange(silent("prompt", "none", "id_token_hint", hint).location().Query().Get("code")))
	if again := part(t, got["id_token"], 1)["auth_time"]; again != first {
		t.Errorf("auth_time changed from %v to %v without a new login", first, again)
	}
	if a := silent("max_age", "10"); a.location().Path != "/login" {
		t.Errorf("max_age=10 a minute after the login: %s", a.location())
	}
	if a := silent("max_age", "10000"); a.location().Query().Get("code") == "" {
		t.Errorf("max_age=10000: %s", a.location())
	}
	if a := silent("prompt", "login"); a.location().Path != "/login" {
		t.Errorf("prompt=login: %s", a.location())
	}
	bob := r.tokens("bob")["id_token"].(string)
	if a := silent("prompt", "none", "id_token_hint", hint); a.location().Query().Get("error") != "login_required" {
		t.Errorf("the session is bob's, the hint alice's: %s", a.location())
	}
	if a := silent("prompt", "none", "id_token_hint", bob+"x"); a.location().Query().Get("error") != "login_required" {
		t.Errorf("invalid hint: %s", a.location())
	}
}

func TestAutoLoginNeedsNoPage(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *idp.Options) { o.AutoLogin = "bob" })
	a := r.get(r.root + r.ask("prompt", "none").header.Get("Location"))
	got := r.json(r.exchange(a.location().Query().Get("code")))
	if sub := part(t, got["id_token"], 1)["sub"]; sub != "bob" {
		t.Errorf("sub %v, want %v", sub, "bob")
	}
}

// TestAutoLoginIsNew: an automatic login happens now, so that no max_age is too short.
func TestAutoLoginIsNew(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *idp.Options) {
		still := o.Now
		var ticks atomic.Int64
		o.AutoLogin, o.Now = "bob", func() time.Time { return still().Add(time.Duration(ticks.Add(1))) }
	})
	if a := r.get(r.root + r.ask("max_age", "0").header.Get("Location")); a.location().Query().Get("code") == "" {
		t.Errorf("got %d %s", a.status, a.location())
	}
}

func TestCancelReturnsAccessDenied(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	id := r.ask().location().Query().Get("id")
	a := r.post(r.root+"/login", form("id", id, "cancel", "1"))
	if q := a.location().Query(); q.Get("error") != "access_denied" || q.Get("state") != "a state" {
		t.Errorf("got %d %s", a.status, a.location())
	}
	if a := r.post(r.root+"/login", form("id", id, "user", "bob")); a.status != http.StatusBadRequest {
		t.Errorf("a cancelled login continued: %d %s", a.status, a.location())
	}
}

func TestLoginPageEscapesAndLoadsNothing(t *testing.T) {
	t.Parallel()
	const evil = `"><script>alert(1)</script>&`
	r := start(t, func(o *idp.Options) { o.Users = append(o.Users, idp.User{Name: evil}) })
	page := r.get(r.root + r.ask("login_hint", evil).header.Get("Location"))
	if strings.Contains(page.body, "<script") || strings.Contains(page.body, "://") || strings.Contains(page.body, "//") {
		t.Errorf("got %s", page.body)
	}
	csp := page.header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || page.header.Get("X-Frame-Options") != "DENY" {
		t.Errorf("headers %v", page.header)
	}
	got := r.tokens(evil)
	if sub := part(t, got["id_token"], 1)["sub"]; sub != evil {
		t.Errorf("sub %v, want %v", sub, evil)
	}
	device := r.get(r.root + "/device?user_code=" + url.QueryEscape(evil))
	if strings.Contains(device.body, "<script") {
		t.Errorf("got %s", device.body)
	}
}

// TestLoginPageTakesNoFormOfOthers: another site's page must not be able to log a browser
// in.
func TestLoginPageTakesNoFormOfOthers(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	id := r.ask().location().Query().Get("id")
	a := r.post(r.root+"/login", form("id", id, "user", "bob"), "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example.test")
	if a.status != http.StatusBadRequest || a.header.Get("Set-Cookie") != "" {
		t.Errorf("got %d %v, want %d", a.status, a.header, http.StatusBadRequest)
	}
	if a := r.get(r.root + "/login?id=" + id + "&user=bob"); a.status != http.StatusOK || a.header.Get("Set-Cookie") != "" {
		t.Errorf("a GET logged in: %d %v", a.status, a.header)
	}
}
