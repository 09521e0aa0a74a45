package jwks

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// IsRemote reports whether location is fetched over a network rather than read
// from a file, by a path or a file URL.
func IsRemote(location string) bool {
	return strings.Contains(location, "://") && !isFileURL(location)
}

func isFileURL(location string) bool {
	return len(location) >= 7 && strings.EqualFold(location[:7], "file://")
}

// Open returns the key set at location: a URL, as by NewRemote, or a file, by
// its path or file URL (RFC 8089), which is read here and not again. The same
// bytes give the same keys from either (S12).
//
// Besides the errors of NewRemote, it returns those of keys.ParseSet, and
// key_set_empty where a file has no key with an allowed algorithm.
func Open(location string, o RemoteOptions) (keys.Set, error) {
	if IsRemote(location) {
		return NewRemote(location, o)
	}
	path, err := filePath(location)
	if err != nil {
		return nil, err
	}
	data, err := files.Read(path, keys.MaxFileBytes, fault.KeyUnreadable)
	if err != nil {
		return nil, err
	}
	return Read(data, location, o)
}

// Read returns the key set in data, which came from source. Its errors are those
// of Open.
func Read(data []byte, source string, o RemoteOptions) (keys.Set, error) {
	list, err := o.parse(data, source, false)
	if err != nil {
		return nil, err
	}
	return fileSet{issuer: o.Issuer, keys: list}, nil
}

// filePath returns the path that location is, or that it names as a file URL.
func filePath(location string) (string, error) {
	if !isFileURL(location) {
		return location, nil
	}
	u, err := url.Parse(location)
	if err != nil || u.Host != "" && u.Host != "localhost" || u.Path == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fault.New(fault.KeySetURLNotAllowed, label(location), "it does not name a file on this machine").WithHint("such as file:///etc/keys/jwks.json")
	}
	path := u.Path
	if len(path) > 2 && path[0] == '/' && path[2] == ':' { // file:///C:/keys
		path = path[1:]
	}
	return filepath.FromSlash(path), nil
}

// parse returns the keys of a set that may be used. published says that it was
// at a URL.
func (o RemoteOptions) parse(data []byte, source string, published bool) ([]*keys.Key, error) {
	loaded, err := keys.ParseSet(data, keys.Attributes{Source: source, Issuer: o.Issuer, ID: o.KeyID}, published)
	for _, e := range loaded.PassedOver() {
		o.Log.Debug("a key is passed over", "reason", e.Problem)
	}
	if err != nil {
		return nil, err
	}
	return narrow(loaded.Keys, source, o.Algorithms)
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
func narrow(list []*keys.Key, source string, algorithms []keys.Algorithm) ([]*keys.Key, error) {
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
		return nil, fault.New(fault.KeySetEmpty, source, "the set holds no key with an allowed algorithm (%s); its keys are %s", joined(algorithms), described(list))
	}
	return narrowed, nil
}

func joined(algorithms []keys.Algorithm) string {
	names := make([]string, len(algorithms))
	for i, alg := range algorithms {
		names[i] = string(alg)
	}
	return strings.Join(names, ", ")
}

// described names the keys of list with their kinds, the first few of them.
func described(list []*keys.Key) string {
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
