package jwks

import (
	"context"
	"net/url"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// discoveryDepth is the maximum nesting of a discovery document.
const discoveryDepth = 16

// discover returns the URL of the keys of issuer (OpenID Connect Discovery 1.0 sections
// 4.1 and 4.3). The document must name exactly that issuer, and an https issuer may not
// have its keys at an http URL.
func (f *fetcher) discover(ctx context.Context, issuer string) (string, error) {
	at := strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
	a, err := f.get(ctx, at)
	if err != nil {
		return "", err
	}
	members, err := strictjson.Object(a.body, discoveryDepth)
	if err != nil {
		return "", fault.New(fault.KeySetUnavailable, label(at), "not a discovery document: %w", err)
	}
	values := map[string]string{}
	for _, m := range members {
		if text, ok := strictjson.String(m.Value); ok {
			values[m.Name] = text
		}
	}
	named, uri := values["issuer"], values["jwks_uri"]
	switch {
	case named != issuer:
		return "", wrongIssuer(at, named, issuer)
	case uri == "":
		return "", fault.New(fault.KeySetUnavailable, label(at), "has no jwks_uri")
	case isHTTPS(issuer) && !isHTTPS(uri):
		return "", fault.New(fault.KeySetURLNotAllowed, label(at), "jwks_uri %q is not https", quote.Shorten(uri))
	}
	return uri, nil
}

// wrongIssuer returns the error for a document that names another issuer, with the likely
// mistake if they are similar.
func wrongIssuer(at, named, want string) *fault.Error {
	err := fault.New(fault.KeySetUnavailable, label(at), "is for the issuer %q, not %q", quote.Shorten(named), quote.Shorten(want))
	switch slip := keys.IssuerHint(named, want); {
	case strings.Contains(named, "{tenantid}"):
		return err.WithHint("this configuration is for any tenant; use your own in place of %q", "{tenantid}")
	case slip != "" && label(named) == named:
		return err.WithHint("use the issuer that it names: %s", named)
	}
	return err
}

// isHTTPS reports whether address starts with https, in any case.
func isHTTPS(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https"
}
