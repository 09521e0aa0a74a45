package idp_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/idp"
)

// active returns the result of introspecting a token as a client.
func (r *rig) active(token any, client ...string) map[string]any {
	r.t.Helper()
	return r.json(r.post(r.at("introspection_endpoint"), form("token", token.(string)), client...))
}

func (r *rig) userinfo(token any) int {
	r.t.Helper()
	return r.get(r.at("userinfo_endpoint"), "Authorization", "Bearer "+token.(string)).status
}

func TestIntrospectionTellsWhatCounts(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	web := basic("web", "s3cret")
	got := r.tokens("alice")
	said := r.active(got["access_token"], web...)
	if said["active"] != true || said["sub"] != "alice" || said["client_id"] != "web" || said["username"] != "alice" {
		t.Errorf("got %v", said)
	}
	if said := r.active(got["refresh_token"], web...); said["active"] != true {
		t.Errorf("refresh token: %v", said)
	}
	for name, said := range map[string]map[string]any{
		"another client's refresh token": r.active(got["refresh_token"], basic("other", "an0ther")...),
		"id_token":                       r.active(got["id_token"], web...),
		"changed":                        r.active(got["access_token"].(string)+"A", web...),
		"nothing":                        r.active("x", web...),
	} {
		if said["active"] != false || len(said) != 1 {
			t.Errorf("%s: got %v", name, said)
		}
	}
	r.refused(r.post(r.at("introspection_endpoint"), form("token", "x"), basic("web", "guess")...), 401, "invalid_client")
	r.clock.pass(2 * time.Hour)
	if said := r.active(got["access_token"], web...); said["active"] != false {
		t.Errorf("expired: %v", said)
	}
	if status := r.userinfo(got["access_token"]); status != http.StatusUnauthorized {
		t.Errorf("userinfo of an expired token: got %d, want %d", status, http.StatusUnauthorized)
	}
}

func TestUserinfoIsForUsersWhoLoggedIn(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	own := r.json(r.post(r.at("token_endpoint"), form("grant_type", "client_credentials", "scope", "openid"), basic("web", "s3cret")...))
	if own["id_token"] != nil || own["refresh_token"] != nil {
		t.Errorf("client credentials: %v", own)
	}
	if status := r.userinfo(own["access_token"]); status != http.StatusUnauthorized {
		t.Errorf("a client's own token: got %d, want %d", status, http.StatusUnauthorized)
	}
	if status := r.userinfo(r.tokens("alice")["id_token"]); status != http.StatusUnauthorized {
		t.Errorf("an id_token: got %d, want %d", status, http.StatusUnauthorized)
	}
	if a := r.get(r.at("userinfo_endpoint")); a.status != http.StatusUnauthorized {
		t.Errorf("no token: got %d, want %d", a.status, http.StatusUnauthorized)
	}
}

func TestRevokedTokensDoNotCount(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	got := r.tokens("alice")
	revoke := func(token any, client ...string) answer {
		return r.post(r.at("revocation_endpoint"), form("token", token.(string)), client...)
	}
	if a := revoke(got["access_token"], basic("other", "an0ther")...); a.status == http.StatusOK {
		t.Errorf("another client: %d %s", a.status, a.body)
	}
	if status := r.userinfo(got["access_token"]); status != http.StatusOK {
		t.Errorf("after another client's revocation: got %d, want %d", status, http.StatusOK)
	}
	if a := revoke(got["access_token"], basic("web", "s3cret")...); a.status != http.StatusOK {
		t.Errorf("got %d %s, want %d", a.status, a.body, http.StatusOK)
	}
	if status := r.userinfo(got["access_token"]); status != http.StatusUnauthorized {
		t.Errorf("userinfo: got %d, want %d", status, http.StatusUnauthorized)
	}
	next := r.json(r.renew(got))
	if a := revoke(next["refresh_token"], basic("web", "s3cret")...); a.status != http.StatusOK {
		t.Errorf("got %d %s, want %d", a.status, a.body, http.StatusOK)
	}
	r.refused(r.renew(next), 400, "invalid_grant")
	if status := r.userinfo(next["access_token"]); status != http.StatusUnauthorized {
		t.Errorf("access token of a revoked login: got %d, want %d", status, http.StatusUnauthorized)
	}
	if a := revoke("unknown", basic("web", "s3cret")...); a.status != http.StatusOK { // RFC 7009 section 2.2
		t.Errorf("got %d %s, want %d", a.status, a.body, http.StatusOK)
	}
}

