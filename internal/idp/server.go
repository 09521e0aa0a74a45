package idp

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// server wraps the library's server where it must be stricter, or return more.
type server struct {
	*op.LegacyServer
	p       *Provider
	library *library
}

var _ op.ExtendedLegacyServer = (*server)(nil)

// VerifyClient responds with 401 to a client that fails to authenticate (RFC 6749 section
// 5.2).
func (s *server) VerifyClient(ctx context.Context, r *op.Request[op.ClientCredentials]) (op.Client, error) {
	c, err := s.LegacyServer.VerifyClient(ctx, r)
	if err != nil {
		return nil, unauthenticated(err)
	}
	return c, nil
}

func unauthenticated(err error) error {
	if e, ok := errors.AsType[*oidc.Error](err); ok && (e.ErrorType == oidc.InvalidClient || e.ErrorType == oidc.UnauthorizedClient) {
		return op.NewStatusError(e, http.StatusUnauthorized)
	}
	return err
}

// VerifyAuthRequest permits any port for a loopback address if the client's has none.
func (s *server) VerifyAuthRequest(ctx context.Context, r *op.Request[oidc.AuthRequest]) (*op.ClientRequest[oidc.AuthRequest], error) {
	verified, err := s.LegacyServer.VerifyAuthRequest(ctx, r)
	if err != nil {
		return nil, op.NewStatusError(err, http.StatusBadRequest)
	}
	if c, ok := verified.Client.(libraryClient); ok {
		verified.Client = c.asRequested(r.Data.RedirectURI)
	}
	return verified, nil
}

// checkRequest refuses unsupported requests of an application whose address is already
// verified.
func (s *server) checkRequest(r *op.ClientRequest[oidc.AuthRequest]) error {
	switch {
	case r.Form.Has("request"):
		return oidc.ErrRequestNotSupported()
	case r.Form.Has("request_uri"):
		return &oidc.Error{ErrorType: "request_uri_not_supported", Description: "request_uri is not supported"}
	case r.Form.Has("registration"):
		return &oidc.Error{ErrorType: "registration_not_supported", Description: "registration is not supported"}
	case r.Data.CodeChallenge != "" && r.Data.CodeChallengeMethod != oidc.CodeChallengeMethodS256:
		return oidc.ErrInvalidRequest().WithDescription("the code_challenge_method must be S256")
	case r.Data.CodeChallenge == "" && r.Client.AuthMethod() == oidc.AuthMethodNone:
		return oidc.ErrInvalidRequest().WithDescription("a client without a secret needs PKCE: code_challenge")
	case r.Data.ResponseMode != "" && r.Data.ResponseMode != oidc.ResponseModeQuery:
		return oidc.ErrInvalidRequest().WithDescription("the response_mode must be query")
	}
	return nil
}

// Authorize begins a login: at once if the user is known, otherwise with the page.
func (s *server) Authorize(_ context.Context, r *op.ClientRequest[oidc.AuthRequest]) (*op.Redirect, error) {
	if err := s.checkRequest(r); err != nil {
		return nil, err
	}
	hinted := ""
	if r.Data.IDTokenHint != "" {
		who, err := s.p.readHint(r.Data.IDTokenHint)
		if err != nil {
			return nil, oidc.ErrLoginRequired().WithDescription("the id_token_hint is not from this provider")
		}
		hinted = who.user
	}
	login := &request{
		id: newID(), asked: *r.Data, client: s.p.clients[r.Client.GetID()], user: s.p.user(hinted),
	}
	known, found := s.p.loggedIn(r.Header, login)
	switch {
	case found:
		login.user, login.authTime, login.done = known.user, known.authTime, true
	case slices.Contains(r.Data.Prompt, oidc.PromptNone):
		return nil, oidc.ErrLoginRequired().WithDescription("no user is logged in")
	}
	s.p.storage.requests.put(login.id, login)
	if login.done {
		return op.NewRedirect(withQuery(callbackPath, url.Values{"id": {login.id}})), nil
	}
	return op.NewRedirect(r.Client.LoginURL(login.id)), nil
}

// CodeExchange requires the verifier for each code with a challenge: the library does not
// if the client has a secret (RFC 7636 section 4.6).
func (s *server) CodeExchange(ctx context.Context, r *op.ClientRequest[oidc.AccessTokenRequest]) (*op.Response, error) {
	asked, err := s.p.storage.AuthRequestByCode(ctx, r.Data.Code)
	if err != nil {
		return nil, err
	}
	if asked.GetClientID() != r.Client.GetID() {
		return nil, oidc.ErrInvalidGrant().WithDescription("the code belongs to another client")
	}
	if err := op.AuthorizeCodeChallenge(r.Data.CodeVerifier, asked.GetCodeChallenge()); err != nil {
		return nil, oidc.ErrInvalidGrant().WithParent(err).WithDescription("the code_verifier is missing, unexpected or wrong")
	}
	return s.replace(ctx, r.Form, func(ctx context.Context) (*op.Response, error) { return s.LegacyServer.CodeExchange(ctx, r) })
}

func (s *server) RefreshToken(ctx context.Context, r *op.ClientRequest[oidc.RefreshTokenRequest]) (*op.Response, error) {
	return s.replace(ctx, r.Form, func(ctx context.Context) (*op.Response, error) { return s.LegacyServer.RefreshToken(ctx, r) })
}

func (s *server) ClientCredentialsExchange(ctx context.Context, r *op.ClientRequest[oidc.ClientCredentialsRequest]) (*op.Response, error) {
	return s.replace(ctx, r.Form, func(ctx context.Context) (*op.Response, error) {
		return s.LegacyServer.ClientCredentialsExchange(ctx, r)
	})
}

func (s *server) DeviceToken(ctx context.Context, r *op.ClientRequest[oidc.DeviceAccessTokenRequest]) (*op.Response, error) {
	return s.replace(ctx, r.Form, func(ctx context.Context) (*op.Response, error) { return s.LegacyServer.DeviceToken(ctx, r) })
}

// JWTProfile is not supported.
func (s *server) JWTProfile(context.Context, *op.Request[oidc.JWTProfileGrantRequest]) (*op.Response, error) {
	return nil, oidc.ErrUnsupportedGrantType()
}

// replace replaces the library's tokens by those of mint. Unexpected responses of the
// library are not sent.
func (s *server) replace(ctx context.Context, form url.Values, exchange func(context.Context) (*op.Response, error)) (*op.Response, error) {
	audience := append(slices.Clone(form["resource"]), form["audience"]...)
	audience = slices.DeleteFunc(audience, func(a string) bool { return a == "" })
	ctx, made := withIssued(ctx, audience)
	response, err := exchange(ctx)
	if err != nil {
		return nil, unauthenticated(err)
	}
	answer, ok := response.Data.(*oidc.AccessTokenResponse)
	if !ok || made.grant == nil {
		return nil, oidc.ErrServerError().WithDescription("no token was made")
	}
	access, id, err := s.p.tokens(made.grant, answer.IDToken != "")
	if err != nil {
		s.p.o.Log.Error("no token was made", "error", err)
		return nil, oidc.ErrServerError().WithDescription("no token was made: see the log of the provider")
	}
	answer.AccessToken, answer.IDToken = access, id
	answer.ExpiresIn = uint64(s.p.o.TTL.Seconds())
	return response, nil
}
