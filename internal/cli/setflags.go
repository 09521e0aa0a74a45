package cli

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// setFlags name the key sets of others.
type setFlags struct {
	jwks []string
	oidc []string
	networkFlags
}

// networkFlags loosen where key sets are fetched from.
type networkFlags struct {
	allowHTTP      bool
	allowLinkLocal bool
}

func (f *networkFlags) register(fs *pflag.FlagSet) {
	fs.BoolVar(&f.allowHTTP, "allow-http", false, "fetch key sets over plain http from other machines too")
	fs.BoolVar(&f.allowLinkLocal, "allow-link-local", false, "fetch key sets from link-local and cloud metadata addresses too")
	keyed(fs, "", "allow-http", "allow-link-local")
}

func (f networkFlags) network() jwks.Network {
	return jwks.Network{AllowHTTP: f.allowHTTP, AllowLinkLocal: f.allowLinkLocal}
}

func (f *setFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.jwks, "jwks", nil, "key set, `FILE|URL`; http only for this machine, unless --allow-http; repeatable")
	fs.StringArrayVar(&f.oidc, "oidc-issuer", nil, "issuer `URL` whose OpenID configuration names its key set; repeatable")
	f.networkFlags.register(fs)
	keyedAs(fs, "jwks", "key_sets")
	keyedAs(fs, "oidc-issuer", "key_sets")
}

// load returns the sets of the flags, else of the configuration. Files are read
// now, URLs when a token needs them.
func (f *setFlags) load(a *app) ([]keys.Set, error) {
	if len(f.jwks)+len(f.oidc) == 0 {
		return f.loadConfigured(a)
	}
	var sets []keys.Set
	for _, location := range f.jwks {
		set, err := jwks.Open(location, f.options(a, keySetEntry{}))
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	for _, issuer := range f.oidc {
		set, err := jwks.NewDiscovered(issuer, f.options(a, keySetEntry{}))
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// loadConfigured returns the sets of key_sets.
func (f *setFlags) loadConfigured(a *app) ([]keys.Set, error) {
	var sets []keys.Set
	for _, e := range a.config.keySets {
		var set keys.Set
		var err error
		if e.OIDCDiscovery {
			set, err = jwks.NewDiscovered(e.Issuer, f.options(a, e))
		} else {
			set, err = jwks.Open(e.JWKS, f.options(a, e))
		}
		if err != nil {
			return nil, asConfigFault(err, fmt.Sprintf("%s:%d: key_sets", a.config.path, e.line))
		}
		sets = append(sets, set)
	}
	return sets, nil
}

func (f *setFlags) options(a *app, e keySetEntry) jwks.RemoteOptions {
	return jwks.RemoteOptions{
		Issuer: e.Issuer, Algorithms: e.AllowedAlgorithms, Refresh: e.RefreshInterval,
		Network: f.network(),
		Now:     a.sys.Now, Log: a.logger(),
	}
}

// asConfigFault gives a usage fault of a set its place in the file.
func asConfigFault(err error, where string) error {
	if f, isFault := err.(*fault.Error); isFault && f.Code == fault.UsageError {
		return &fault.Error{Code: fault.ConfigInvalid, What: where, Why: f.Error(), Hint: f.Hint}
	}
	return err
}
