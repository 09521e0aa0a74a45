package temporal

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/suggest"
)

// Scope says which roles of a token count for an API.
type Scope string

// The scopes of the server's metadata. With ScopeNone no role counts.
const (
	ScopeNamespace Scope = "namespace" // the namespace's and the cluster's
	ScopeCluster   Scope = "cluster"   // the cluster's alone
	ScopeNone      Scope = "none"
)

// Access says what the default authorizer wants for an API.
type Access string

// The levels of access: a role of at least that rank, nothing at all, or what
// no one has because the authorizer knows no such API.
const (
	AccessRead  Access = "read"
	AccessWrite Access = "write"
	AccessAdmin Access = "admin"
	AccessOpen  Access = "open"
	AccessNever Access = "never"
	// AccessUnchecked is what everyone has, whatever the token.
	AccessUnchecked Access = "unchecked"
)

// API is what a call of a Temporal frontend is authorized for.
type API struct {
	// Name is the gRPC method, or the like of one: /package.Service/Method.
	Name   string
	Scope  Scope
	Access Access
	// Stream marks gRPC streams. Releases differ in what they check there.
	Stream bool
	// HTTP marks the APIs of Nexus, which are called over HTTP alone. No release
	// checks the audience there.
	HTTP bool
	// TaskToken marks the APIs whose request, if it names no namespace, is
	// authorized for the one in its task token.
	TaskToken bool
}

// Role returns the lowest role that the API wants, "" where none would do or
// none is needed.
func (a API) Role() Role {
	switch a.Access {
	case AccessRead, AccessWrite, AccessAdmin:
		return Role(a.Access)
	}
	return ""
}

// isCalled reports whether name is a's, in full or an ending of it that begins
// at a slash or dot.
func (a API) isCalled(name string) bool {
	return name != "" && (strings.HasSuffix(a.Name, "/"+name) || strings.HasSuffix(a.Name, "."+name))
}

// FindAPI returns the API called name: in full, or any ending of it that begins
// at a slash or dot, such as StartWorkflowExecution or
// AdminService/GetNamespace. Of several, the first service's is taken
// (WorkflowService before OperatorService before AdminService) and the others
// are returned as homonyms. A name that the release does not know is a usage
// error, with the releases that do or the nearest names as a hint.
func (r Release) FindAPI(name string) (api API, homonyms []string, err error) {
	ending := strings.TrimPrefix(name, "/")
	var found []API
	for _, a := range r.APIs() {
		if a.isCalled(ending) {
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
		return err.WithHint("servers have it %s: choose one of them", others)
	}
	if near := r.nearestAPIs(name); len(near) > 0 {
		return err.WithHint("did you mean %s? (upper and lower case count)", strings.Join(near, " or "))
	}
	return err.WithHint("such as StartWorkflowExecution or /temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution")
}

// nearestAPIs returns at most three methods whose name differs from the last
// part of name in case or by a few letters, the nearest first.
func (r Release) nearestAPIs(name string) []string {
	const most = 64 // no method's name is longer
	wanted := strings.ToLower(name[strings.LastIndexAny(name, "/.")+1:])
	if len(wanted) > most {
		return nil
	}
	type candidate struct {
		method   string
		distance int
	}
	var list []candidate
	for _, a := range r.APIs() {
		method := a.Name[strings.LastIndex(a.Name, "/")+1:]
		if d := suggest.Distance(wanted, strings.ToLower(method)); d <= len(method)/4 {
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
