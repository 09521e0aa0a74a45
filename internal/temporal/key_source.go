package temporal

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/quote"
)

// Document is the response of one of the server's keySourceURIs. The server checks neither
// status nor content type.
type Document struct {
	// Source is its location.
	Source string
	Body   []byte
	// Status is the HTTP status if it is not 200, or else 0.
	Status int
	// KeyNames are the locations of keys of Body by kid, where they are not Source.
	KeyNames map[string]string
	// Failure is why it cannot be read, or nil.
	Failure error
}

// RedactSource returns the location of keys for messages. The query of a URL may be a
// secret (S69).
func RedactSource(source string) string {
	if !strings.Contains(source, "://") || strings.HasPrefix(strings.ToLower(source), "file:") {
		return source
	}
	return quote.URL(source)
}

// SourceFailure returns why a server of this release cannot read a key source, or nil if
// its URI is acceptable.
func (r Release) SourceFailure(uri string) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return errors.New("not a URI")
	case u.Scheme == "file" && !r.FileSources:
		return fmt.Errorf("server %s does not read file:// sources (servers do %s)", r.Version, since(func(r Release) bool { return r.FileSources }))
	case u.Scheme == "file" && u.Host != "" && u.Host != "localhost":
		return errors.New("a file:// source cannot have a host other than localhost; it needs three slashes")
	case u.Scheme != "file" && u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("the scheme %q is not http, https or file", quote.Shorten(u.Scheme))
	}
	return nil
}

// ReplacesKeys reports whether the server replaces its keys with those in d's body, even if
// there are none. Otherwise it keeps the keys it had.
func (d Document) ReplacesKeys() bool { return newKeySet().read(d) == nil }

// Notes returns the problems that the server has with the set.
func (s *KeySet) Notes() []string { return slices.Clone(s.notes) }
