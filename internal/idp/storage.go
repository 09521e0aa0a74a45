package idp

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// storage implements the library's storage: everything is in memory, limited in number
// and time.
type storage struct {
	p        *Provider
	library  ed25519.PrivateKey // used by the library; see SigningKey
	requests *store[*request]
	codes    *store[code]
	grants   *store[*grant]  // access tokens by jti
	refresh  *store[refresh] // by the SHA-256 of the token
	sessions *store[session] // by the cookie's value
	devices  *store[device]  // by the device code
	userCode *store[string]  // device codes by user code
}

var (
	_ op.Storage                    = (*storage)(nil)
	_ op.ClientCredentialsStorage   = (*storage)(nil)
	_ op.DeviceAuthorizationStorage = (*storage)(nil)
)

// errUnused is returned by methods that the library does not call, since server handles
// those requests itself.
var errUnused = errors.New("not supported")

func newStorage(p *Provider) (*storage, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fault.New(fault.Internal, "idp", "%w", err)
	}
	now := p.o.Now
	s := &storage{
		p:        p,
		library:  private,
		requests: newStore[*request](pendingTTL, maxPending, now),
		codes:    newStore[code](pendingTTL, maxStored, now),
		grants:   newStore[*grant](max(p.o.TTL, time.Minute), maxStored, now),
		refresh:  newStore[refresh](refreshTTL, maxStored, now),
		sessions: newStore[session](sessionTTL, maxPending, now),
		devices:  newStore[device](pendingTTL, maxPending, now),
		userCode: newStore[string](pendingTTL, maxPending, now),
	}
	return s, nil
}

// grant is what an access token, and an id_token made with it, is for.
type grant struct {
	ID       string // jti
	Client   *Client
	User     *User // nil for a client's own token
	Scopes   []string
	Audience []string
	Nonce    string
	AuthTime time.Time
	Session  string // common to all tokens of a login
}

// code is a code issued for a request. A used code is remembered, so that its tokens are
// revoked if it is used again (RFC 6749 section 4.1.2).
type code struct {
	request *request
	until   time.Time
	used    bool
}

// refresh is a refresh token. A used one is remembered likewise (RFC 9700 section
// 4.14.2).
type refresh struct {
	grant grant
	// used is when it was first used, the zero time if it was not.
	used time.Time
	// previous is the one that it replaced, as it is kept; "" for none.
	previous string
	// revoked reports that it does not count any more, whatever the leeway.
	revoked bool
}

// use marks r as used at now, and reports whether it counted: also for a moment after its
// first use, for applications whose tabs renew at once.
func (r *refresh) use(now time.Time, leeway time.Duration) bool {
	counts := r.counts(now, leeway)
	if r.used.IsZero() {
		r.used = now
	}
	return counts
}

func (r refresh) counts(now time.Time, leeway time.Duration) bool {
	return !r.revoked && (r.used.IsZero() || now.Sub(r.used) < leeway)
}

type session struct {
	user     *User
	authTime time.Time
}

func (s *storage) Health(context.Context) error { return nil }

func (s *storage) client(id string) (libraryClient, error) {
	c, known := s.p.clients[id]
	if !known {
		return libraryClient{}, oidc.ErrInvalidClient().WithDescription("unknown client")
	}
	return libraryClient{Client: c, redirects: c.Redirects, loginURL: loginPath, ttl: s.p.o.TTL}, nil
}

func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	c, err := s.client(id)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	c, err := s.client(id)
	if err != nil {
		return err
	}
	if !c.isSecret(secret) {
		return oidc.ErrInvalidClient().WithDescription("wrong client secret")
	}
	return nil
}

// SaveAuthCode keeps the code of a request, which from then on has no page any
// more.
func (s *storage) SaveAuthCode(_ context.Context, id, text string) error {
	r, found := s.requests.take(id)
	if !found {
		return oidc.ErrInvalidRequest().WithDescription("the login has ended")
	}
	s.codes.put(text, code{request: r, until: s.p.o.Now().Add(codeTTL)})
	return nil
}

// AuthRequestByCode returns the request of a code. If the code was used before, its
// earlier tokens are revoked.
func (s *storage) AuthRequestByCode(_ context.Context, text string) (op.AuthRequest, error) {
	c, found := s.codes.get(text)
	switch {
	case !found:
		return nil, oidc.ErrInvalidGrant().WithDescription("unknown code")
	case c.used:
		s.revokeSession(c.request.id)
		return nil, oidc.ErrInvalidGrant().WithDescription("the code was used before; its tokens are revoked")
	case !s.p.o.Now().Before(c.until):
		return nil, oidc.ErrInvalidGrant().WithDescription("the code has expired")
	}
	r := *c.request
	r.code = text
	return &r, nil
}

// DeleteAuthRequest does nothing: SaveAuthCode removed the request, and the code was used
// up when its tokens were made.
func (s *storage) DeleteAuthRequest(context.Context, string) error { return nil }

// useCode marks a code as used, and reports whether it was unused: true for only one of
// several callers.
func (s *storage) useCode(text string) bool {
	return s.codes.update(text, func(c *code) bool {
		fresh := !c.used
		c.used = true
		return fresh
	})
}

// revokeSession forgets the tokens of one login.
func (s *storage) revokeSession(id string) {
	if id == "" {
		return
	}
	s.grants.removeIf(func(g *grant) bool { return g.Session == id })
	s.refresh.removeIf(func(r refresh) bool { return r.grant.Session == id && r.used.IsZero() })
	s.refresh.updateAll(func(r *refresh) { r.revoked = r.revoked || r.grant.Session == id })
}

// SigningKey returns an unpublished key. Nothing that it signs leaves the program, since
// mint replaces every token of the library; if one were missed, it would not verify.
func (s *storage) SigningKey(context.Context) (op.SigningKey, error) {
	return placeholder(s.library), nil
}

type placeholder ed25519.PrivateKey

func (placeholder) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.EdDSA }
func (p placeholder) Key() any                                  { return ed25519.PrivateKey(p) }
func (placeholder) ID() string                                  { return "replaced" }

// SignatureAlgorithms returns those of the published keys.
func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	var list []jose.SignatureAlgorithm
	for _, alg := range s.p.o.Keys.Algorithms() {
		list = append(list, jose.SignatureAlgorithm(alg))
	}
	return list, nil
}

func (s *storage) CreateAuthRequest(context.Context, *oidc.AuthRequest, string) (op.AuthRequest, error) {
	return nil, errUnused
}

func (s *storage) AuthRequestByID(context.Context, string) (op.AuthRequest, error) {
	return nil, errUnused
}

func (s *storage) KeySet(context.Context) ([]op.Key, error) { return nil, errUnused }

func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil // mint sets the claims
}

func (s *storage) SetUserinfoFromToken(context.Context, *oidc.UserInfo, string, string, string) error {
	return errUnused
}

func (s *storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errUnused
}

func (s *storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil // mint sets the claims
}

func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errUnused
}

func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errUnused
}
