package temporal

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// roleSet is a set of roles as the server combines them. It compares sets as numbers, so
// that each role includes the lower ones: worker, read, write, admin.
type roleSet uint8

// ranked returns the roles by the server's rank, lowest first.
func ranked() []Role { return []Role{RoleWorker, RoleRead, RoleWrite, RoleAdmin} }

func setOf(r Role) roleSet {
	if i := slices.Index(ranked(), r); i >= 0 {
		return 1 << i
	}
	return 0
}

// roleNamed is setOf for a name in any case, as the server reads it.
func roleNamed(name string) roleSet { return setOf(Role(strings.ToLower(name))) }

// heldRoles are the roles that count for a call.
type heldRoles struct{ system, namespace roleSet }

// count returns the roles that the default authorizer compares for an API of scope.
func (h heldRoles) count(scope Scope) roleSet {
	if scope == ScopeNamespace {
		return h.system | h.namespace
	}
	return h.system
}

// list returns the permissions that count for e's call.
func (h heldRoles) list(e *explainer) []string {
	list := []string{}
	for _, r := range ranked() {
		if h.system&setOf(r) != 0 {
			list = append(list, Permission{SystemScope, r}.String())
		}
	}
	for _, r := range ranked() {
		if e.api.Scope == ScopeNamespace && h.namespace&setOf(r) != 0 {
			list = append(list, quote.Shorten(e.Namespace)+":"+string(r))
		}
	}
	return list
}

// rolesByScope adds up the roles of the permissions claim.
func (e *explainer) rolesByScope() map[string]roleSet {
	roles := map[string]roleSet{}
	for _, entry := range e.entries() {
		if scope, role, found := e.readEntry(entry); found {
			roles[scope] |= roleNamed(role)
		}
	}
	return roles
}

// heldRoles returns the roles that count for e's call.
func (e *explainer) heldRoles() heldRoles {
	roles := e.rolesByScope()
	held := heldRoles{system: roles[SystemScope]}
	if e.Namespace != SystemScope {
		held.namespace = roles[e.Namespace]
	}
	return held
}

// entries returns the entries of the permissions claim; anything but an array counts as
// empty.
func (e *explainer) entries() []any {
	list, _ := e.claims[e.Claim].([]any)
	return list
}

// readEntry splits a permission.
func (e *explainer) readEntry(entry any) (scope, role string, found bool) {
	text, isString := entry.(string)
	if !isString {
		return "", "", false
	}
	return e.Format.split(text)
}

// undecided returns the missing fact for a call with a task token: the server uses the
// task's namespace to authorize it. It returns "" if the roles for the cluster suffice,
// or if no namespace of the token would.
func (e *explainer) undecided(held heldRoles) string {
	if !e.api.TaskToken || e.Namespace != "" || held.system >= setOf(e.api.Role()) {
		return ""
	}
	roles := e.rolesByScope()
	var enough []string
	for _, scope := range slices.Sorted(maps.Keys(roles)) {
		if scope != SystemScope && held.system|roles[scope] >= setOf(e.api.Role()) && len(enough) < 5 {
			enough = append(enough, fmt.Sprintf("%q", quote.Shorten(scope)))
		}
	}
	if len(enough) == 0 {
		return ""
	}
	return fmt.Sprintf("the namespace of the task decides: the call is allowed for %s", strings.Join(enough, ", "))
}

// authorize compares roles like the default authorizer, and explains why they do not
// suffice.
func (e *explainer) authorize(held heldRoles) bool {
	enough := held.count(e.api.Scope) >= setOf(e.api.Role())
	useless := e.ineffective()
	switch {
	case enough:
		for _, f := range useless {
			e.note("%s", f.Reason)
		}
		return true
	case e.claims == nil: // no token, or an unreadable one: already reported
		return false
	}
	if e.api.Scope == ScopeNamespace && e.Namespace == "" && !e.api.TaskToken {
		e.fault(fault.NamespaceMissing, "", "the call has no namespace, so only roles in %s count", SystemScope)
	}
	e.fault(fault.RoleMissing, e.denialLog(), "the call needs %s; the token has %s", e.describeRequiredRole(), e.describeHeldRoles(held))
	e.faults = append(e.faults, useless...)
	return false
}

// denialLog returns what the server logs when the authorizer, rather than the claim
// mapper, refuses a call: nothing, except for streams.
func (e *explainer) denialLog() string {
	if e.api.Stream {
		return "Request unauthorized."
	}
	return ""
}

