package idp

import (
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// TestOfTwoRequestsOneGetsTokens: if two requests have found the same unused code or
// refresh token, only one gets tokens.
func TestOfTwoRequestsOneGetsTokens(t *testing.T) {
	t.Parallel()
	p, err := New(Options{
		Issuer: "http://127.0.0.1:1", Users: []User{{Name: "alice"}}, Clients: []Client{{ID: "web", Secret: "s3cret"}}, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := p.storage
	s.requests.put("r", &request{id: "r", client: p.clients["web"], user: p.user("alice"), done: true, asked: oidc.AuthRequest{Scopes: []string{"openid"}}})
	if err := s.SaveAuthCode(t.Context(), "r", "code"); err != nil {
		t.Fatal(err)
	}
	ctx, _ := withIssued(t.Context(), nil)
	var refreshed string
	both := func(find func() (op.TokenRequest, error), current string) {
		t.Helper()
		first, err := find()
		if err != nil {
			t.Fatal(err)
		}
		second, err := find()
		if err != nil {
			t.Fatal(err)
		}
		if _, refreshed, _, err = s.CreateAccessAndRefreshTokens(ctx, first, current); err != nil {
			t.Fatal(err)
		}
		if s.grants.len() == 0 {
			t.Fatal("no access token was stored")
		}
		next := refreshed
		if _, _, _, err := s.CreateAccessAndRefreshTokens(ctx, second, current); err == nil {
			t.Error("both requests got tokens")
		}
		if n := s.grants.len(); n != 0 {
			t.Errorf("%d access tokens are valid after the second request, want 0", n)
		}
		refreshed = next
	}
	both(func() (op.TokenRequest, error) { return s.AuthRequestByCode(t.Context(), "code") }, "")
	if _, err := s.TokenRequestByRefreshToken(t.Context(), refreshed); err == nil {
		t.Error("the refresh token of a reused code is valid")
	}
	s.refresh.put(hashToken("token"), refresh{grant: grant{Client: p.clients["web"], User: p.user("alice"), Session: "s"}})
	both(func() (op.TokenRequest, error) { return s.TokenRequestByRefreshToken(t.Context(), "token") }, "token")
}
