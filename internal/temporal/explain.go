package temporal

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// Request is a call of a Temporal frontend whose authorizer and claimMapper
// are "default".
type Request struct {
	// Authorization is the header's value as it is sent, "" for none. What a
	// person pasted becomes one with SentBy.
	Authorization string
	// SentIn is the name of the header, "" if it is the one that the server reads.
	SentIn string
	// HeaderName is the server's authHeaderName; "" means DefaultHeader.
	HeaderName string
	// NoAuthorizer and NoClaimMapper say that the server has none: it allows every
	// call, or takes every caller for an administrator.
	NoAuthorizer, NoClaimMapper bool
	// API is the method called, in any form that FindAPI takes.
	API string
	// Release is the server's; the zero value means the newest known.
	Release Release
	// Namespace is the one in the request, "" for none.
	Namespace string
	// Keys are the keys that the server holds; nil if they are not known, so
	// that neither key id nor signature is checked.
	Keys *KeySet
	// Signers are the private keys available; the first is the one that jwtctl token
	// takes unless told otherwise.
	Signers []Signer
	// Audience is the server's configured audience, "" for none.
	Audience string
	// Claim is the server's permissionsClaimName; "" means PermissionsClaim.
	Claim string
	// Format is how the server reads permissions (permissionsRegex).
	Format PermissionFormat
	// Now is the server's time.
	Now time.Time
}

// Signer is a private key, and the flags with which jwtctl token takes it.
type Signer struct {
	Key   *keys.Key
	Flags []string
}

// Verdict is the server's answer with its reasons.
type Verdict struct {
	// Allowed says that the call is authorized; it may still fail afterwards,
	// such as for a namespace that is not there.
	Allowed bool `json:"allowed"`
	// Undecided is what the answer depends on that was not given, and with which
	// flag it is; "" if the answer does not depend on it.
	Undecided string `json:"undecided,omitempty"`
	// ServerVersion is the release that decides so.
	ServerVersion string `json:"server_version"`
	// API is the method's full name.
	API       string `json:"api"`
	Namespace string `json:"namespace"`
	// RequiredRole is the lowest role that would do, "" if none is needed or
	// none would do.
	RequiredRole Role `json:"required_role"`
	// Scope says whose role it must be.
	Scope Scope `json:"scope"`
	// HeldRoles are the permissions of the token that count for the call, the
	// cluster's first. They are only claimed if Faults holds one of the token.
	HeldRoles []string `json:"held_roles"`
	// Faults are all that prevents the call, in the order in which the server
	// would find it. It stops at the first and logs that one alone.
	Faults []Fault `json:"faults"`
	// Notes are what the answer depends on and what is worth knowing besides.
	Notes []string `json:"notes"`
	// Fix is a command line for a POSIX shell that makes a token which would do,
	// "" if the call is allowed or no token would do.
	Fix string `json:"fix,omitempty"`
}

// Fault is one thing that prevents a call.
type Fault struct {
	Code fault.Code `json:"code"`
	// Reason says what is wrong, for people.
	Reason string `json:"reason"`
	// Log is the server's own text for it, in the field "error" of its line
	// "Authorization error" or, for permissions that it ignores, the line
	// itself; "" where the server logs nothing.
	Log string `json:"log,omitempty"`
}

// Explain returns what the server answers to r, and why. It follows
// go.temporal.io/server's default claim mapper and authorizer to the letter,
// and the golang-jwt v4 below them: also where they take what jwtctl refuses.
//
// The only error is a usage error, for an API that the server does not have.
func Explain(r Request) (Verdict, error) {
	_, v, err := explainOne(r)
	return v, err
}

func explainOne(r Request) (*explainer, Verdict, error) {
	if r.Release.Version == "" {
		r.Release = Newest()
	}
	api, homonyms, err := r.Release.FindAPI(r.API)
	if err != nil {
		return nil, Verdict{}, err
	}
	r.Claim, r.HeaderName = cmp.Or(r.Claim, PermissionsClaim), strings.ToLower(cmp.Or(r.HeaderName, DefaultHeader))
	e := &explainer{Request: r, api: api}
	if len(homonyms) > 0 {
		e.note("the name also means %s: give the full name for that one", strings.Join(homonyms, ", "))
	}
	if why := e.open(); why != "" {
		e.note("%s: anyone may call this API, with any token or none", why)
		return e, e.finish(Verdict{ServerVersion: r.Release.Version, API: api.Name, Namespace: r.Namespace, Scope: api.Scope, HeldRoles: []string{}, Allowed: true}), nil
	}
	e.readAuthorization()
	tokenIsGood := len(e.faults) == 0
	held := e.readPermissions()
	v := Verdict{ServerVersion: r.Release.Version, API: api.Name, Namespace: r.Namespace, RequiredRole: api.Role(), Scope: api.Scope, HeldRoles: held.list(e)}
	switch api.Access {
	case AccessOpen:
		v.Allowed = tokenIsGood
		e.note("this API needs no token, but refuses a bad one")
	case AccessNever:
		e.fault(fault.AccessDenied, e.denialLog(), "the default authorizer does not know this API and refuses it to everyone")
	default:
		if v.Undecided = e.undecided(held); v.Undecided == "" {
			v.Allowed = e.authorize(held) && tokenIsGood
		} else if !tokenIsGood {
			v.Undecided = "" // no namespace would help
		}
	}
	e.noteOnNamespace()
	return e, e.finish(v), nil
}

// open returns why the call is allowed whatever the token, "" if it is not.
func (e *explainer) open() string {
	switch {
	case e.NoAuthorizer:
		return "the server has no authorizer"
	case e.api.Access == AccessUnchecked:
		return "server " + e.Release.Version + " authorizes no streams"
	case e.NoClaimMapper && e.api.Access != AccessNever:
		return "the server has no claim mapper and takes every caller for an administrator"
	}
	return ""
}

// finish adds what was found to v.
func (e *explainer) finish(v Verdict) Verdict {
	if !v.Allowed && v.Undecided == "" {
		v.Fix = e.fix()
		e.noteOnDenial()
	}
	v.Faults, v.Notes = append([]Fault{}, e.faults...), append([]string{}, e.notes...)
	return v
}

// explainer gathers what is found about one Request.
type explainer struct {
	Request
	api    API
	claims map[string]any // nil if there are none that can be read
	faults []Fault
	notes  []string
	// keyAtFault is set where the token needs another key.
	keyAtFault bool
}

func (e *explainer) fault(code fault.Code, log, format string, args ...any) {
	e.faults = append(e.faults, Fault{Code: code, Reason: fmt.Sprintf(format, args...), Log: log})
}

func (e *explainer) note(format string, args ...any) {
	e.notes = append(e.notes, fmt.Sprintf(format, args...))
}
