package temporal

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/suggest"
)

// Scope is the scope of the roles that count for an API.
type Scope string

// The scopes in the server's metadata. With ScopeNone no role counts.
const (
	ScopeNamespace Scope = "namespace" // roles in the namespace or the cluster
	ScopeCluster   Scope = "cluster"   // roles in the cluster only
	ScopeNone      Scope = "none"
)

// Access is what the default authorizer requires for an API.
type Access string

// The levels of access: a role of at least that rank, nothing (AccessOpen), or
// AccessNever for APIs that the authorizer does not know, which are refused to everyone.
const (
	AccessRead  Access = "read"
	AccessWrite Access = "write"
	AccessAdmin Access = "admin"
	AccessOpen  Access = "open"
	AccessNever Access = "never"
	// AccessUnchecked is for APIs that anyone may call, with any token.
	AccessUnchecked Access = "unchecked"
)

// API is a method of a Temporal frontend, as the authorizer sees it.
type API struct {
	// Name is the full name of the gRPC method, or similar: /package.Service/Method.
	Name   string
	Scope  Scope
	Access Access
	// Stream is set for streaming methods, for which releases differ in what they check.
	Stream bool
	// HTTP is set for the Nexus APIs, which are called over HTTP only. No release checks
	// their audience.
	HTTP bool
	// TaskToken is set for APIs whose requests, if they do not name a namespace, are
	// authorized for the namespace in their task token.
	TaskToken bool
}

// Role returns the lowest role that the API requires, or "" if none is required or none
// suffices.
func (a API) Role() Role {
	switch a.Access {
	case AccessRead, AccessWrite, AccessAdmin:
		return Role(a.Access)
	}
	return ""
}

// matchesName reports whether name is a's full name, or a suffix of it that starts after a
// slash or dot.
func (a API) matchesName(name string) bool {
	return name != "" && (strings.HasSuffix(a.Name, "/"+name) || strings.HasSuffix(a.Name, "."+name))
}

// FindAPI returns the API called name: its full name, or a suffix that starts after a
// slash or dot, such as StartWorkflowExecution or AdminService/GetNamespace. If several
// match, WorkflowService precedes OperatorService, which precedes AdminService, and the
// others are returned as homonyms. An unknown name is a usage error, with a hint that
// lists the releases that have it, or similar names.
func (r Release) FindAPI(name string) (api API, homonyms []string, err error) {
	ending := strings.TrimPrefix(name, "/")
	var found []API
	for _, a := range r.APIs() {
		if a.matchesName(ending) {
			found = append(found, a)
		}
	}
	if len(found) == 0 {
		return API{}, nil, r.unknownAPI(ending)
	}
	for _, a := range found[1:] {
		homonyms = append(homonyms, a.Name)
	}
	return found[0], homonyms, nil
}

func (r Release) unknownAPI(name string) error {
	err := fault.New(fault.UsageError, "API", "Temporal server %s has no API %q", r.Version, quote.Shorten(name))
	if others := elsewhere(name); others != "" {
		return err.WithHint("servers have it %s: choose one of these releases", others)
	}
	if near := r.nearestAPIs(name); len(near) > 0 {
		return err.WithHint("did you mean %s? (names are case-sensitive)", strings.Join(near, " or "))
	}
	return err.WithHint("use a name such as StartWorkflowExecution or /temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution")
}

// nearestAPIs returns up to three methods whose name differs from the last part of name
// in case or by a few letters, most similar first.
func (r Release) nearestAPIs(name string) []string {
	const most = 64 // no method name is longer
	want := strings.ToLower(name[strings.LastIndexAny(name, "/.")+1:])
	if len(want) > most {
		return nil
	}
	type candidate struct {
		method   string
		distance int
	}
	var list []candidate
	for _, a := range r.APIs() {
		method := a.Name[strings.LastIndex(a.Name, "/")+1:]
		if d := suggest.Distance(want, strings.ToLower(method)); d <= len(method)/4 {
			list = append(list, candidate{method, d})
		}
	}
	slices.SortStableFunc(list, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var names []string
	for _, c := range list {
		if len(names) < 3 && c.distance <= list[0].distance+1 && !slices.Contains(names, c.method) {
			names = append(names, c.method)
		}
	}
	return names
}
