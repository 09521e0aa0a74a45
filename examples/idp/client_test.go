// Package idp logs in at jwtctl idp with coreos/go-oidc and golang.org/x/oauth2, like Go
// services do.
package idp

import (
	"bufio"
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const redirect = "http://127.0.0.1:3000/callback"

// start runs jwtctl idp with the user alice, who needs no page, and returns its issuer.
func start(t *testing.T, args ...string) string {
	t.Helper()
	args = append([]string{"idp", "-q", "--user", "alice", "--auto-login", "alice", "--permission", "default:write", "--client", "web:s3cret", "--redirect", redirect}, args...)
	cmd := exec.Command("../../bin/jwtctl", args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err, " (make build)")
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	m := regexp.MustCompile(`Issuer: (\S+)\. Ctrl`).FindStringSubmatch(line)
	if err != nil || m == nil {
		t.Fatalf("%q: %v", line, err)
	}
	return m[1]
}

type login struct {
	provider *oidc.Provider
	config   oauth2.Config
	tokens   *oauth2.Token
	id       string
	nonce    string
}

// signIn runs the code flow with PKCE, state and nonce.
func signIn(ctx context.Context, t *testing.T, issuer string) login {
	t.Helper()
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		t.Fatal(err)
	}
	l := login{provider: provider, nonce: oauth2.GenerateVerifier()}
	l.config = oauth2.Config{ClientID: "web", ClientSecret: "s3cret", RedirectURL: redirect, Endpoint: provider.Endpoint(), Scopes: []string{oidc.ScopeOpenID, "email", oidc.ScopeOfflineAccess}}
	state, verifier := oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	at := l.config.AuthCodeURL(state, oidc.Nonce(l.nonce), oauth2.S256ChallengeOption(verifier))
	jar, _ := cookiejar.New(nil)
	browser := http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Port() == "3000" {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	res, err := browser.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	back, err := url.Parse(res.Header.Get("Location"))
	if err != nil || back.Query().Get("state") != state {
		t.Fatalf("returned to %v", back)
	}
	if l.tokens, err = l.config.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(verifier)); err != nil {
		t.Fatal(err)
	}
	l.id, _ = l.tokens.Extra("id_token").(string)
	return l
}

// verify does what go-oidc's documentation recommends to clients.
func (l login) verify(ctx context.Context) (*oidc.IDToken, error) {
	return l.provider.Verifier(&oidc.Config{ClientID: "web"}).Verify(ctx, l.id)
}

func TestGoClientLogsInAndRenews(t *testing.T) {
	t.Parallel()
	for _, like := range []string{"", "auth0", "keycloak", "entra", "okta"} {
		t.Run(like, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var args []string
			if like != "" {
				args = []string{"--like", like}
			}
			l := signIn(ctx, t, start(t, args...))
			id, err := l.verify(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if id.Nonce != l.nonce {
				t.Errorf("got nonce %q, want %q", id.Nonce, l.nonce)
			}
			if id.AccessTokenHash != "" {
				if err := id.VerifyAccessToken(l.tokens.AccessToken); err != nil {
					t.Error(err)
				}
			}
			info, err := l.provider.UserInfo(ctx, oauth2.StaticTokenSource(l.tokens))
			if err != nil || info.Subject != id.Subject || info.Email != "alice@example.test" || !info.EmailVerified {
				t.Errorf("got %v %v", info, err)
			}
			old := *l.tokens
			old.Expiry = time.Now().Add(-time.Minute)
			next, err := l.config.TokenSource(ctx, &old).Token()
			if err != nil || next.AccessToken == old.AccessToken || next.RefreshToken == old.RefreshToken {
				t.Errorf("token not renewed: %v", err)
			}
			own := clientcredentials.Config{ClientID: "web", ClientSecret: "s3cret", TokenURL: l.config.Endpoint.TokenURL}
			if token, err := own.Token(ctx); err != nil || !token.Valid() {
				t.Errorf("client credentials: %v", err)
			}
		})
	}
}

// TestGoClientMeetsEachFault: true if go-oidc itself refuses the id_token. The caller must
// compare nonce and at_hash.
func TestGoClientMeetsEachFault(t *testing.T) {
	t.Parallel()
	for fault, refused := range map[string]bool{
		"": false, "expired": true, "wrong-aud": true, "wrong-iss": true, "wrong-key": true, "alg-none": true, "not-yet": true, "no-exp": true,
		"empty-jwks": true, "no-kid": false, "future-iat": false, "wrong-nonce": false, "wrong-at-hash": false, "rotate-now": false,
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var args []string
			if fault != "" {
				args = []string{"--fault", fault}
			}
			l := signIn(ctx, t, start(t, args...))
			id, err := l.verify(ctx)
			if (err != nil) != refused {
				t.Fatalf("got refused %v, want %v: %v", err != nil, refused, err)
			}
			if err != nil {
				return
			}
			if (id.Nonce == l.nonce) == (fault == "wrong-nonce") {
				t.Errorf("nonce %q, requested %q", id.Nonce, l.nonce)
			}
			if err := id.VerifyAccessToken(l.tokens.AccessToken); (err != nil) != (fault == "wrong-at-hash") {
				t.Errorf("at_hash: %v", err)
			}
		})
	}
}
