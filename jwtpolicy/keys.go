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

// KeyOptions bind keys to what they may be used for. The zero value is a key, or set of
// keys, for tokens of any issuer that has no key of its own.
type KeyOptions struct {
	// ID is the key id (kid) of a key; by default its own, else its RFC 7638
	// thumbprint. Of a set it picks one key.
	ID string
	// Algorithms narrow what the keys may be used with; by default, all that fit them.
	// A single key takes at most one.
	Algorithms []string
	// Issuer binds the keys to tokens whose iss it is: they vouch for no other, and no
	// other key vouches for its tokens.
	Issuer string
	// Audiences, unless empty, are those of which aud must hold one.
	Audiences []string
	// RequireExpiry demands exp; MaxLifetime and MaxAge, unless 0, bound how long a
	// token is good for, and how long ago it was issued.
	RequireExpiry       bool
	MaxLifetime, MaxAge time.Duration

	// Refresh is the longest time between two fetches of a set at a URL; 5 minutes by
	// default, 30 seconds at least. MaxStale is how long its last good keys serve while
	// fetching fails; an hour by default.
	Refresh, MaxStale time.Duration
	// AllowHTTP permits plain http to other machines. RootCAs, unless nil, are trusted
	// instead of the system's.
	AllowHTTP bool
	RootCAs   *x509.CertPool
}

func (o KeyOptions) rules() keys.Rules {
	return keys.Rules{Audiences: o.Audiences, RequireExpiry: o.RequireExpiry, MaxLifetime: o.MaxLifetime, MaxAge: o.MaxAge}
}

// issuerRules are the rules as a reload compares them: those of the issuer, or of what is
// at place.
func (o KeyOptions) issuerRules(place string) diff.IssuerRules {
	return diff.IssuerRules{Of: cmp.Or(o.Issuer, place), Rules: o.rules()}
}

func (o KeyOptions) algorithms() (list []keys.Algorithm, err error) {
	if o.Algorithms != nil && len(o.Algorithms) == 0 { // S87
		return nil, fault.New(fault.UsageError, "algorithms", "the list is empty").WithHint("nil permits all that fit the key")
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

// Key is a key or a set of keys. Made once and given to New and Reload, a set at a URL
// keeps what it has fetched. Its text is where it comes from.
type Key struct {
	where string
	rules diff.IssuerRules
	open  func(now func() time.Time, log *slog.Logger) ([]*keys.Key, keys.Set, error)
}

func (k Key) String() string { return k.where }

// KeyFile is a file that holds a key: PEM (private, public, certificate), JWK or JWKS.
// It is read by New and Reload. A private key signs and verifies.
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

// KeyBytes is KeyFile for what such a file holds.
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
		return nil, fault.New(fault.UsageError, from, "it takes one algorithm, got %d", len(algorithms))
	}
	loaded, err := keys.Parse(data, a)
	return loaded.Keys, err
}

// KeySet is a JWK set (RFC 7517) at an https URL, fetched when a token first needs it
// and then again, or in a file. Keys that are not for signatures are passed over.
func KeySet(location string, o KeyOptions) Key { return set(location, o, jwks.Open) }

// OIDC is the key set that the OpenID Connect issuer at this URL names in its
// configuration, bound to that issuer.
func OIDC(issuer string, o KeyOptions) Key {
	o.Issuer = "" // which its location is
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
			Network:  jwks.Network{AllowHTTP: o.AllowHTTP, RootCAs: o.RootCAs},
			Patience: jwks.CallPatience, Random: rand.Float64, Now: now, Log: log,
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
