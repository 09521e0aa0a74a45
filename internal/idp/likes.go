package idp

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Like is an issuer whose tokens are imitated: their claims, audiences and subjects, and
// its paths. "" means none.
type Like string

// The issuers that can be imitated.
const (
	LikeNone     Like = ""
	LikeAuth0    Like = "auth0"
	LikeKeycloak Like = "keycloak"
	LikeEntra    Like = "entra"
	LikeOkta     Like = "okta"
	LikeGitHub   Like = "github-actions"
	LikeGitLab   Like = "gitlab"
)

// Likes returns the issuers that can be imitated, in the order to list them.
func Likes() []Like {
	return []Like{LikeAuth0, LikeKeycloak, LikeEntra, LikeOkta, LikeGitHub, LikeGitLab}
}

// ParseLike returns the issuer called name, or a usage error. "" is LikeNone.
func ParseLike(name string) (Like, error) {
	var names []string
	for _, l := range Likes() {
		names = append(names, string(l))
		if string(l) == name {
			return l, nil
		}
	}
	if name == "" {
		return LikeNone, nil
	}
	return "", fault.New(fault.UsageError, "like", "unknown kind %q", quote.Shorten(name)).WithHint("use one of %s", strings.Join(names, ", "))
}

// tenant is the ID of the fictitious Entra tenant.
const tenant = "11111111-2222-4333-8444-555555555555"

// paths are the paths of a provider. issuer follows the host, with the trailing slash
// that some issuers have.
type paths struct {
	issuer, authorize, token, userinfo, logout, keys, introspect, revoke, device string
}

// places returns the paths of the real issuer.
func (l Like) places() paths {
	switch l {
	case LikeAuth0:
		return paths{"/", "/authorize", "/oauth/token", "/userinfo", "/oidc/logout", "/.well-known/jwks.json", "/oauth/introspect", "/oauth/revoke", "/oauth/device/code"}
	case LikeKeycloak:
		const realm = "/realms/dev"
		const base = realm + "/protocol/openid-connect"
		return paths{realm, base + "/auth", base + "/token", base + "/userinfo", base + "/logout", base + "/certs", base + "/token/introspect", base + "/revoke", base + "/auth/device"}
	case LikeEntra:
		const base = "/" + tenant
		const oauth = base + "/oauth2/v2.0"
		return paths{base + "/v2.0", oauth + "/authorize", oauth + "/token", "/oidc/userinfo", oauth + "/logout", base + "/discovery/v2.0/keys", oauth + "/introspect", oauth + "/revoke", oauth + "/devicecode"}
	case LikeOkta:
		const base = "/oauth2/default"
		return paths{base, base + "/v1/authorize", base + "/v1/token", base + "/v1/userinfo", base + "/v1/logout", base + "/v1/keys", base + "/v1/introspect", base + "/v1/revoke", base + "/v1/device/authorize"}
	case LikeGitHub:
		return paths{"", "/authorize", "/token", "/userinfo", "/logout", "/.well-known/jwks", "/introspect", "/revoke", "/device/code"}
	case LikeGitLab:
		const oauth = "/oauth"
		return paths{"", oauth + "/authorize", oauth + "/token", oauth + "/userinfo", "/users/sign_out", oauth + "/discovery/keys", oauth + "/introspect", oauth + "/revoke", oauth + "/authorize_device"}
	}
	return paths{"", "/authorize", "/token", "/userinfo", "/logout", "/jwks.json", "/introspect", "/revoke", "/device/code"}
}

// audience returns the default audience of access tokens; nil means the client.
func (l Like) audience(g *grant, p *Provider) []string {
	switch l {
	case LikeAuth0:
		return []string{"https://api.example.test", p.issuer + "userinfo"}
	case LikeKeycloak:
		return []string{"account"}
	case LikeOkta:
		return []string{"api://default"}
	case LikeGitHub:
		return []string{"https://github.com/" + owner(g.subject())}
	case LikeGitLab:
		return []string{p.issuer}
	}
	return nil
}

// roles puts the roles and groups of u where l has them.
func (l Like) roles(c claims, u *User) {
	roles, groups := "roles", "groups"
	switch {
	case l == LikeKeycloak && len(u.Roles) > 0:
		c["realm_access"] = map[string]any{"roles": u.Roles}
		roles = ""
	case l == LikeAuth0: // its custom claims have a URL as prefix
		roles, groups = "https://example.test/roles", "https://example.test/groups"
	}
	if roles != "" && len(u.Roles) > 0 {
		c[roles] = u.Roles
	}
	if len(u.Groups) > 0 {
		c[groups] = u.Groups
	}
}

// uuidFor returns an ID in the form of a UUID, always the same for the same parts.
func uuidFor(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	sum[6], sum[8] = sum[6]&0x0f|0x40, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// sessionID returns the sid of a login, which must differ from the ID in its page.
func sessionID(session string) string { return uuidFor("session", session) }
