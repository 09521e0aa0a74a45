// Package temporal knows what a Temporal server with the default authorizer and claim
// mapper requires of a token, how clients are given one, and why the server would deny a
// call. It does not connect to servers.
//
// The differences between releases of go.temporal.io/server are generated from their
// source (tools/temporalapi); the end-to-end test of examples/temporal compares the
// verdicts with those of a real server.
package temporal

import (
	"slices"
	"strings"
	"unicode"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// SystemScope replaces the namespace in a permission for the whole cluster.
const SystemScope = "temporal-system"

// PermissionsClaim is the claim that the default claim mapper reads.
const PermissionsClaim = "permissions"

// Role is the part of a permission that says what it allows. The server compares roles by
// rank: worker, read, write, admin, lowest first.
type Role string

// The roles of the default authorizer.
const (
	RoleRead   Role = "read"
	RoleWrite  Role = "write"
	RoleWorker Role = "worker"
	RoleAdmin  Role = "admin"
)

// Roles returns every role, in the order to list them.
func Roles() []Role { return []Role{RoleRead, RoleWrite, RoleWorker, RoleAdmin} }

// ParseRole returns the role called name, in any case, as the server reads it. Any other
// name is a usage error: the server would silently ignore it.
func ParseRole(name string) (Role, error) {
	if r := Role(strings.ToLower(name)); slices.Contains(Roles(), r) {
		return r, nil
	}
	return "", fault.New(fault.UsageError, "role", "unknown role %q; a Temporal server would silently ignore it", quote.Shorten(name)).
		WithHint("roles are read, write, worker and admin")
}

// Permission is one entry of the permissions claim.
type Permission struct {
	// Scope is a namespace, or SystemScope.
	Scope string
	Role  Role
}

func (p Permission) String() string { return p.Scope + ":" + string(p.Role) }

// ParsePermission parses "NAMESPACE:ROLE". It returns a usage error for a permission that
// the server would silently ignore or never match (temporal.md section 4).
func ParsePermission(text string) (Permission, error) {
	scope, role, found := strings.Cut(text, ":")
	if !found {
		return Permission{}, fault.New(fault.UsageError, "permission", "%q has no colon; a Temporal server would ignore it", quote.Shorten(text)).
			WithHint("write NAMESPACE:ROLE, such as default:read")
	}
	if err := CheckScope(scope); err != nil {
		return Permission{}, err
	}
	r, err := ParseRole(role)
	if err != nil {
		return Permission{}, err
	}
	return Permission{Scope: scope, Role: r}, nil
}

// CheckScope refuses names that look like the cluster or a namespace, but are neither.
func CheckScope(scope string) error {
	bad := func(format string, args ...any) *fault.Error {
		return fault.New(fault.UsageError, "namespace", format, args...)
	}
	switch {
	case scope == "":
		return bad("must not be empty")
	case scope == "system":
		return bad("\"system\" is not the scope of the cluster; a server would deny every call").WithRemedy(fault.NameScope)
	case strings.EqualFold(scope, SystemScope) && scope != SystemScope:
		return bad("%q is not the scope of the cluster; use %s", scope, SystemScope)
	case strings.ContainsAny(scope, "*?"):
		return bad("%q: permissions have no wildcards; a server would look for a namespace with this name", quote.Shorten(scope)).
			WithRemedy(fault.NameNamespaces)
	case strings.Contains(scope, ":"):
		return bad("%q contains a colon, which ends the namespace in a permission", quote.Shorten(scope))
	case strings.IndexFunc(scope, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) >= 0:
		return bad("%q contains white space or control characters", quote.Shorten(scope))
	}
	return nil
}

// CheckAlgorithm refuses the algorithms that a Temporal server refuses: all but RS256 and
// ES256.
func CheckAlgorithm(alg keys.Algorithm) error {
	if alg == keys.RS256 || alg == keys.ES256 {
		return nil
	}
	return fault.New(fault.UsageError, "algorithm", "%s: a Temporal server only accepts RS256 and ES256, and answers \"Request unauthorized.\" to all others", alg).
		WithRemedy(fault.MakeKeyPair)
}

// Explanation describes what p allows.
func Explanation(p Permission) string {
	where := "in namespace " + p.Scope
	if p.Scope == SystemScope {
		where = "in every namespace and the cluster itself"
	}
	what := map[Role]string{
		RoleWorker: "no API requires just this role",
		RoleRead:   "describe and list",
		RoleWrite:  "read, and start, signal, run and end workflows",
		RoleAdmin:  "everything",
	}[p.Role]
	return what + " " + where
}
