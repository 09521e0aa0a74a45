// Package idp is an OpenID provider for development and tests: discovery, the key set, a
// page to choose a user, the token endpoint and related ones. The protocol is implemented
// by github.com/zitadel/oidc; this package adds users, clients, limited in-memory
// storage, and the content of tokens.
//
// It has no passwords, stores nothing on disk, and forgets everything at its end. It can
// also be deliberately wrong (Fault), to show that verifiers refuse its tokens.
//
// Every token is made by mint and signed by package jws. Tokens that the library signs
// are replaced before they leave.
package idp

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
	"github.com/jwtctl/jwtctl/internal/token"
)

// DefaultTTL is the default lifetime of tokens.
const DefaultTTL = time.Hour

// MaxRefreshLeeway is the longest RefreshLeeway, as at other providers.
const MaxRefreshLeeway = time.Minute

// Limits of what is stored, in time and number. A login, a code and a device code must be
// used within pendingTTL.
const (
	pendingTTL = 10 * time.Minute
	codeTTL    = time.Minute
	sessionTTL = 12 * time.Hour
	refreshTTL = 24 * time.Hour
	maxPending = 2000
	maxStored  = 10000
)

// Options configure a Provider.
type Options struct {
	// Issuer is the URL by which clients reach the provider, without the path that Like
	// adds.
	Issuer  string
	Users   []User
	Clients []Client
	// AutoLogin is the user who is logged in without a page, or "".
	AutoLogin string
	// Audience holds the audiences of access tokens, in addition to those that a request
	// names. If there are none, the audience is the client that requested the token.
	Audience []string
	// TTL is the lifetime of tokens; 0 means DefaultTTL.
	TTL time.Duration
	// RefreshLeeway is how long after its first use a refresh token may be used again,
	// as by tabs that renew at once: from 0, which means never, to MaxRefreshLeeway.
	RefreshLeeway time.Duration
	// Like is the issuer to imitate.
	Like Like
	// Faults apply to every client.
	Faults []Fault
	Keys   *KeyRing
	// Wait returns after d, or returns ctx's error.
	Wait func(ctx context.Context, d time.Duration) error
	Now  func() time.Time
	Log  *slog.Logger
}

// Provider is an OpenID provider.
type Provider struct {
	o       Options
	issuer  string // with the path of Like
	places  paths
	clients map[string]*Client
	storage *storage
	server  *server
	library http.Handler
	origins []string // of scripts that may call it
}

// New returns a provider. Invalid users, clients and faults are a usage error.
func New(o Options) (*Provider, error) {
	if o.TTL == 0 {
		o.TTL = DefaultTTL
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	p := &Provider{o: o, clients: map[string]*Client{}}
	p.places = o.Like.places()
	p.issuer = trimSlash(o.Issuer) + p.places.issuer
	for i := range o.Clients {
		c := &o.Clients[i]
		c.faults = append(slices.Clone(o.Faults), c.Faults...)
		p.clients[c.ID] = c
		p.addOrigins(c)
	}
	if err := op.ValidateIssuer(p.issuer, true); err != nil {
		return nil, fault.New(fault.UsageError, "issuer", "%q cannot be an issuer: %w", quote.Shorten(p.issuer), err)
	}
	var err error
	if p.storage, err = newStorage(p); err != nil {
		return nil, err
	}
	library := newLibrary(p.storage, p.issuer)
	p.server = &server{LegacyServer: op.NewLegacyServer(library, endpoints()), p: p, library: library}
	p.library = op.RegisterLegacyServer(p.server, p.serveCallback, op.WithServerCORSOptions(nil))
	return p, nil
}

// Issuer returns the issuer of the provider's tokens.
func (p *Provider) Issuer() string { return p.issuer }

// JWKSPath returns the path of the key set.
func (p *Provider) JWKSPath() string { return p.places.keys }

// JWKSURL and DiscoveryURL return the URLs of the key set and the metadata.
func (p *Provider) JWKSURL() string { return p.url(p.places.keys) }
func (p *Provider) DiscoveryURL() string {
	return trimSlash(p.issuer) + "/.well-known/openid-configuration"
}

// user returns the user called name, or nil.
func (p *Provider) user(name string) *User {
	if i := slices.IndexFunc(p.o.Users, func(u User) bool { return u.Name == name }); i >= 0 {
		return &p.o.Users[i]
	}
	return nil
}

// addOrigins permits scripts on a client's own pages to call the provider.
func (p *Provider) addOrigins(c *Client) {
	for _, redirect := range c.Redirects {
		u, err := url.Parse(redirect)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" {
			continue
		}
		if origin := u.Scheme + "://" + u.Host; !slices.Contains(p.origins, origin) {
			p.origins = append(p.origins, origin)
		}
	}
}

// check refuses options that are obviously invalid.
func (o Options) check() error {
	seen := map[string]bool{}
	for _, u := range o.Users {
		switch {
		case u.Name == "":
			return fault.New(fault.UsageError, "user", "a user needs a name")
		case seen[u.Name]:
			return fault.New(fault.UsageError, "user", "duplicate user %q", quote.Shorten(u.Name))
		}
		seen[u.Name] = true
		if err := checkClaims(u.Claims); err != nil {
			return err
		}
	}
	if o.RefreshLeeway < 0 || o.RefreshLeeway > MaxRefreshLeeway {
		return fault.New(fault.UsageError, "refresh-leeway", "must be between 0s and %s (got %s)", quote.Duration(MaxRefreshLeeway), quote.Duration(o.RefreshLeeway))
	}
	if o.AutoLogin != "" && !seen[o.AutoLogin] {
		return fault.New(fault.UsageError, "auto-login", "unknown user %q", quote.Shorten(o.AutoLogin))
	}
	if len(o.Clients) == 0 {
		return fault.New(fault.UsageError, "client", "no client is configured").
			WithHint("add one as ID:SECRET with a redirect URL, or under idp: clients: in jwtctl.yaml")
	}
	ids := map[string]bool{}
	for _, c := range o.Clients {
		if ids[c.ID] {
			return fault.New(fault.UsageError, "client", "duplicate client %q", quote.Shorten(c.ID))
		}
		ids[c.ID] = true
		if err := checkClaims(c.Claims); err != nil {
			return err
		}
		if err := c.check(); err != nil {
			return err
		}
	}
	return nil
}

// checkClaims refuses values that make a token unacceptable, such as a string for exp.
// Deliberate errors are faults.
func checkClaims(list []token.Claim) error {
	for _, c := range list {
		text := slices.Concat([]byte{'{'}, strictjson.Quote(c.Name), []byte{':'}, c.Value, []byte{'}'})
		if _, err := jws.CheckClaims(text); err != nil {
			return fault.New(fault.UsageError, "claim", "%w", err).WithHint("pass numbers and lists as JSON; to make invalid tokens on purpose, use a fault")
		}
	}
	return nil
}
