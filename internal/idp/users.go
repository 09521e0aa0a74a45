package idp

import (
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/jwtctl/jwtctl/internal/token"
)

// User is a user who can be chosen on the login page.
type User struct {
	Name string
	// Claims are in every token of the user and in userinfo.
	Claims []token.Claim
	// Roles and Groups are put where Like has them.
	Roles, Groups []string
}

// email returns a fictitious address: the domain is reserved for tests (RFC 2606 section
// 2).
func (u *User) email() string {
	if strings.Contains(u.Name, "@") {
		return u.Name
	}
	return u.Name + "@example.test"
}

// profile returns the standard claims of scopes (OpenID Connect Core section 5.4),
// derived from the name.
func (u *User) profile(scopes []string) claims {
	c := claims{}
	if slices.Contains(scopes, oidc.ScopeProfile) {
		c["name"], c["preferred_username"] = u.Name, u.Name
	}
	if slices.Contains(scopes, oidc.ScopeEmail) {
		c["email"], c["email_verified"] = u.email(), true
	}
	return c
}
