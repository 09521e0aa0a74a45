package idp_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/idp"
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

// TestRefreshLeeway: two tabs that renew at once both get valid tokens. A reuse later, or
// after the login has ended, gets none, and ends the login.
func TestRefreshLeeway(t *testing.T) {
	t.Parallel()
	begin := func() (*rig, map[string]any) {
		r := start(t, func(o *idp.Options) { o.RefreshLeeway = 10 * time.Second })
		return r, r.tokens("alice")
	}
	r, first := begin()
	one := r.json(r.renew(first))
	r.clock.pass(9 * time.Second)
	two := r.json(r.renew(first))
	if one["refresh_token"] == two["refresh_token"] || one["access_token"] == two["access_token"] {
		t.Errorf("both got the same: %v", one)
	}
	if said := r.active(first["refresh_token"], basic("web", "s3cret")...); said["active"] != true {
		t.Errorf("within the leeway: %v", said)
	}
	three, four := r.json(r.renew(one)), r.json(r.renew(two))
	r.clock.pass(9 * time.Second)
	r.json(r.renew(three))
	r.json(r.renew(four))

	// After the leeway, which a reuse does not prolong, all tokens of the login are
	// revoked.
	r, first = begin()
	next := r.json(r.renew(first))
	r.clock.pass(6 * time.Second)
	another := r.json(r.renew(first))
	r.clock.pass(4 * time.Second)
	if said := r.active(first["refresh_token"], basic("web", "s3cret")...); said["active"] != false {
		t.Errorf("after the leeway: %v", said)
	}
	r.refused(r.renew(first), 400, "invalid_grant")
	r.refused(r.renew(next), 400, "invalid_grant")
	r.refused(r.renew(another), 400, "invalid_grant")

	// A token whose successor was used is invalid, even within the leeway.
	r, first = begin()
	next = r.json(r.renew(first))
	last := r.json(r.renew(next))
	r.refused(r.renew(first), 400, "invalid_grant")
	r.refused(r.renew(last), 400, "invalid_grant")

	// A revoked token is invalid.
	r, first = begin()
	next = r.json(r.renew(first))
	if a := r.post(r.at("revocation_endpoint"), form("token", next["refresh_token"].(string)), basic("web", "s3cret")...); a.status != http.StatusOK {
		t.Fatalf("revocation: %d %s", a.status, a.body)
	}
	r.refused(r.renew(first), 400, "invalid_grant")
	// So is a token reused by another client.
	r, first = begin()
	r.json(r.renew(first))
	f := form("grant_type", "refresh_token", "refresh_token", first["refresh_token"].(string))
	r.refused(r.post(r.at("token_endpoint"), f, basic("other", "an0ther")...), 400, "invalid_grant")

	for _, wrong := range []time.Duration{-time.Second, idp.MaxRefreshLeeway + 1} {
		if _, err := idp.New(idp.Options{RefreshLeeway: wrong, Clients: []idp.Client{{ID: "a"}}}); fault.CodeOf(err) != fault.UsageError {
			t.Errorf("%s: got %v, want %v", wrong, err, fault.UsageError)
		}
	}
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
		t.Errorf("scope %v, want %v", narrow["scope"], "openid")
	}
	if r.tokens("alice", "scope", "openid")["refresh_token"] != nil {
		t.Error("a refresh token without offline_access")
	}
	last := r.tokens("alice")
	r.clock.pass(25 * time.Hour)
	r.refused(r.renew(last), 400, "invalid_grant")
}
