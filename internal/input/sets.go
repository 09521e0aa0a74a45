package input

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// wellKnown is the suffix of an issuer's URL (OpenID Connect Discovery 1.0).
const wellKnown = "/.well-known/openid-configuration"

// SetFlags give remote key sets.
type SetFlags struct {
	JWKS []string
	OIDC []string
	NetworkFlags
	// kid, if not empty, selects keys of the sets.
	kid string
}

// NetworkFlags configure how key sets are fetched.
type NetworkFlags struct {
	AllowHTTP      bool
	AllowLinkLocal bool
	CACert         string
}

// Register adds the flags.
func (f *NetworkFlags) Register(fs *pflag.FlagSet) {
	fs.BoolVar(&f.AllowHTTP, "allow-http", false, "also fetch key sets over plain http from other machines")
	fs.BoolVar(&f.AllowLinkLocal, "allow-link-local", false, "also fetch key sets from link-local and cloud metadata addresses")
	fs.StringVar(&f.CACert, "ca-cert", "", "PEM `FILE` with CA certificates to trust in addition to the system's")
	settings.Paths(fs, "ca-cert")
	settings.Keyed(fs, "", "allow-http", "allow-link-local", "ca-cert")
}

// network returns how to fetch, from the flags and the environment's proxies.
func (f NetworkFlags) network(d command.Deps) (jwks.Network, error) {
	n := jwks.Network{AllowHTTP: f.AllowHTTP, AllowLinkLocal: f.AllowLinkLocal, Proxy: jwks.ProxyFrom(d.System.Getenv)}
	if f.CACert == "" {
		return n, nil
	}
	data, err := files.Read(f.CACert, keys.MaxFileBytes, fault.KeyUnreadable)
	if err != nil {
		return n, err
	}
	n.RootCAs, err = jwks.TrustCA(data, f.CACert)
	return n, err
}

// Register adds the flags.
func (f *SetFlags) Register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.JWKS, "jwks", nil, "key set `FILE|URL`, or - for stdin; plain http only from this machine, unless --allow-http; repeatable")
	fs.StringArrayVar(&f.OIDC, "oidc-issuer", nil, "issuer `URL` whose key set to use, as found through its OpenID configuration; repeatable")
	f.NetworkFlags.Register(fs)
	settings.KeyedAs(fs, "jwks", "key_sets")
	settings.KeyedAs(fs, "oidc-issuer", "key_sets")
	settings.SelectsKeys(fs, "jwks", "oidc-issuer")
}

