package temporal

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/quote"
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
	args = append(args, e.signingFlags()...)
	for i, a := range args {
		args[i] = shellQuote(a)
	}
	return strings.Join(args, " ")
}

// signingFlags returns the flags that let jwtctl token sign with a key that the
// server knows. It never gives a key the id of another: the server would look
// that one up, and the signature would not fit.
func (e *explainer) signingFlags() []string {
	if e.Keys == nil {
		return nil
	}
	for i, s := range e.Signers {
		kid, known := e.Keys.kidOf(s.Key)
		if !known {
			continue
		}
		var flags []string
		if i > 0 {
			flags = append(flags, s.Flags...)
		}
		if kid != s.Key.ID() {
			flags = append(flags, "--kid", kid)
		}
		return flags
	}
	if e.unknownSigner() {
		return []string{"--key", "FILE"}
	}
	return nil
}

// unknownSigner reports whether jwtctl token would sign, or has signed, with a
// key that the server does not know. It is not where a token without any fault
// of its key shows that a good one is available.
func (e *explainer) unknownSigner() bool {
	if e.Keys == nil || slices.ContainsFunc(e.Signers, func(s Signer) bool { _, known := e.Keys.kidOf(s.Key); return known }) {
		return false
	}
	return e.keyAtFault || len(e.Signers) > 0
}

// noteOnSigner says which key FILE in Fix stands for.
func (e *explainer) noteOnSigner() {
	if len(e.Signers) == 0 {
		e.note("FILE is the private half of a key that the server knows: %s. A key that jwtctl keygen makes now is not one of them until the server has fetched it", e.Keys.describe())
		return
	}
	k := e.Signers[0].Key
	e.note("the available key, %s (%s), is not one that the server knows: it knows %s. Sign with the private half of one of those (--key FILE), or let the server fetch yours: jwtctl serve",
		quote.Shorten(k.ID()), k.Source(), e.Keys.describe())
}

// shellWord makes one word of text for a POSIX shell.
func shellQuote(text string) string {
	const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,"
	if text != "" && strings.Trim(text, safe) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// noteOnDenial says what helps besides Fix.
func (e *explainer) noteOnDenial() {
	switch {
	case e.api.Access == AccessNever:
	case e.Keys != nil && len(e.Keys.usable()) == 0:
		e.note("no token will do before the server finds a key that it can use: see jwtctl serve")
	case e.unknownSigner():
		e.noteOnSigner()
	case e.keyAtFault && e.Keys != nil:
		e.note("sign with the private half of a key that the server has: %s", e.Keys.describe())
	case e.keyAtFault:
		e.note("sign with the private half of a key that the server has, by RS256 or ES256")
	}
	if !slices.ContainsFunc(e.faults, func(f Fault) bool { return f.Log != "" }) {
		e.note("the server logs nothing about this denial; the client only sees \"Request unauthorized.\"")
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
