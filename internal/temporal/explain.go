package temporal

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// Request is a call to a Temporal frontend whose authorizer and claimMapper are
// "default".
type Request struct {
	// Authorization is the value of the header as sent, or "". ParseAuthHeader makes one from what
	// a person pasted.
	Authorization string
	// SentIn is the name of the header; "" means the one that the server reads.
	SentIn string
	// HeaderName is the server's authHeaderName; "" means DefaultHeader.
	HeaderName string
	// NoAuthorizer and NoClaimMapper are set if the server has none: it then allows every
	// call, or treats every caller as an administrator.
	NoAuthorizer, NoClaimMapper bool
	// API is the called method, in any form that FindAPI accepts.
	API string
	// Release is the server's release; the zero value means the newest known.
	Release Release
	// Namespace is the namespace in the request, or "".
	Namespace string
	// Keys are the keys that the server holds. If nil, they are unknown, and neither key
	// ID nor signature is checked.
	Keys *KeySet
	// Signers are the available private keys; the first is the default of jwtctl token.
	Signers []Signer
	// Audience is the server's configured audience, or "".
	Audience string
	// Claim is the server's permissionsClaimName; "" means PermissionsClaim.
	Claim string
	// Format is how the server reads permissions (permissionsRegex).
	Format PermissionFormat
	// Now is the server's time.
	Now time.Time
}

// Signer is a private key, with the flags that select it in jwtctl token.
type Signer struct {
	Key   *keys.Key
	Flags []string
}

// Verdict is the server's decision with its reasons.
type Verdict struct {
	// Allowed reports whether the call is authorized. It may still fail for other
	// reasons, such as a missing namespace.
	Allowed bool `json:"allowed"`
	// Undecided is the missing fact that the decision depends on, with the flag that
	// provides it; "" if the decision does not depend on it.
	Undecided string `json:"undecided,omitempty"`
	// ServerVersion is the release whose rules were applied.
	ServerVersion string `json:"server_version"`
	// API is the method's full name.
	API       string `json:"api"`
	Namespace string `json:"namespace"`
	// RequiredRole is the lowest role that suffices, or "" if none is required or none
	// suffices.
	RequiredRole Role `json:"required_role"`
	// Scope is the scope in which the role is required.
	Scope Scope `json:"scope"`
	// HeldRoles are the token's permissions that count for the call, those for the
	// cluster first. If Faults has a problem with the token, they are only claimed.
	HeldRoles []string `json:"held_roles"`
	// Key is the key of the server that the signature was checked with, or nil if it
	// was not checked.
	Key *ServerKey `json:"key,omitempty"`
	// Faults are all problems that prevent the call, in the order in which the server
	// would find them. The server stops at the first, and logs only that one.
	Faults []Fault `json:"faults"`
	// Notes has assumptions that the decision depends on, and other useful facts.
	Notes []string `json:"notes"`
	// Fix is a POSIX shell command that makes a token with which the call is allowed. It
	// is "" if the call is allowed or no token would help.
	Fix string `json:"fix,omitempty"`
}

// Fault is a problem that prevents a call.
type Fault struct {
	Code fault.Code `json:"code"`
	// Reason describes the problem.
	Reason string `json:"reason"`
	// Log is the server's log message for it: the field "error" of its line
	// "Authorization error" or, for ignored permissions, the line itself; "" if the
	// server does not log it.
	Log string `json:"log,omitempty"`
}

// Explain returns how the server decides r, and why. It follows exactly the default claim
// mapper and authorizer of go.temporal.io/server, and golang-jwt v4, which they use, even
// where they accept what jwtctl refuses.
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
		e.note("the name also matches %s: use the full name for that one", strings.Join(homonyms, ", "))
	}
	v := Verdict{ServerVersion: r.Release.Version, API: api.Name, Namespace: r.Namespace, Scope: api.Scope, HeldRoles: []string{}}
	if reason := e.open(); reason != "" {
		e.note("%s: anyone may call this API, with any token or none", reason)
		v.Allowed = true
		return e, e.finish(v), nil
	}
	e.readAuthorization()
	tokenIsGood := len(e.faults) == 0
	held := e.heldRoles()
	v.RequiredRole, v.HeldRoles = api.Role(), held.list(e)
	switch api.Access {
	case AccessOpen:
		v.Allowed = tokenIsGood
		e.note("this API needs no token, but refuses a bad one")
	case AccessNever:
		e.fault(fault.AccessDenied, e.denialLog(), "the default authorizer does not know this API and denies it to everyone")
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

// open returns why the call is allowed with any token, or "".
func (e *explainer) open() string {
	switch {
	case e.NoAuthorizer:
		return "the server has no authorizer"
	case e.api.Access == AccessUnchecked:
		return "server " + e.Release.Version + " authorizes no streams"
	case e.NoClaimMapper && e.api.Access != AccessNever:
		return "the server has no claim mapper and treats every caller as an administrator"
	}
	return ""
}

// finish adds the findings to v.
func (e *explainer) finish(v Verdict) Verdict {
	if !v.Allowed && v.Undecided == "" {
		v.Fix = e.fix()
		e.noteOnDenial()
	}
	v.Key, v.Faults, v.Notes = e.checkedBy, append([]Fault{}, e.faults...), append([]string{}, e.notes...)
	return v
}

// explainer collects the findings about one Request.
type explainer struct {
	Request
	api       API
	claims    map[string]any // nil if there are none, or they cannot be read
	faults    []Fault
	notes     []string
	checkedBy *ServerKey // nil if no signature was checked
	// keyAtFault is set if the token needs another key.
	keyAtFault bool
}

func (e *explainer) fault(code fault.Code, log, format string, args ...any) {
	e.faults = append(e.faults, Fault{Code: code, Reason: fmt.Sprintf(format, args...), Log: log})
}

func (e *explainer) note(format string, args ...any) {
	e.notes = append(e.notes, fmt.Sprintf(format, args...))
}
