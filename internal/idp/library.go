package idp

import (
	"context"
	"crypto/sha256"
	"net/http"
	"time"

	httphelper "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// library provides the library with facts about the provider. op.NewProvider would do the
// same, but links a page template, which costs every command 4 MB (docs/architecture.md,
// "What a start costs"). The methods of the embedded Provider, which is nil, are never
// called.
type library struct {
	*op.Provider
	storage *storage
	issuer  string
	crypto  op.Crypto
	encoder httphelper.Encoder
}

var _ op.OpenIDProvider = (*library)(nil)

func newLibrary(s *storage, issuer string) *library {
	return &library{
		Provider: new(op.Provider),
		storage:  s,
		issuer:   issuer,
		crypto:   op.NewAES256GCMCrypto(sha256.Sum256(s.library.Seed()), "codes"),
		encoder:  oidc.NewEncoder(),
	}
}

func (l *library) Storage() op.Storage                       { return l.storage }
func (l *library) Crypto() op.Crypto                         { return l.crypto }
func (l *library) Encoder() httphelper.Encoder               { return l.encoder }
func (l *library) IssuerFromRequest(*http.Request) string    { return l.issuer }
func (l *library) Insecure() bool                            { return true }
func (l *library) DefaultLogoutRedirectURI() string          { return loggedOutPath }
func (l *library) RequestObjectSupported() bool              { return false }
func (l *library) CodeMethodS256Supported() bool             { return true }
func (l *library) AuthMethodPostSupported() bool             { return true }
func (l *library) AuthMethodPrivateKeyJWTSupported() bool    { return false }
func (l *library) GrantTypeRefreshTokenSupported() bool      { return true }
func (l *library) GrantTypeClientCredentialsSupported() bool { return true }
func (l *library) GrantTypeDeviceCodeSupported() bool        { return true }
func (l *library) GrantTypeTokenExchangeSupported() bool     { return false }
func (l *library) GrantTypeJWTAuthorizationSupported() bool  { return false }
func (l *library) Probes() []op.ProbesFn                     { return nil }

func (l *library) DeviceAuthorization() op.DeviceAuthorizationConfig {
	return op.DeviceAuthorizationConfig{
		Lifetime:     pendingTTL,
		PollInterval: 5 * time.Second,
		UserFormPath: devicePath,
		UserCode:     op.UserCodeBase20,
	}
}

// IDTokenHintVerifier and AccessTokenVerifier are for tokens that the server has verified
// itself.
func (l *library) IDTokenHintVerifier(context.Context) *op.IDTokenHintVerifier {
	return op.NewIDTokenHintVerifier(l.issuer, &op.OpenIDKeySet{Storage: l.storage})
}

func (l *library) AccessTokenVerifier(context.Context) *op.AccessTokenVerifier {
	return op.NewAccessTokenVerifier(l.issuer, &op.OpenIDKeySet{Storage: l.storage})
}

// serveCallback ends a login: it returns to the application with a code.
func (p *Provider) serveCallback(w http.ResponseWriter, r *http.Request) {
	login, found := p.storage.requests.get(r.FormValue("id"))
	if !found || !login.done {
		p.show(w, http.StatusBadRequest, page{Title: "Cannot log in", Problem: loginEnded})
		return
	}
	back, err := op.BuildAuthResponseCallbackURL(r.Context(), login, p.server.library)
	if err != nil {
		p.o.Log.Warn("a login was not completed", "error", err)
		p.show(w, http.StatusBadRequest, page{Title: "Cannot log in", Problem: loginEnded})
		return
	}
	http.Redirect(w, r, back, http.StatusFound)
}
