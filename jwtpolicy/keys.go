package jwtpolicy

import (
	"cmp"
	"crypto/x509"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jwtctl/jwtctl/internal/diff"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// KeyOptions restrict what keys may be used for. Keys with the zero value are for tokens
// of any issuer that has no keys bound to it.
type KeyOptions struct {
	// ID is the key ID (kid) of a single key; the default is the key's own ID, or else
	// its RFC 7638 thumbprint. For a set, ID selects one key.
	ID string
	// Algorithms limit the algorithms that the keys may be used with. The default, nil,
	// permits all that fit the key. A single key takes at most one.
	Algorithms []string
	// Issuer binds the keys to tokens with this iss claim: they verify no other tokens,
	// and no other keys verify these.
	Issuer string
	// Audiences lists accepted audiences: aud must hold at least one of them. Empty
	// accepts any.
	Audiences []string
	// RequireExpiry requires an exp claim. MaxLifetime and MaxAge limit how long a token
	// is valid, and how long ago it was issued; 0 means no limit.
	RequireExpiry       bool
	MaxLifetime, MaxAge time.Duration

	// Refresh is the longest time between two fetches of a set at a URL; the default is 5
	// minutes, the minimum 30 seconds. MaxStale is how long the last fetched keys stay in
	// use while fetching fails; the default is an hour.
	Refresh, MaxStale time.Duration
	// AllowHTTP permits plain http to other machines. RootCAs, if not nil, replace the
	// system's root certificates.
	AllowHTTP bool
	RootCAs   *x509.CertPool
}

func (o KeyOptions) rules() keys.Rules {
	return keys.Rules{Audiences: o.Audiences, RequireExpiry: o.RequireExpiry, MaxLifetime: o.MaxLifetime, MaxAge: o.MaxAge}
}

// issuerRules returns the rules as a reload compares them: keyed by the issuer, or by
// place if no issuer is set.
func (o KeyOptions) issuerRules(place string) diff.IssuerRules {
	return diff.IssuerRules{Name: cmp.Or(o.Issuer, place), Rules: o.rules()}
}

func (o KeyOptions) algorithms() (list []keys.Algorithm, err error) {
	if o.Algorithms != nil && len(o.Algorithms) == 0 { // S87
		return nil, fault.New(fault.UsageError, "algorithms", "the list is empty").WithHint("nil allows all that fit the key")
	}
	for _, name := range o.Algorithms {
		alg, err := keys.ParseAlgorithm(name)
		if err != nil {
			return nil, err
		}
		list = append(list, alg)
	}
	return list, nil
}

// Key is a key or a set of keys. A Key can be used for both New and Reload: a set at a
// URL then keeps the keys it has fetched. Its string form is its location.
type Key struct {
	where string
	rules diff.IssuerRules
	open  func(now func() time.Time, log *slog.Logger) ([]*keys.Key, keys.Set, error)
}

// String returns where the key is from: a path, a URL, or "key" for KeyBytes.
func (k Key) String() string { return k.where }

// KeyFile reads a key from a file: PEM (private key, public key or certificate), JWK or
// JWKS. New and Reload read the file. A private key both signs and verifies.
func KeyFile(path string, o KeyOptions) Key {
	return Key{path, o.issuerRules(path), func(func() time.Time, *slog.Logger) ([]*keys.Key, keys.Set, error) {
		data, err := files.Read(path, keys.MaxFileBytes, fault.KeyUnreadable)
		if err != nil {
			return nil, nil, err
		}
		list, err := parseKeys(data, path, o)
		return list, nil, err
	}}
}

// KeyBytes is like KeyFile, for the content of such a file.
func KeyBytes(data []byte, o KeyOptions) Key {
	return Key{"key", o.issuerRules("key"), func(func() time.Time, *slog.Logger) ([]*keys.Key, keys.Set, error) {
		list, err := parseKeys(data, "key", o)
		return list, nil, err
	}}
}

func parseKeys(data []byte, from string, o KeyOptions) ([]*keys.Key, error) {
	a := keys.Attributes{ID: o.ID, Issuer: o.Issuer, Source: from, Rules: o.rules()}
	algorithms, err := o.algorithms()
	switch {
	case err != nil:
		return nil, err
	case len(algorithms) == 1:
		a.Algorithm = algorithms[0]
	case len(algorithms) > 1:
		return nil, fault.New(fault.UsageError, from, "takes one algorithm (got %d)", len(algorithms))
	}
	loaded, err := keys.Parse(data, a)
	return loaded.Keys, err
}

// KeySet is a JWK set (RFC 7517) in a file or at an https URL. New and Reload start to
// fetch a set at a URL, which is then refreshed: see KeyOptions.Refresh. Keys that are not
// for signatures are skipped.
func KeySet(location string, o KeyOptions) Key { return set(location, o, jwks.Open) }

// OIDC is the key set that an OpenID Connect issuer names in its discovery document. The
// keys are bound to that issuer.
func OIDC(issuer string, o KeyOptions) Key {
	o.Issuer = "" // the location is the issuer
	return set(issuer, o, func(issuer string, r jwks.RemoteOptions) (keys.Set, error) { return jwks.NewDiscovered(issuer, r) })
}

func set(location string, o KeyOptions, open func(string, jwks.RemoteOptions) (keys.Set, error)) Key {
	var mu sync.Mutex
	var remote *jwks.Remote
	return Key{location, o.issuerRules(location), func(now func() time.Time, log *slog.Logger) ([]*keys.Key, keys.Set, error) {
		mu.Lock()
		defer mu.Unlock()
		if remote != nil {
			return nil, remote, nil
		}
		r := jwks.RemoteOptions{
			Issuer: o.Issuer, Rules: o.rules(), KeyID: o.ID, Refresh: o.Refresh, MaxStale: o.MaxStale,
			Network:     jwks.Network{AllowHTTP: o.AllowHTTP, RootCAs: o.RootCAs},
			CallTimeout: jwks.CallTimeout, Random: rand.Float64, Now: now, Log: log,
		}
		var err error
		if r.Algorithms, err = o.algorithms(); err != nil {
			return nil, nil, err
		}
		set, err := open(location, r)
		if err != nil {
			return nil, nil, err
		}
		remote, _ = set.(*jwks.Remote)
		return nil, set, nil
	}}
}
