package idp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// issuedKey is the context key under which a token request finds the grant that storage
// made for it.
type issuedKey struct{}

// issued is filled in while the library makes a token.
type issued struct {
	grant    *grant
	audience []string // named in the request
}

func withIssued(ctx context.Context, audience []string) (context.Context, *issued) {
	i := &issued{audience: audience}
	return context.WithValue(ctx, issuedKey{}, i), i
}

// CreateAccessToken records what the token of a request is for.
func (s *storage) CreateAccessToken(ctx context.Context, r op.TokenRequest) (string, time.Time, error) {
	g, err := s.grantOf(r)
	if err != nil {
		return "", time.Time{}, err
	}
	return s.issue(ctx, g)
}

// grantOf returns the grant of r, and uses up its code.
func (s *storage) grantOf(r op.TokenRequest) (grant, error) {
	switch r := r.(type) {
	case *request:
		if !s.useCode(r.code) { // another request was faster
			s.revokeSession(r.id)
			return grant{}, oidc.ErrInvalidGrant().WithDescription("the code was used before; its tokens are revoked")
		}
		return r.grant(), nil
	case *refreshRequest:
		return r.grant, nil
	case *clientRequest:
		return r.grant, nil
	case *op.DeviceAuthorizationState:
		return s.deviceGrant(r)
	}
	return grant{}, oidc.ErrUnsupportedGrantType()
}

// issue gives g an ID and stores it.
func (s *storage) issue(ctx context.Context, g grant) (id string, until time.Time, err error) {
	i, ok := ctx.Value(issuedKey{}).(*issued)
	if !ok {
		return "", until, oidc.ErrServerError()
	}
	g.ID = newID()
	g.Audience = i.audience
	i.grant = &g
	s.grants.put(g.ID, &g)
	return g.ID, time.Now().Add(s.p.o.TTL), nil // the library subtracts time.Now
}

// CreateAccessAndRefreshTokens is CreateAccessToken with a refresh token, which replaces
// current, if any, and marks it as used.
func (s *storage) CreateAccessAndRefreshTokens(ctx context.Context, r op.TokenRequest, current string) (id, next string, until time.Time, err error) {
	g, err := s.grantOf(r)
	if err != nil {
		return "", "", until, err
	}
	renewed := refresh{grant: g}
	if current != "" {
		if !s.useRefresh(hashToken(current), &renewed) {
			s.revokeSession(g.Session)
			return "", "", until, oidc.ErrInvalidGrant().WithDescription("the refresh token was used before; its tokens are revoked")
		}
	}
	id, until, err = s.issue(ctx, g)
	if err != nil {
		return "", "", until, err
	}
	next = newID() + newID()
	s.refresh.put(hashToken(next), renewed)
	return id, next, until, nil
}

// useRefresh uses the refresh token that is kept as current, fills in the one that
// replaces it, and reports whether it counted.
func (s *storage) useRefresh(current string, next *refresh) bool {
	var before string
	counts := s.refresh.update(current, func(r *refresh) bool {
		// One for fewer scopes leaves the others for the next.
		next.grant, next.previous, before = r.grant, current, r.previous
		return r.use(s.p.o.Now(), s.p.o.RefreshLeeway)
	})
	// The application has got current, and needs the one before no more.
	s.refresh.update(before, func(r *refresh) bool { r.revoked = true; return true })
	return counts
}

// hashToken returns the key under which a refresh token is stored.
func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// TokenRequestByRefreshToken returns the grant of a refresh token. If the token was used
// before, the tokens issued since are revoked.
func (s *storage) TokenRequestByRefreshToken(_ context.Context, token string) (op.RefreshTokenRequest, error) {
	r, found := s.refresh.get(hashToken(token))
	if !found {
		return nil, op.ErrInvalidRefreshToken
	}
	if !r.counts(s.p.o.Now(), s.p.o.RefreshLeeway) {
		s.revokeSession(r.grant.Session)
		return nil, op.ErrInvalidRefreshToken
	}
	g := r.grant
	g.Nonce = "" // OpenID Connect Core section 12.2
	g.Scopes = slices.Clone(g.Scopes)
	return &refreshRequest{g}, nil
}

// TerminateSession forgets everything of a user at a client.
func (s *storage) TerminateSession(_ context.Context, user, client string) error {
	mine := func(g *grant) bool {
		return g.User != nil && g.User.Name == user && (client == "" || g.Client.ID == client)
	}
	s.grants.removeIf(mine)
	s.refresh.removeIf(func(r refresh) bool { return mine(&r.grant) })
	return nil
}

// RevokeToken forgets a refresh token with all tokens of its login, or one access token.
// An unknown token counts as revoked (RFC 7009 section 2.2).
func (s *storage) RevokeToken(_ context.Context, token, _, client string) *oidc.Error {
	if r, found := s.refresh.get(hashToken(token)); found {
		if r.grant.Client.ID != client {
			return oidc.ErrInvalidClient().WithDescription("the token belongs to another client")
		}
		s.revokeSession(r.grant.Session)
		return nil
	}
	if g, found := s.grants.get(token); found {
		if g.Client.ID != client {
			return oidc.ErrInvalidClient().WithDescription("the token belongs to another client")
		}
		s.grants.take(token)
	}
	return nil
}

// GetRefreshTokenInfo identifies refresh tokens.
func (s *storage) GetRefreshTokenInfo(_ context.Context, _, token string) (user, id string, err error) {
	r, found := s.refresh.get(hashToken(token))
	if !found {
		return "", "", op.ErrInvalidRefreshToken
	}
	return r.grant.subject(), token, nil
}

func (s *storage) ClientCredentials(_ context.Context, id, secret string) (op.Client, error) {
	c, err := s.client(id)
	if err != nil {
		return nil, err
	}
	if !c.isSecret(secret) {
		return nil, oidc.ErrInvalidClient().WithDescription("wrong client secret, or a client without one")
	}
	return c, nil
}

func (s *storage) ClientCredentialsTokenRequest(_ context.Context, id string, scopes []string) (op.TokenRequest, error) {
	c, err := s.client(id)
	if err != nil {
		return nil, err
	}
	scopes = slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return scope == oidc.ScopeOpenID })
	return &clientRequest{grant{Client: c.Client, Scopes: scopes}}, nil
}
