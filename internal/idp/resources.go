package idp

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// verifier returns a verifier of the provider's own tokens.
func (p *Provider) verifier() (*jws.Verifier, error) {
	ring, err := keys.NewRing(p.o.Keys.Set.Current().Keys)
	if err != nil {
		return nil, err
	}
	return jws.NewVerifier(ring, jws.Policy{Issuers: []string{p.issuer}}, p.o.Now)
}

// grantOf returns the grant of a valid access token. Deliberately wrong tokens are not
// valid: the provider itself verifies correctly.
func (p *Provider) grantOf(ctx context.Context, access string) (*grant, *jws.Claims, error) {
	v, err := p.verifier()
	if err != nil {
		return nil, nil, err
	}
	verified, err := v.Verify(ctx, access)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range []string{"jti", "uti"} {
		var id string
		if value, found := verified.Claims.Get(name); found && json.Unmarshal(value, &id) == nil {
			if g, found := p.storage.grants.get(strings.TrimPrefix(id, "AT.")); found {
				return g, verified.Claims, nil
			}
		}
	}
	return nil, nil, fault.New(fault.InvalidClaim, "jti", "was revoked, or is not an access token")
}

// UserInfo returns the claims of the user of an access token.
func (s *server) UserInfo(ctx context.Context, r *op.Request[oidc.UserInfoRequest]) (*op.Response, error) {
	g, _, err := s.p.grantOf(ctx, r.Data.AccessToken)
	if err != nil || g.User == nil || !slices.Contains(g.Scopes, oidc.ScopeOpenID) {
		invalid := &oidc.Error{ErrorType: "invalid_token", Description: "the access token is not valid for this"}
		return nil, op.NewStatusError(invalid, http.StatusUnauthorized)
	}
	c := claims{"sub": g.subject()}
	maps.Copy(c, g.User.profile(g.Scopes))
	s.p.o.Like.roles(c, g.User)
	s.p.o.Like.setSubject(c, g)
	c.add(g.User.Claims)
	return op.NewResponse(c), nil
}

// Introspect describes a token to a client with a secret (RFC 7662): the claims of a
// valid access token, or that it is not active.
func (s *server) Introspect(ctx context.Context, r *op.Request[op.IntrospectionRequest]) (*op.Response, error) {
	credentials := r.Data.ClientCredentials
	if err := s.p.storage.AuthorizeClientIDSecret(ctx, credentials.ClientID, credentials.ClientSecret); err != nil {
		return nil, unauthenticated(err)
	}
	inactive := op.NewResponse(claims{"active": false})
	if refresh, found := s.p.storage.refresh.get(hashToken(r.Data.Token)); found {
		if !refresh.counts(s.p.o.Now(), s.p.o.RefreshLeeway) || refresh.grant.Client.ID != credentials.ClientID {
			return inactive, nil
		}
		return op.NewResponse(claims{"active": true, "client_id": credentials.ClientID, "sub": refresh.grant.subject()}), nil
	}
	g, said, err := s.p.grantOf(ctx, r.Data.Token)
	if err != nil {
		return inactive, nil
	}
	c := claims{}
	for _, m := range said.Members() {
		c[m.Name] = json.RawMessage(m.Value)
	}
	c["active"], c["token_type"], c["client_id"] = true, oidc.BearerToken, g.Client.ID
	if g.User != nil {
		c["username"] = g.User.Name
	}
	return op.NewResponse(c), nil
}

// Revocation revokes a token of the client (RFC 7009).
func (s *server) Revocation(ctx context.Context, r *op.ClientRequest[oidc.RevocationRequest]) (*op.Response, error) {
	token := r.Data.Token
	if g, _, err := s.p.grantOf(ctx, token); err == nil {
		token = g.ID
	}
	if err := s.p.storage.RevokeToken(ctx, token, "", r.Client.GetID()); err != nil {
		return nil, op.NewStatusError(err, http.StatusBadRequest)
	}
	return op.NewResponse(nil), nil
}

// hint is what an id_token says about its login.
type hint struct{ user, client string }

// readHint parses an id_token of this provider, which may have expired (OpenID Connect
// RP-Initiated Logout section 2).
func (p *Provider) readHint(text string) (hint, error) {
	v, err := p.verifier()
	if err != nil {
		return hint{}, err
	}
	payload, _, err := v.VerifyPayload(context.Background(), text)
	if err != nil {
		return hint{}, err
	}
	var said struct {
		Issuer   string          `json:"iss"`
		Subject  string          `json:"sub"`
		Audience json.RawMessage `json:"aud"`
	}
	if err := json.Unmarshal(payload, &said); err != nil || said.Issuer != p.issuer {
		return hint{}, fault.New(fault.InvalidClaim, "iss", "the token is not from this provider")
	}
	h := hint{}
	if json.Unmarshal(said.Audience, &h.client) != nil || p.clients[h.client] == nil {
		return hint{}, fault.New(fault.InvalidClaim, "aud", "the token is not the id_token of a client")
	}
	for i := range p.o.Users {
		u := &p.o.Users[i]
		c := claims{"sub": u.Name}
		p.o.Like.setSubject(c, &grant{User: u, Client: p.clients[h.client]})
		c.add(u.Claims)
		var subject string
		if text, err := json.Marshal(c["sub"]); err == nil && json.Unmarshal(text, &subject) == nil && subject == said.Subject {
			h.user = u.Name
		}
	}
	return h, nil
}

// EndSession ends the session of a browser and the tokens of its user at the
// client. It returns to an address of the client only.
func (s *server) EndSession(ctx context.Context, r *op.Request[oidc.EndSessionRequest]) (*op.Redirect, error) {
	asked, user := *r.Data, ""
	if asked.IdTokenHint != "" {
		h, err := s.p.readHint(asked.IdTokenHint)
		if err != nil {
			return nil, oidc.ErrInvalidRequest().WithDescription("the id_token_hint is not from this provider")
		}
		if asked.ClientID != "" && asked.ClientID != h.client {
			return nil, oidc.ErrInvalidRequest().WithDescription("the id_token_hint belongs to another client")
		}
		asked.ClientID, asked.IdTokenHint, user = h.client, "", h.user
	}
	if asked.PostLogoutRedirectURI != "" && asked.ClientID == "" {
		return nil, oidc.ErrInvalidRequest().WithDescription("post_logout_redirect_uri needs an id_token_hint or a client_id")
	}
	session, err := op.ValidateEndSessionRequest(ctx, &asked, s.library)
	if err != nil {
		return nil, oidc.DefaultToServerError(err, "the logout is not valid")
	}
	if known, found := s.p.session(r.Header); found && (user == "" || user == known.user.Name) {
		user = known.user.Name
	}
	if user != "" {
		_ = s.p.storage.TerminateSession(ctx, user, asked.ClientID)
	}
	redirect := op.NewRedirect(session.RedirectURI)
	s.p.endSession(r.Header, redirect.Header)
	return redirect, nil
}
