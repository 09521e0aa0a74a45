package idp_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/idp"
)

// TestOddRequestsSucceed: unusual but valid requests are accepted.
func TestOddRequestsSucceed(t *testing.T) {
	t.Parallel()
	const withQuery = "http://127.0.0.1:3000/callback?tenant=a%20b"
	r := start(t, func(o *idp.Options) { o.Clients[0].Redirects = append(o.Clients[0].Redirects, withQuery) })
	for name, pairs := range map[string][]string{
		"no nonce":          {"nonce", ""},
		"no state":          {"state", ""},
		"no PKCE":           {"code_challenge", "", "code_challenge_method", ""},
		"unknown parameter": {"extra", "foobar"},
		"acr_values":        {"acr_values", "1 2"},
		"display page":      {"display", "page"},
		"display popup":     {"display", "popup"},
		"ui_locales":        {"ui_locales", "se"},
		"claims_locales":    {"claims_locales", "se"},
		"claims":            {"claims", `{"userinfo":{"name":{"essential":true}}}`},
		"all scopes":        {"scope", "openid profile email address phone offline_access custom:scope"},
		"scopes reversed":   {"scope", "email openid"},
		"response_mode":     {"response_mode", "query"},
		"consent":           {"prompt", "consent"},
		"select_account":    {"prompt", "select_account"},
		"login_hint":        {"login_hint", "somebody@else.example.test"},
		"query":             {"redirect_uri", withQuery},
	} {
		prompt := []string{"prompt", "login"}
		a := r.pick(r.ask(append(prompt, pairs...)...), "alice")
		back := a.location().Query()
		if back.Get("code") == "" {
			t.Errorf("%s: got %d %s %s", name, a.status, a.header.Get("Location"), a.body)
			continue
		}
		var exchange []string
		switch name {
		case "no PKCE":
			exchange = []string{"code_verifier", ""}
		case "query":
			exchange = []string{"redirect_uri", withQuery}
			if back.Get("tenant") != "a b" {
				t.Errorf("the query was lost: %s", a.header.Get("Location"))
			}
		}
		if a := r.exchange(back.Get("code"), exchange...); a.status != http.StatusOK {
			t.Errorf("%s: got %d %s, want %d", name, a.status, a.body, http.StatusOK)
		}
	}
	q := form("client_id", "web", "response_type", "code", "redirect_uri", redirect, "scope", "openid", "prompt", "login")
	if a := r.pick(r.post(r.at("authorization_endpoint"), q), "bob"); !strings.HasPrefix(a.header.Get("Location"), redirect+"?code=") {
		t.Errorf("POST: %d %s, want prefix %q", a.status, a.header.Get("Location"), redirect+"?code=")
	}
}

func TestUserinfoTakesTheTokenInTheBody(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	token := r.tokens("alice")["access_token"].(string)
	if a := r.post(r.at("userinfo_endpoint"), form("access_token", token)); a.status != http.StatusOK || r.json(a)["sub"] != "alice" {
		t.Errorf("body: %d %s", a.status, a.body)
	}
	if a := r.do(r.request(http.MethodPost, r.at("userinfo_endpoint"), "", "Authorization", "Bearer "+token)); a.status != http.StatusOK {
		t.Errorf("header: %d %s", a.status, a.body)
	}
	if a := r.get(r.at("userinfo_endpoint") + "?access_token=" + token); a.status == http.StatusOK {
		t.Error("a token in the URL, which is logged, is accepted") // RFC 9700 section 4.3.2
	}
}