func TestLogoutEndsTheSessionAndReturnsToTheClient(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	got := r.tokens("alice")
	logout := func(pairs ...string) answer {
		return r.get(r.at("end_session_endpoint") + "?" + form(pairs...).Encode())
	}
	hint := got["id_token"].(string)
	for name, pairs := range map[string][]string{
		"unknown address":           {"id_token_hint", hint, "post_logout_redirect_uri", "https://evil.example.test/"},
		"no hint":                   {"post_logout_redirect_uri", redirect},
		"not a token":               {"id_token_hint", hint + "A", "post_logout_redirect_uri", redirect},
		"address of another client": {"id_token_hint", hint, "client_id", "other", "post_logout_redirect_uri", "https://other.example.test/cb"},
	} {
		if a := logout(pairs...); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
			t.Errorf("%s: got %d %s, want %d, none", name, a.status, a.header.Get("Location"), http.StatusBadRequest)
		}
	}
	if status := r.userinfo(got["access_token"]); status != http.StatusOK {
		t.Errorf("after refused logouts: got %d, want %d", status, http.StatusOK)
	}
	r.clock.pass(2 * time.Hour) // the id_token has expired
	if a := logout("id_token_hint", hint, "post_logout_redirect_uri", "http://127.0.0.1:3000/", "state", "bye"); a.header.Get("Location") != "http://127.0.0.1:3000/?state=bye" {
		t.Errorf("got %d %s %s, want %s", a.status, a.header.Get("Location"), a.body, "http://127.0.0.1:3000/?state=bye")
	}
	if a := r.ask("prompt", "none"); a.location().Query().Get("error") != "login_required" {
		t.Errorf("the session continues: %s", a.location())
	}
	r.refused(r.renew(got), 400, "invalid_grant")
	if a := logout(); a.status != http.StatusFound || r.get(r.root+a.header.Get("Location")).status != http.StatusOK {
		t.Errorf("without parameters: %d %s", a.status, a.header.Get("Location"))
	}
}

func TestDeviceLogsIn(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	web := basic("web", "s3cret")
	begin := func() map[string]any {
		return r.json(r.post(r.at("device_authorization_endpoint"), form("scope", "openid offline_access"), web...))
	}
	poll := func(d map[string]any, client ...string) answer {
		f := form("grant_type", "urn:ietf:params:oauth:grant-type:device_code", "device_code", d["device_code"].(string))
		return r.post(r.at("token_endpoint"), f, client...)
	}
	d := begin()
	r.refused(poll(d, web...), 400, "authorization_pending")
	if page := r.get(d["verification_uri_complete"].(string)); page.status != http.StatusOK {
		t.Fatalf("got %d %s, want %d", page.status, page.body, http.StatusOK)
	}
	if a := r.post(r.root+"/device", form("user_code", "AAAA-AAAA", "user", "alice")); a.status != http.StatusBadRequest {
		t.Errorf("unknown code: got %d, want %d", a.status, http.StatusBadRequest)
	}
	if a := r.post(r.root+"/device", form("user_code", d["user_code"].(string), "user", "carol")); a.status != http.StatusBadRequest {
		t.Errorf("unknown user: got %d, want %d", a.status, http.StatusBadRequest)
	}
	if a := r.post(r.root+"/device", form("user_code", d["user_code"].(string), "user", "alice")); a.status != http.StatusOK {
		t.Fatalf("got %d %s, want %d", a.status, a.body, http.StatusOK)
	}
	if a := r.post(r.root+"/device", form("user_code", d["user_code"].(string), "user", "bob")); a.status != http.StatusBadRequest {
		t.Errorf("decided twice: got %d, want %d", a.status, http.StatusBadRequest)
	}
	if a := poll(d, basic("other", "an0ther")...); a.status == http.StatusOK {
		t.Error("another client got the tokens")
	}
	got := r.json(poll(d, web...))
	if id := part(t, got["id_token"], 1); id["sub"] != "alice" || id["aud"] != "web" || id["amr"] != nil {
		t.Errorf("id_token %v", id)
	}
	if a := r.renew(got); a.status != http.StatusOK {
		t.Errorf("refresh: %d %s", a.status, a.body)
	}
	if a := poll(d, web...); a.status == http.StatusOK {
		t.Error("a device code was accepted twice")
	}
	denied := begin()
	r.post(r.root+"/device", form("user_code", denied["user_code"].(string), "cancel", "1"))
	r.refused(poll(denied, web...), 400, "access_denied")
}

// TestAudienceIsThatOfTheRequest: the audience of the request takes precedence over that
// of the client, then the provider's, then the client itself.
func TestAudienceIsThatOfTheRequest(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *idp.Options) {
		o.Clients[1].Audience = []string{"of-client"}
		o.Audience = []string{"of-all"}
	})
	own := func(client []string, pairs ...string) any {
		f := form(append([]string{"grant_type", "client_credentials"}, pairs...)...)
		return part(t, r.json(r.post(r.at("token_endpoint"), f, client...))["access_token"], 1)["aud"]
	}
	if aud := own(basic("web", "s3cret")); aud != "of-all" {
		t.Errorf("got %v, want %v", aud, "of-all")
	}
	if aud := own(basic("other", "an0ther")); aud != "of-client" {
		t.Errorf("got %v, want %v", aud, "of-client")
	}
	if aud := own(basic("other", "an0ther"), "resource", "https://api.example.test"); aud != "https://api.example.test" {
		t.Errorf("got %v, want %v", aud, "https://api.example.test")
	}
}
