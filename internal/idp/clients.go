package idp

import (
	"crypto/subtle"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/token"
)

// Client is an application that logs users in, or requests tokens for itself.
type Client struct {
	ID string
	// Secret is "" for a client that cannot keep one and must use PKCE.
	Secret string
	// Redirects are the addresses that a login may return to, compared exactly. A
	// loopback address without a port permits any port (RFC 8252 section 7.3).
	Redirects []string
	// Audience, if not empty, replaces that of Options.
	Audience []string
	// Claims are in the tokens that the client requests for itself.
	Claims []token.Claim
	// Faults are added to those of Options.
	Faults []Fault

	faults []Fault // its own and those of Options
}

// check refuses a client that could not be used, or whose redirects would reach another
// party.
func (c Client) check() error {
	if c.ID == "" {
		return fault.New(fault.UsageError, "client", "a client needs an id").WithHint("use ID or ID:SECRET")
	}
	for _, redirect := range c.Redirects {
		u, err := url.Parse(redirect)
		if err != nil || !u.IsAbs() || u.Fragment != "" || u.User != nil || u.Host == "" && (u.Scheme == "http" || u.Scheme == "https") {
			return fault.New(fault.UsageError, "redirect", "%q is not an absolute URL without a fragment", quote.Shorten(redirect)).
				WithHint("use a URL such as http://127.0.0.1:3000/callback")
		}
		if slices.Contains([]string{"javascript", "data", "vbscript", "file"}, u.Scheme) {
			return fault.New(fault.UsageError, "redirect", "cannot redirect to %q", quote.Shorten(redirect))
		}
	}
	for _, f := range c.Faults {
		if f == SlowJWKS || f == EmptyJWKS {
			return fault.New(fault.UsageError, "fault", "fault %s is about the key set, which all clients share", f).
				WithHint("use %s without a client", f)
		}
	}
	return nil
}

// has reports whether c has the fault f.
func (c *Client) has(f Fault) bool { return slices.Contains(c.faults, f) }

// isSecret reports whether text is c's secret.
func (c *Client) isSecret(text string) bool {
	return c.Secret != "" && subtle.ConstantTimeCompare([]byte(c.Secret), []byte(text)) == 1
}

// allows reports whether a login may return to redirect.
func (c *Client) allows(redirect string) bool {
	if slices.Contains(c.Redirects, redirect) {
		return true
	}
	return slices.ContainsFunc(c.Redirects, func(known string) bool { return onAnyPort(known, redirect) })
}

// onAnyPort reports whether redirect is known, a loopback address without a port, plus a
// port.
func onAnyPort(known, redirect string) bool {
	k, err := url.Parse(known)
	if err != nil || k.Scheme != "http" || k.Port() != "" || !net.ParseIP(k.Hostname()).IsLoopback() {
		return false
	}
	r, err := url.Parse(redirect)
	if err != nil || r.User != nil || r.Port() == "" {
		return false
	}
	k.Host = net.JoinHostPort(k.Hostname(), r.Port())
	return k.String() == redirect
}

// libraryClient adapts a Client to the library.
type libraryClient struct {
	*Client
	redirects []string
	native    bool // the requested address has an app-specific scheme
	loginURL  string
	ttl       time.Duration
}

var _ op.Client = libraryClient{}

// asRequested makes the library, which compares redirects exactly, accept one that
// onAnyPort permits or that has an app-specific scheme.
func (c libraryClient) asRequested(redirect string) libraryClient {
	if c.allows(redirect) {
		c.redirects = []string{redirect}
		c.native = !strings.HasPrefix(redirect, "http://") && !strings.HasPrefix(redirect, "https://")
	}
	return c
}

func (c libraryClient) GetID() string          { return c.ID }
func (c libraryClient) RedirectURIs() []string { return c.redirects }
func (c libraryClient) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c libraryClient) GrantTypes() []oidc.GrantType        { return grantTypes() }
func (c libraryClient) LoginURL(id string) string           { return c.loginURL + "?id=" + url.QueryEscape(id) }
func (c libraryClient) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }
func (c libraryClient) IDTokenLifetime() time.Duration      { return c.ttl }
func (c libraryClient) ClockSkew() time.Duration            { return 0 }
func (c libraryClient) IsScopeAllowed(string) bool          { return true }

// ApplicationType is native only after asRequested has compared the address: otherwise
// the library would accept loopback addresses of any port, host name and scheme.
func (c libraryClient) ApplicationType() op.ApplicationType {
	if c.native {
		return op.ApplicationTypeNative
	}
	return op.ApplicationTypeWeb
}

// DevMode permits redirects to http and app-specific schemes: the address was configured,
// and there is nothing to protect here.
func (c libraryClient) DevMode() bool { return true }

// AuthMethod returns whether and how the client sends a secret; it may be in the header
// or in the form.
func (c libraryClient) AuthMethod() oidc.AuthMethod {
	if c.Secret == "" {
		return oidc.AuthMethodNone
	}
	return oidc.AuthMethodBasic
}

// PostLogoutRedirectURIs returns the pages that a logout may return to: those of a login,
// and the root of each of their origins.
func (c libraryClient) PostLogoutRedirectURIs() []string {
	list := slices.Clone(c.redirects)
	for _, redirect := range c.Redirects {
		if u, err := url.Parse(redirect); err == nil && u.Host != "" {
			origin := u.Scheme + "://" + u.Host
			list = append(list, origin, origin+"/")
		}
	}
	return list
}

func (c libraryClient) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

func (c libraryClient) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

// IDTokenUserinfoClaimsAssertion stops the library from looking up claims: mint sets
// them.
func (c libraryClient) IDTokenUserinfoClaimsAssertion() bool { return false }

func grantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken, oidc.GrantTypeClientCredentials, oidc.GrantTypeDeviceCode}
}
