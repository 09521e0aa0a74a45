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
)

// API is a method of a Temporal frontend.
type API struct {
	// Name is the gRPC method, /package.Service/Method.
	Name   string
	Scope  Scope
	Access Access
	// Stream marks the APIs whose tokens need no audience: it is not checked
	// there.
	Stream bool
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

// FindAPI returns the API called name: in full, or any ending of it that begins
// at a slash or dot, such as StartWorkflowExecution or
// AdminService/GetNamespace. Of several, the first service's is taken
// (WorkflowService before OperatorService before AdminService) and the others
// are returned as homonyms. An unknown name is a usage error with the nearest
// names as a hint.
func FindAPI(name string) (api API, homonyms []string, err error) {
	ending := strings.TrimPrefix(name, "/")
	var found []API
	for _, a := range APIs() {
		if ending != "" && (strings.HasSuffix(a.Name, "/"+ending) || strings.HasSuffix(a.Name, "."+ending)) {
			found = append(found, a)
		}
	}
	if len(found) == 0 {
		return API{}, nil, unknownAPI(ending)
	}
	for _, a := range found[1:] {
		homonyms = append(homonyms, a.Name)
	}
	return found[0], homonyms, nil
}

func unknownAPI(name string) error {
	err := fault.New(fault.UsageError, "API", "a Temporal server %s has none called %q", ServerVersion, quote.Shorten(name))
	if near := nearestAPIs(name); len(near) > 0 {
		return err.WithHint("did you mean %s? (upper and lower case count)", strings.Join(near, " or "))
	}
	return err.WithHint("such as StartWorkflowExecution or /temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution")
}

// nearestAPIs returns at most three methods whose name differs from the last
// part of name in case or by a few letters, the nearest first.
func nearestAPIs(name string) []string {
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
	for _, a := range APIs() {
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
