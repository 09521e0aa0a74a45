package temporal

import (
	"encoding/json"
	"slices"
	"strings"
)

// fix returns the command that makes a token which would do.
func (e *explainer) fix() string {
	role := e.api.Role()
	if e.api.Access == AccessNever || (e.Keys != nil && len(e.Keys.usable()) == 0) {
		return ""
	}
	if role == "" {
		role = RoleRead // any role does
	}
	scope := SystemScope
	if e.api.Scope == ScopeNamespace && CheckScope(e.Namespace) == nil {
		scope = e.Namespace
	}
	args := []string{"jwtctl", "token"}
	if scope == SystemScope {
		args = append(args, "--system")
	} else {
		args = append(args, "--namespace", scope)
	}
	args = append(args, "--role", string(role))
	if e.Claim != PermissionsClaim {
		list, _ := json.Marshal([]string{Permission{scope, role}.String()}) // strings always marshal
		args = append(args, "--claim-json", e.Claim+"="+string(list))
	}
	if strings.TrimSpace(e.Audience) != "" && !e.api.Stream {
		args = append(args, "--aud", e.Audience)
	}
	if e.keyAtFault && e.Keys != nil && len(e.Keys.usable()) == 1 {
		args = append(args, "--kid", e.Keys.usable()[0].kid)
	}
	for i, a := range args {
		args[i] = shellQuote(a)
	}
	return strings.Join(args, " ")
}

// quote makes one word of text for a POSIX shell.
func shellQuote(text string) string {
	const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,"
	if text != "" && strings.Trim(text, safe) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// noteOnDenial says what helps beside Fix.
func (e *explainer) noteOnDenial() {
	switch {
	case e.api.Access == AccessNever:
	case e.Keys != nil && len(e.Keys.usable()) == 0:
		e.note("no token will do before the server finds a key that it can use: see jwtctl serve")
	case e.keyAtFault && e.Keys != nil:
		e.note("sign with the private half of a key that the server has: %s", e.Keys.describe())
	case e.keyAtFault:
		e.note("sign with the private half of a key that the server has, by RS256 or ES256")
	}
	if !slices.ContainsFunc(e.faults, func(f Fault) bool { return f.Log != "" }) {
		e.note("the server logs nothing about this denial; the client sees \"Request unauthorized.\" alone")
	}
}

// noteOnNamespace says what the request's namespace depends on.
func (e *explainer) noteOnNamespace() {
	const limit = 1000 // bytes, the server's default for limit.maxIDLength
	switch {
	case e.Namespace == "" && e.api.TaskToken:
		e.note("a request without a namespace gets that of its task token, which was not given here")
	case len(e.Namespace) > limit:
		e.note("before it looks at the token, the server refuses namespaces of more than %d bytes", limit)
	}
}
