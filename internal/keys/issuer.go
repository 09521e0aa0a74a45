package keys

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/quote"
)

// IssuerHint describes how a token's issuer differs from a configured one if a person
// could have meant the same, and returns "" otherwise. Issuers are compared exactly
// regardless (A20, S38).
func IssuerHint(token, configured string) string {
	differs := func(how string, args ...any) string {
		return fmt.Sprintf("the token has %q, the configuration %q: %s", shownIssuer(token), shownIssuer(configured), fmt.Sprintf(how, args...))
	}
	tokenHas := func(suffix string) bool { return strings.HasSuffix(token, suffix) }
	switch {
	case token == configured:
		return ""
	case strings.TrimRight(token, "/") == strings.TrimRight(configured, "/") && tokenHas("/"):
		return differs("the token has a slash at the end")
	case strings.TrimRight(token, "/") == strings.TrimRight(configured, "/"):
		return differs("the token has no slash at the end")
	case strings.TrimSpace(token) == strings.TrimSpace(configured):
		return differs("one has surrounding white space")
	case "https://"+token == configured || "https://"+strings.TrimRight(token, "/") == strings.TrimRight(configured, "/"):
		return differs("the token leaves out https://")
	case token == "https://"+configured || strings.TrimRight(token, "/") == "https://"+strings.TrimRight(configured, "/"):
		return differs("the configuration leaves out https://")
	case strings.EqualFold(token, configured):
		return differs("they differ only in case")
	case withoutScheme(token) == withoutScheme(configured):
		return differs("one is http, the other https")
	case isMicrosoft(token) && isMicrosoft(configured):
		return differs("%s", microsoftHint(token, configured))
	}
	return ""
}

// shownIssuer returns issuer for a message, longer than quote.Shorten leaves it: issuers
// often differ at the end.
func shownIssuer(issuer string) string {
	return quote.Escape(quote.Cut(issuer, 256), "")
}

func withoutScheme(issuer string) string {
	return strings.TrimPrefix(strings.TrimPrefix(issuer, "http://"), "https://")
}

// Hosts of Microsoft's identity platform: version 1 and 2 endpoints.
const microsoftV1 = "sts.windows.net"

func isMicrosoft(issuer string) bool {
	u, err := url.Parse(issuer)
	return err == nil && slices.Contains([]string{"login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn", microsoftV1}, u.Host)
}

// microsoftHint recognizes the forms of Microsoft's issuers: those for many tenants
// (common, organizations, consumers, {tenantid}), which no token has, those for one
// tenant, and two versions.
func microsoftHint(token, configured string) string {
	tenant := func(issuer string) string {
		parts := strings.Split(withoutScheme(issuer), "/")
		return append(parts, "")[min(1, len(parts))]
	}
	if name := tenant(configured); slices.Contains([]string{"common", "organizations", "consumers", "{tenantid}"}, name) {
		return fmt.Sprintf("%q means any tenant, but a token names its own; configure the issuer of that tenant", name)
	}
	if tenant(token) != tenant(configured) {
		return "they are different tenants"
	}
	return "they are from different versions of the endpoint (v1.0 and v2.0)"
}
