package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// wellKnown is what an issuer's URL is continued with (OpenID Connect Discovery 1.0).
const wellKnown = "/.well-known/openid-configuration"

// setFlags name the key sets of others.
type setFlags struct {
	jwks []string
	oidc []string
	networkFlags
	// kid, unless empty, picks keys of the sets.
	kid string
}

// networkFlags say how key sets are fetched.
type networkFlags struct {
	allowHTTP      bool
	allowLinkLocal bool
	caCert         string
}

func (f *networkFlags) register(fs *pflag.FlagSet) {
	fs.BoolVar(&f.allowHTTP, "allow-http", false, "fetch key sets over plain http from other machines too")
	fs.BoolVar(&f.allowLinkLocal, "allow-link-local", false, "fetch key sets from link-local and cloud metadata addresses too")
	fs.StringVar(&f.caCert, "ca-cert", "", "PEM `FILE` of CA certificates to trust in addition to this machine's")
	settings.Paths(fs, "ca-cert")
	settings.Keyed(fs, "", "allow-http", "allow-link-local", "ca-cert")
}

// network returns how to fetch, by the flags and the proxies of the environment.
func (f networkFlags) network(a *app) (jwks.Network, error) {
	n := jwks.Network{AllowHTTP: f.allowHTTP, AllowLinkLocal: f.allowLinkLocal, Proxy: jwks.ProxyFrom(a.System.Getenv)}
	if f.caCert == "" {
		return n, nil
	}
	data, err := files.Read(f.caCert, keys.MaxFileBytes, fault.KeyUnreadable)
	if err != nil {
		return n, err
	}
	n.RootCAs, err = jwks.TrustCA(data, f.caCert)
	return n, err
}

func (f *setFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.jwks, "jwks", nil, "key set, `FILE|URL`, - for stdin; http only for this machine, unless --allow-http; repeatable")
	fs.StringArrayVar(&f.oidc, "oidc-issuer", nil, "issuer `URL` whose OpenID configuration names its key set; repeatable")
	f.networkFlags.register(fs)
	settings.KeyedAs(fs, "jwks", "key_sets")
	settings.KeyedAs(fs, "oidc-issuer", "key_sets")
	settings.NamesKeys(fs, "jwks", "oidc-issuer")
}

// load returns the sets of the flags, else of the configuration. Files are read
// now, URLs when a token needs them.
func (f *setFlags) load(a *app) ([]keys.Set, error) {
	var sets []keys.Set
	for _, e := range f.entries(a) {
		set, err := f.open(a, e)
		if err != nil && e.Line > 0 {
			err = asConfigFault(err, fmt.Sprintf("%s:%d: key_sets", a.Settings.Path, e.Line))
		}
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// pick lets --kid name a key of the one set, where there are no other keys for it
// to name.
func (f *setFlags) pick(a *app, k keyFlags) {
	if len(k.files)+len(a.Settings.ConfiguredKeys()) == 0 && len(f.entries(a)) == 1 {
		f.kid = k.kid
	}
}

// entries returns what stands in key_sets, or what the flags say instead.
func (f *setFlags) entries(a *app) []settings.KeySetEntry {
	if len(f.jwks)+len(f.oidc) == 0 {
		return a.Settings.ConfiguredSets()
	}
	var list []settings.KeySetEntry
	for _, location := range f.jwks {
		list = append(list, settings.KeySetEntry{JWKS: location})
	}
	for _, issuer := range f.oidc {
		list = append(list, settings.KeySetEntry{Issuer: issuer, OIDCDiscovery: true})
	}
	return list
}

// withURLHint says what a location that is no file may lack to be a URL.
func withURLHint(err error, location string) error {
	var f *fault.Error
	host, _, isPath := strings.Cut(location, "/")
	switch {
	case !errors.As(err, &f) || f.Hint != "" || !errors.Is(err, fs.ErrNotExist):
	case strings.Contains(host, ":"):
		return f.WithHint("a URL begins with http:// or https://")
	case isPath && strings.Contains(strings.TrimLeft(host, "."), "."):
		return f.WithHint("a URL begins with https://")
	}
	return err
}

// open returns the set of e. A remote one that was loaded before is the same
// again, with the keys that it holds.
func (f *setFlags) open(a *app, e settings.KeySetEntry) (keys.Set, error) {
	opened := func() (keys.Set, error) {
		if e.OIDCDiscovery && strings.HasSuffix(strings.TrimRight(e.Issuer, "/"), wellKnown) {
			return nil, fault.New(fault.UsageError, "--oidc-issuer", "it names the configuration, and the issuer is needed").
				WithHint("leave %s out", wellKnown)
		}
		options, err := f.options(a, e)
		switch {
		case err != nil:
			return nil, err
		case e.OIDCDiscovery:
			return jwks.NewDiscovered(e.Issuer, options)
		case e.JWKS == "-":
			data, err := a.readStdinKeys()
			if err != nil {
				return nil, err
			}
			return jwks.Read(data, stdinName, options)
		}
		set, err := jwks.Open(e.JWKS, options)
		return set, withURLHint(err, e.JWKS)
	}
	if a.live == nil || !e.IsRemote() {
		return opened()
	}
	e.Line = 0 // where it stands says nothing about it
	return a.live.set(fmt.Sprintf("%+v %+v", e, f.networkFlags), opened)
}

func (f *setFlags) options(a *app, e settings.KeySetEntry) (jwks.RemoteOptions, error) {
	o := jwks.RemoteOptions{
		Issuer: e.Issuer, KeyID: f.kid, Algorithms: e.AllowedAlgorithms, Refresh: e.RefreshInterval,
		Random: rand.Float64, Now: a.System.Now, Log: a.Logger(),
	}
	if !e.IsRemote() {
		return o, nil
	}
	var err error
	o.Network, err = f.network(a)
	return o, err
}

// stdinName is what messages call standard input.
const stdinName = "standard input"

func (a *app) readStdinKeys() ([]byte, error) {
	return files.ReadAll(a.System.In, stdinName, keys.MaxFileBytes, fault.KeyUnreadable)
}

// read returns what is at location: a URL, a file or, for -, standard input.
func (f networkFlags) read(ctx context.Context, a *app, location string) ([]byte, error) {
	switch {
	case location == "-":
		return a.readStdinKeys()
	case files.IsURL(location):
		network, err := f.network(a)
		if err != nil {
			return nil, err
		}
		return jwks.Fetch(ctx, location, network)
	}
	path, err := files.PathOf(location, fault.KeySetURLNotAllowed)
	if err != nil {
		return nil, err
	}
	data, err := files.Read(path, keys.MaxFileBytes, fault.KeyUnreadable)
	return data, withURLHint(err, location)
}

// asConfigFault gives a usage fault of a set its place in the file.
func asConfigFault(err error, where string) error {
	if f, isFault := err.(*fault.Error); isFault && f.Code == fault.UsageError {
		return &fault.Error{Code: fault.ConfigInvalid, What: where, Why: f.Error(), Hint: f.Hint}
	}
	return err
}
