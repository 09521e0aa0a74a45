package idp

import (
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// request is a login that an application began.
type request struct {
	id     string
	asked  oidc.AuthRequest
	client *Client
	code   string // the one that it is looked up by, while it is exchanged

	// user, authTime and done are set once a user is chosen. Until then user is the one
	// of an id_token_hint, or nil.
	user     *User
	authTime time.Time
	done     bool
}

var _ op.AuthRequest = (*request)(nil)

func (r *request) GetID() string                      { return r.id }
func (r *request) GetACR() string                     { return "" }
func (r *request) GetAMR() []string                   { return nil }
func (r *request) GetAudience() []string              { return []string{r.client.ID} }
func (r *request) GetAuthTime() time.Time             { return r.authTime }
func (r *request) GetClientID() string                { return r.client.ID }
func (r *request) GetNonce() string                   { return r.asked.Nonce }
func (r *request) GetRedirectURI() string             { return r.asked.RedirectURI }
func (r *request) GetResponseType() oidc.ResponseType { return r.asked.ResponseType }
func (r *request) GetResponseMode() oidc.ResponseMode { return r.asked.ResponseMode }
func (r *request) GetScopes() []string                { return r.asked.Scopes }
func (r *request) GetState() string                   { return r.asked.State }
func (r *request) Done() bool                         { return r.done }

func (r *request) GetSubject() string {
	if r.user == nil {
		return ""
	}
	return r.user.Name
}

func (r *request) GetCodeChallenge() *oidc.CodeChallenge {
	if r.asked.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: r.asked.CodeChallenge, Method: r.asked.CodeChallengeMethod}
}

// grant returns what the tokens of r are made from.
func (r *request) grant() grant {
	return grant{
		Client: r.client, User: r.user, Scopes: slices.Clone(r.asked.Scopes), Nonce: r.asked.Nonce,
		AuthTime: r.authTime, Session: r.id,
	}
}

// refreshRequest is a refresh token's request.
type refreshRequest struct{ grant }

var _ op.RefreshTokenRequest = (*refreshRequest)(nil)

func (r *refreshRequest) GetAMR() []string                 { return nil }
func (r *refreshRequest) GetAudience() []string            { return []string{r.Client.ID} }
func (r *refreshRequest) GetAuthTime() time.Time           { return r.AuthTime }
func (r *refreshRequest) GetClientID() string              { return r.Client.ID }
func (r *refreshRequest) GetScopes() []string              { return r.Scopes }
func (r *refreshRequest) GetSubject() string               { return r.grant.subject() }
func (r *refreshRequest) SetCurrentScopes(scopes []string) { r.Scopes = scopes }

// subject returns who the token is for, before Like changes its form.
func (g grant) subject() string {
	if g.User == nil {
		return g.Client.ID
	}
	return g.User.Name
}

// clientRequest is a client's request for a token for itself.
type clientRequest struct{ grant }

func (o *clientRequest) GetSubject() string    { return o.Client.ID }
func (o *clientRequest) GetAudience() []string { return []string{o.Client.ID} }
func (o *clientRequest) GetScopes() []string   { return o.Scopes }