// Load returns the sets given by the flags, or else the configuration. Files are read
// now, URLs when a token needs them.
func (f *SetFlags) Load(d command.Deps, cache *SetCache) ([]keys.Set, error) {
	var sets []keys.Set
	for _, e := range f.Entries(d) {
		set, err := f.Open(d, e, cache)
		if err != nil && e.Line > 0 {
			err = config.AsFault(err, fmt.Sprintf("%s:%d: key_sets", d.Settings.Path, e.Line))
		}
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// Pick applies --kid to the only set, if there are no keys that it could refer to.
func (f *SetFlags) Pick(d command.Deps, k KeyFlags) {
	if !k.Named() && len(d.Settings.ConfiguredKeys()) == 0 && len(f.Entries(d)) == 1 {
		f.kid = k.KeyID
	}
}

// Named reports whether flags or variables give a key set.
func (f *SetFlags) Named() bool { return len(f.JWKS)+len(f.OIDC) > 0 }

// Entries returns key_sets of the configuration, or those given by the flags instead.
func (f *SetFlags) Entries(d command.Deps) []config.KeySetEntry {
	if !f.Named() {
		return d.Settings.ConfiguredSets()
	}
	var list []config.KeySetEntry
	for _, location := range f.JWKS {
		list = append(list, config.KeySetEntry{JWKS: location})
	}
	for _, issuer := range f.OIDC {
		list = append(list, config.KeySetEntry{Issuer: issuer, OIDCDiscovery: true})
	}
	return list
}

// withURLHint adds what a location that is not a file may lack to be a URL.
func withURLHint(err error, location string) error {
	var f *fault.Error
	host, _, isPath := strings.Cut(location, "/")
	switch {
	case !errors.As(err, &f) || f.Hint != "" || !errors.Is(err, fs.ErrNotExist):
	case strings.EqualFold(host, "file:"): // it is one
	case strings.Contains(host, ":"):
		return f.WithHint("a URL begins with http:// or https://")
	case isPath && strings.Contains(strings.TrimLeft(host, "."), "."):
		return f.WithHint("a URL begins with https://")
	}
	return err
}

// Open returns the set of e. A remote set that was loaded before is returned again, with
// its keys.
func (f *SetFlags) Open(d command.Deps, e config.KeySetEntry, cache *SetCache) (keys.Set, error) {
	opened := func() (keys.Set, error) {
		if e.OIDCDiscovery && strings.HasSuffix(strings.TrimRight(e.Issuer, "/"), wellKnown) {
			return nil, fault.New(fault.UsageError, "--oidc-issuer", "expected the issuer, got the URL of its configuration").
				WithHint("leave out %s", wellKnown)
		}
		options, err := f.options(d, e, cache)
		switch {
		case err != nil:
			return nil, err
		case e.OIDCDiscovery:
			return jwks.NewDiscovered(e.Issuer, options)
		case e.JWKS == "-":
			data, err := readStdinKeys(d)
			if err != nil {
				return nil, err
			}
			return jwks.Read(data, StdinName, options)
		}
		set, err := jwks.Open(e.JWKS, options)
		return set, withURLHint(err, e.JWKS)
	}
	if cache == nil || !e.IsRemote() {
		return opened()
	}
	e.Line = 0 // its line in the file does not matter
	return cache.getOrOpen(fmt.Sprintf("%+v %+v", e, f.NetworkFlags), opened)
}

func (f *SetFlags) options(d command.Deps, e config.KeySetEntry, cache *SetCache) (jwks.RemoteOptions, error) {
	o := jwks.RemoteOptions{
		Issuer: e.Issuer, Rules: e.Rules, KeyID: f.kid, Algorithms: e.AllowedAlgorithms, Refresh: e.RefreshInterval,
		Random: rand.Float64, Now: d.System.Now, Log: d.Logger(),
	}
	if !e.IsRemote() {
		return o, nil
	}
	if cache != nil {
		o.CallTimeout = jwks.CallTimeout
	}
	var err error
	o.Network, err = f.network(d)
	return o, err
}

// StdinName is the name of standard input in messages.
const StdinName = "standard input"

func readStdinKeys(d command.Deps) ([]byte, error) {
	return files.ReadAll(d.System.In, StdinName, keys.MaxFileBytes, fault.KeyUnreadable)
}

// Read returns the content of location: a URL, a file or, for -, standard input.
func (f NetworkFlags) Read(ctx context.Context, d command.Deps, location string) ([]byte, error) {
	if files.IsURL(location) {
		network, err := f.network(d)
		if err != nil {
			return nil, err
		}
		return jwks.Fetch(ctx, location, network)
	}
	return readLocal(d, location)
}

// ReadWithErrors is like Read, but if a URL answers anything but 200, it returns the body
// and the HTTP status together with the error.
func (f NetworkFlags) ReadWithErrors(ctx context.Context, d command.Deps, location string) (data []byte, status int, err error) {
	if files.IsURL(location) {
		network, err := f.network(d)
		if err != nil {
			return nil, 0, err
		}
		return jwks.FetchWithErrors(ctx, location, network)
	}
	data, err = readLocal(d, location)
	return data, 0, err
}

// readLocal reads a file or, for -, standard input.
func readLocal(d command.Deps, location string) ([]byte, error) {
	if location == "-" {
		return readStdinKeys(d)
	}
	path, err := files.PathOf(location, fault.KeySetURLNotAllowed)
	if err != nil {
		return nil, err
	}
	data, err := files.Read(path, keys.MaxFileBytes, fault.KeyUnreadable)
	return data, withURLHint(err, location)
}
