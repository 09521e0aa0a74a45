package jwks

import (
	"context"
	"fmt"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Open returns the key set at location: a URL, as for NewRemote, or a file, given by path
// or file URL (RFC 8089), which is read once. The same bytes give the same keys either
// way (S12).
//
// Errors are those of NewRemote and keys.ParseSet, and key_set_empty for a file without a
// key for an allowed algorithm.
func Open(location string, o RemoteOptions) (keys.Set, error) {
	if files.IsURL(location) {
		return NewRemote(location, o)
	}
	path, err := files.PathOf(location, fault.KeySetURLNotAllowed)
	if err != nil {
		return nil, err
	}
	data, err := files.Read(path, keys.MaxFileBytes, fault.KeyUnreadable)
	if err != nil {
		return nil, err
	}
	return Read(data, location, o)
}

// Read returns the key set in data; source is for messages. Its errors are those of Open.
func Read(data []byte, source string, o RemoteOptions) (keys.Set, error) {
	loaded, err := o.parse(data, source, false)
	if err != nil {
		return nil, err
	}
	return fileSet{o.Issuer, loaded}, nil
}

// parse reads a set and keeps only the keys that may be used. published means that it
// came from a URL.
func (o RemoteOptions) parse(data []byte, source string, published bool) (keys.Loaded, error) {
	loaded, err := keys.ParseSet(data, keys.Attributes{Source: source, Issuer: o.Issuer, Rules: o.Rules}, published)
	for _, e := range loaded.Skipped() {
		o.Log.Debug("key skipped", "reason", e.Problem)
	}
	if err == nil && o.KeyID != "" {
		if loaded.Keys, err = keys.Pick(loaded.Keys, o.KeyID); err != nil {
			err = fault.New(fault.CodeOf(err), source, "the set has no key with the id %q", quote.Shorten(o.KeyID))
		}
	}
	if err == nil {
		loaded.Keys, err = restrict(loaded.Keys, source, o.Algorithms)
	}
	return loaded, err
}

// fileSet is a set read from a file.
type fileSet struct {
	issuer string
	keys.Loaded
}

func (s fileSet) Issuer() string                                    { return s.issuer }
func (s fileSet) Cached() []*keys.Key                               { return s.Loaded.Keys }
func (s fileSet) Keys(context.Context, string) ([]*keys.Key, error) { return s.Loaded.Keys, nil }
func (s fileSet) SkipReason(kid string) *fault.Error                { return s.Problem(kid) }

// restrict returns list with its keys restricted to algorithms, one copy per algorithm.
// Keys that allow none of them are omitted.
func restrict(list []*keys.Key, source string, algorithms []keys.Algorithm) ([]*keys.Key, error) {
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
		return nil, fault.New(fault.KeySetEmpty, source, "the set has no key with an allowed algorithm (%s); its keys are %s", keys.JoinAlgorithms(algorithms), describeKeys(list))
	}
	return narrowed, nil
}

// describeKeys lists the keys of list with their kinds, up to a limit.
func describeKeys(list []*keys.Key) string {
	const most = 8
	var names []string
	for _, k := range list[:min(most, len(list))] {
		names = append(names, fmt.Sprintf("%q (%s)", quote.Shorten(k.ID()), k.Describe()))
	}
	if len(list) > most {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}