// describeRequiredRole describes the required role.
func (e *explainer) describeRequiredRole() string {
	if e.api.Scope == ScopeCluster {
		return fmt.Sprintf("%s or more in %s, since it affects the whole cluster", e.api.Role(), SystemScope)
	}
	if e.Namespace == "" || e.Namespace == SystemScope {
		return fmt.Sprintf("%s or more in %s", e.api.Role(), SystemScope)
	}
	return fmt.Sprintf("%s or more in namespace %q or in %s", e.api.Role(), quote.Shorten(e.Namespace), SystemScope)
}

// describeHeldRoles describes the held roles.
func (e *explainer) describeHeldRoles(held heldRoles) string {
	if list := held.list(e); len(list) > 0 {
		return strings.Join(list, ", ") + " (roles rank worker, read, write, admin)"
	}
	if _, there := e.claims[e.Claim]; !there {
		text := fmt.Sprintf("no claim %q", quote.Shorten(e.Claim))
		if nested(e.claims, e.Claim) {
			text += fmt.Sprintf(": the server takes %q as the name of a single claim, and does not look inside claims", quote.Shorten(e.Claim))
		}
		return text
	}
	var others []string
	for _, entry := range e.entries() {
		if scope, role, found := e.readEntry(entry); found && roleNamed(role) != 0 && len(others) < 5 {
			others = append(others, quote.Shorten(scope+":"+role))
		}
	}
	if len(others) > 0 {
		return "roles only elsewhere: " + strings.Join(others, ", ")
	}
	return "none"
}

// nested reports whether path, split at its dots, leads to a value in claims.
func nested(claims map[string]any, path string) bool {
	name, rest, dotted := strings.Cut(path, ".")
	value, has := claims[name]
	if !dotted {
		return has
	}
	inner, isObject := value.(map[string]any)
	return isObject && nested(inner, rest)
}

// maxIneffective is the maximum number of permissions to list.
const maxIneffective = 10

// ineffective returns the permissions that have no effect, or probably not the intended one.
// Roles in other namespaces are not included.
func (e *explainer) ineffective() []Fault {
	value, there := e.claims[e.Claim]
	if _, isArray := value.([]any); there && !isArray {
		return []Fault{{Code: fault.PermissionIneffective, Reason: fmt.Sprintf("the claim %q is not an array, so the server reads no roles from it", quote.Shorten(e.Claim))}}
	}
	var list []Fault
	for i, entry := range e.entries() {
		reason, log := e.explainEntry(entry)
		if reason == "" {
			continue
		}
		if len(list) == maxIneffective {
			return append(list, Fault{Code: fault.PermissionIneffective, Reason: "and more such permissions"})
		}
		list = append(list, Fault{fault.PermissionIneffective, fmt.Sprintf("permission %d, %s", i+1, reason), log})
	}
	return list
}

// explainEntry explains why a permission has no effect, or returns "".
func (e *explainer) explainEntry(entry any) (reason, log string) {
	text, isString := entry.(string)
	scope, role, found := e.readEntry(entry)
	shown := fmt.Sprintf("%q", quote.Shorten(text))
	switch {
	case !isString:
		return "not a string: the server ignores it", "ignoring permission that is not a string: " + quote.Shorten(fmt.Sprint(entry))
	case !found && e.Format.regex != nil:
		return shown + ": it does not match the server's permissionsRegex", "ignoring permission not matching pattern: " + quote.Shorten(text)
	case !found:
		return shown + ": it has no colon, so the server ignores it", "ignoring permission in unexpected format: " + quote.Shorten(text)
	case roleNamed(role) == 0:
		return fmt.Sprintf("%s: the server ignores the role %q; it knows read, write, worker and admin", shown, quote.Shorten(role)), ""
	case scope == e.Namespace || scope == SystemScope:
		return "", ""
	case scope == "*":
		return shown + ": there are no wildcards", ""
	case scope == "system" || strings.EqualFold(scope, SystemScope) || strings.TrimSpace(scope) == SystemScope:
		return shown + ": the scope of the whole cluster is " + SystemScope, ""
	case strings.EqualFold(scope, e.Namespace) || strings.TrimSpace(scope) == e.Namespace:
		return fmt.Sprintf("%s: not namespace %q (case and spaces matter)", shown, quote.Shorten(e.Namespace)), ""
	}
	return "", ""
}
