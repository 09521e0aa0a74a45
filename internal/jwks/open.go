package jwks

import (
	"context"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// Open returns the key set at location: a URL, as by NewRemote, or a file,
// which is read here and not again, under the rules of keys.Parse.
//
// Besides the errors of NewRemote, it returns those of keys.Parse, and
// key_set_empty where a file has no key with an allowed algorithm.
func Open(location string, o RemoteOptions) (keys.Set, error) {
	if strings.Contains(location, "://") {
		return NewRemote(location, o)
	}
	data, err := files.Read(location, keys.MaxFileBytes, fault.KeyUnreadable)
	if err != nil {
		return nil, err
	}
	loaded, err := keys.Parse(data, keys.Attributes{Source: location, Issuer: o.Issuer})
	if err != nil {
		return nil, err
	}
	for _, line := range loaded.Ignored {
		o.Log.Warn("a key is passed over", "reason", line)
	}
	list, err := narrow(loaded.Keys, o.Algorithms)
	if err != nil {
		return nil, err
	}
	return fileSet{issuer: o.Issuer, keys: list}, nil
}

// fileSet is a set that was read from a file.
type fileSet struct {
	issuer string
	keys   []*keys.Key
}

func (s fileSet) Issuer() string                                    { return s.issuer }
func (s fileSet) Held() []*keys.Key                                 { return s.keys }
func (s fileSet) Keys(context.Context, string) ([]*keys.Key, error) { return s.keys, nil }

// narrow returns list with its keys pinned to those of algorithms that they
// allow, one for each; a key that allows none is left out.
func narrow(list []*keys.Key, algorithms []keys.Algorithm) ([]*keys.Key, error) {
	if len(algorithms) == 0 {
		return list, nil
	}
	var narrowed []*keys.Key
	for _, k := range list {
		for _, alg := range algorithms {
			if !k.Allows(alg) {
				continue
			}
			pinned, err := k.With(keys.Attributes{Algorithm: alg})
			if err != nil {
				return nil, err
			}
			narrowed = append(narrowed, pinned)
		}
	}
	if len(narrowed) == 0 {
		return nil, fault.New(fault.KeySetEmpty, list[0].Source(), "the set holds no key with an allowed algorithm")
	}
	return narrowed, nil
}
