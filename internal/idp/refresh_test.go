package idp_test

import (
	"testing"
	"time"
)

// renew uses the refresh token of a response.
func (r *rig) renew(got map[string]any, pairs ...string) answer {
	r.t.Helper()
	token, _ := got["refresh_token"].(string)
	return r.post(r.at("token_endpoint"), form(append([]string{"grant_type", "refresh_token", "refresh_token", token}, pairs...)...), basic("web", "s3cret")...)
}

func TestRefreshTokenCountsOnce(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	first := r.tokens("alice")
	second := r.json(r.renew(first))
	if second["refresh_token"] == first["refresh_token"] || second["id_token"] == nil {
		t.Errorf("not rotated: %v", second)
	}
	id := part(t, second["id_token"], 1)
	if id["sub"] != "alice" || id["nonce"] != nil || id["auth_time"] != part(t, first["id_token"], 1)["auth_time"] {
		t.Errorf("id_token of a refresh: %v", id) // OpenID Connect Core section 12.2
	}
	r.refused(r.renew(first), 400, "invalid_grant")
	// RFC 9700 section 4.14.2: either the thief or the victim has the other token.
	r.refused(r.renew(second), 400, "invalid_grant")
}

func TestRefreshTokenRefuses(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	got := r.tokens("alice")
	r.refused(r.renew(got, "scope", "openid admin"), 400, "invalid_scope")
	f := form("grant_type", "refresh_token", "refresh_token", got["refresh_token"].(string))
	r.refused(r.post(r.at("token_endpoint"), f, basic("other", "an0ther")...), 400, "invalid_grant")
	r.refused(r.renew(map[string]any{"refresh_token": "guess"}), 400, "invalid_grant")
	if narrow := r.json(r.renew(got, "scope", "openid")); narrow["scope"] != "openid" {
		t.Errorf("scope %v", narrow["scope"])
	}
	if r.tokens("alice", "scope", "openid")["refresh_token"] != nil {
		t.Error("a refresh token without offline_access")
	}
	last := r.tokens("alice")
	r.clock.pass(25 * time.Hour)
	r.refused(r.renew(last), 400, "invalid_grant")
}
