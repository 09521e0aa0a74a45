package temporal

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/quote"
)

// fix returns the command that makes a token with which the call is allowed.
func (e *explainer) fix() string { return fixFor([]*explainer{e}) }

// fixFor returns the command that makes a token with which all calls are allowed, or "".
// The calls must be to one server and namespace.
func fixFor(calls []*explainer) string {
	e := calls[0]
	if e.Keys != nil && len(e.Keys.Usable()) == 0 {
		return ""
	}
	var want []Permission // those for the cluster first
	audience := false
	for _, call := range calls {
		if call.api.Access == AccessNever {
			return ""
		}
		audience = audience || call.checksAudience()
		if call.api.Role() == "" && len(calls) > 1 { // any token suffices
			continue
		}
		p := call.lowestPermission()
		i := slices.IndexFunc(want, func(w Permission) bool { return w.Scope == p.Scope })
		switch {
		case i < 0 && p.Scope == SystemScope:
			want = slices.Insert(want, 0, p)
		case i < 0:
			want = append(want, p)
		case setOf(p.Role) > setOf(want[i].Role):
			want[i] = p
		}
	}
	if len(want) == 0 {
		want = []Permission{e.lowestPermission()}
	}
	if len(want) == 2 && setOf(want[0].Role) >= setOf(want[1].Role) {
		want = want[:1] // a role in the cluster counts in every namespace
	}
	flags, ok := e.permissionFlags(want)
	if !ok {
		return ""
	}
	args := append([]string{"jwtctl", "token"}, flags...)
	if strings.TrimSpace(e.Audience) != "" && audience {
		args = append(args, "--aud", e.Audience)
	}
	args = append(args, e.signingFlags()...)
	for i, a := range args {
		args[i] = quote.Shell(a)
	}
	return strings.Join(args, " ")
}

// lowestPermission returns the lowest permission with which the call is allowed.
func (e *explainer) lowestPermission() Permission {
	p := Permission{Scope: SystemScope, Role: cmp.Or(e.api.Role(), RoleRead)} // any role, if none is required
	if e.api.Scope == ScopeNamespace && CheckScope(e.Namespace) == nil {
		p.Scope = e.Namespace
	}
	return p
}

// permissionFlags returns the flags of jwtctl token for one permission, or for one in the
// cluster and one in a namespace.
func (e *explainer) permissionFlags(want []Permission) ([]string, bool) {
	main := want[len(want)-1]
	flags := []string{"--namespace", main.Scope, "--role", string(main.Role)}
	if main.Scope == SystemScope {
		flags = []string{"--system", "--role", string(main.Role)}
	}
	if len(want) == 2 {
		flags = append(flags, "--permission", want[0].String())
	}
	var texts []string
	for _, p := range want {
		text, err := e.Format.Write(p)
		if err != nil {
			e.note("found no permission that the server's permissionsRegex reads as %s", p)
			return nil, false
		}
		texts = append(texts, text)
	}
	switch {
	case e.Claim != PermissionsClaim:
		list, _ := json.Marshal(texts) // strings always marshal
		flags = append(flags, "--claim-json", e.Claim+"="+string(list))
	case e.Format.regex != nil:
		flags = append(flags, "--permissions-regex", e.Format.String())
	}
	return flags, true
}

// signingFlags returns the flags with which jwtctl token signs with a key that the server
// has. It never gives a key the ID of another key: the server would look up that other
// key, and the signature would be invalid.
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

// unknownSigner reports whether jwtctl token would sign, or has signed, with a key that
// the server does not have. It returns false if the token has no fault with its key: then
// a good key is available.
func (e *explainer) unknownSigner() bool {
	if e.Keys == nil || slices.ContainsFunc(e.Signers, func(s Signer) bool { _, known := e.Keys.kidOf(s.Key); return known }) {
		return false
	}
	return e.keyAtFault || len(e.Signers) > 0
}

// noteOnSigner adds a note about which key FILE in Fix means.
func (e *explainer) noteOnSigner() {
	if len(e.Signers) == 0 {
		e.note("FILE is the private half of a key that the server has: %s. A new key from jwtctl keygen works only after the server has fetched it", e.Keys.describe())
		return
	}
	k := e.Signers[0].Key
	e.note("the server does not have the available key, %s (%s); it has %s. Sign with the private half of one of those (--key FILE), or publish yours with jwtctl serve",
		quote.Shorten(k.ID()), k.Source(), e.Keys.describe())
}

// noteOnDenial adds a note about what helps besides Fix.
func (e *explainer) noteOnDenial() {
	switch {
	case e.api.Access == AccessNever:
	case e.Keys != nil && len(e.Keys.Usable()) == 0:
		e.note("no token works before the server finds a usable key: see jwtctl serve")
	case e.unknownSigner():
		e.noteOnSigner()
	case e.keyAtFault && e.Keys != nil:
		e.note("sign with the private half of a key that the server has: %s", e.Keys.describe())
	case e.keyAtFault:
		e.note("sign with the private half of a key that the server has, with RS256 or ES256")
	}
	switch {
	case unsendable(e.Authorization) >= 0:
		e.note("the server logs nothing about a call that the client does not make")
	case !slices.ContainsFunc(e.faults, func(f Fault) bool { return f.Log != "" }):
		e.note("the server logs nothing about this denial; the client only sees \"Request unauthorized.\"")
	}
}

// noteOnNamespace adds a note about the request's namespace.
func (e *explainer) noteOnNamespace() {
	const limit = 1000 // bytes, the server's default for limit.maxIDLength
	switch {
	case e.Namespace == "" && e.api.TaskToken:
		e.note("a request without a namespace gets that of its task token before it is authorized")
	case len(e.Namespace) > limit:
		e.note("the server refuses namespaces of more than %d bytes before it looks at the token", limit)
	}
}
