package temporal

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// TestTemporal4Roles: all combinations of the last rows of section 4: which role in which
// scope allows an API of each requirement.
func TestTemporal4Roles(t *testing.T) {
	rank := map[string]int{"none": 0, "worker": 1, "read": 2, "write": 3, "admin": 4}
	for _, api := range []struct {
		name   string
		scope  Scope
		demand string
	}{
		{"DescribeWorkflowExecution", ScopeNamespace, "read"},
		{"StartWorkflowExecution", ScopeNamespace, "write"},
		{"UpdateNamespace", ScopeNamespace, "admin"},
		{"ListNamespaces", ScopeCluster, "read"},
		{"AddOrUpdateRemoteCluster", ScopeCluster, "admin"},
	} {
		for _, scope := range []string{"temporal-system", "default", "other"} {
			for role := range rank {
				permissions := []string{}
				if role != "none" {
					permissions = append(permissions, scope+":"+role)
				}
				v := explain(t, Header(es256(map[string]any{"permissions": permissions})), func(r *Request) { r.API = api.name })
				counts := scope == "temporal-system" || (scope == "default" && api.scope == ScopeNamespace)
				if want := counts && rank[role] >= rank[api.demand]; v.Allowed != want {
					t.Errorf("%s with %s:%s: got allowed %v, want %v", api.name, scope, role, v.Allowed, want)
				}
				if got := strings.Join(v.HeldRoles, ","); counts && role != "none" && got != scope+":"+role {
					t.Errorf("%s with %s:%s: held %q", api.name, scope, role, got)
				}
				if string(v.RequiredRole) != api.demand || v.Scope != api.scope {
					t.Errorf("%s: got required %s %s, want %s, %s", api.name, v.Scope, v.RequiredRole, api.scope, api.demand)
				}
			}
		}
	}
}

// TestTemporal4RolesAddUp: admin of the cluster counts in a namespace; a role in a
// namespace does not count for the cluster.
func TestTemporal4RolesAddUp(t *testing.T) {
	v := explain(t, Header(es256(map[string]any{"permissions": []string{"default:worker", "temporal-system:read", "default:read", "default:worker"}})), nil)
	if v.Allowed {
		t.Error("worker and read do not add up to write")
	}
	if want := []string{"temporal-system:read", "default:worker", "default:read"}; !slices.Equal(v.HeldRoles, want) {
		t.Errorf("got roles %q, want %q", v.HeldRoles, want)
	}
}

func TestTemporal4Permissions(t *testing.T) {
	ineffective := []string{"role_missing", "permission_ineffective"}
	for name, row := range map[string]struct {
		permissions any
		claim       string
		namespace   string
		want        []string
		reason      string // in the last fault, or in a note
	}{
		"one string":            {permissions: "default:write", want: ineffective, reason: "not an array"},
		"no claim":              {want: []string{"role_missing"}, reason: `no claim "permissions"`},
		"empty":                 {permissions: []any{}, want: []string{"role_missing"}, reason: "has none"},
		"no colon":              {permissions: []any{"default"}, want: []string{"role_missing", "permission_ineffective: ignoring permission in unexpected format: default"}, reason: "no colon"},
		"not a string":          {permissions: []any{nil}, want: []string{"role_missing", "permission_ineffective: ignoring permission that is not a string: <nil>"}},
		"upper case role":       {permissions: []any{"default:WRITE"}},
		"unknown role":          {permissions: []any{"default:owner"}, want: ineffective, reason: `the role "owner"`},
		"space before role":     {permissions: []any{"default: write"}, want: ineffective, reason: `the role " write"`},
		"upper case namespace":  {permissions: []any{"Default:write"}, want: ineffective, reason: "case and spaces matter"},
		"wildcard":              {permissions: []any{"*:write"}, want: ineffective, reason: "no wildcards"},
		"system":                {permissions: []any{"system:admin"}, want: ineffective, reason: "is temporal-system"},
		"TEMPORAL-SYSTEM":       {permissions: []any{"TEMPORAL-SYSTEM:admin"}, want: ineffective, reason: "is temporal-system"},
		"elsewhere":             {permissions: []any{"other:admin"}, want: []string{"role_missing"}, reason: "only elsewhere: other:admin"},
		"only the first colon":  {permissions: []any{"default:x:write"}, want: ineffective},
		"useless, but enough":   {permissions: []any{"default:owner", "default:write"}, reason: "owner"},
		"other claim":           {permissions: []any{"default:write"}, claim: "roles", want: []string{"role_missing"}, reason: `no claim "roles"`},
		"system as a namespace": {permissions: []any{"temporal-system:write"}, namespace: SystemScope},
		"no namespace":          {permissions: []any{"default:write"}, namespace: "-", want: []string{"namespace_missing", "role_missing"}},
		"empty scope":           {permissions: []any{":write"}, namespace: "-"},
	} {
		t.Run(name, func(t *testing.T) {
			v := explain(t, Header(es256(map[string]any{"permissions": row.permissions})), func(r *Request) {
				r.Claim = row.claim
				if row.namespace != "" {
					r.Namespace = strings.Trim(row.namespace, "-")
				}
			})
			if name == "system as a namespace" && !v.Allowed {
				t.Errorf("got %+v", v)
			}
			if got := found(v); !slices.Equal(got, row.want) {
				t.Errorf("got faults %q, want %q", got, row.want)
			}
			if row.reason != "" && !strings.Contains(fmt.Sprint(v.Faults, v.Notes), row.reason) {
				t.Errorf("want %q in %v %v", row.reason, v.Faults, v.Notes)
			}
		})
	}
}

// TestExplainLeavesTaskTokensUndecided: a request without a namespace gets that of its
// task before it is authorized.
func TestExplainLeavesTaskTokensUndecided(t *testing.T) {
	for name, row := range map[string]struct {
		permissions []any
		namespace   string
		change      map[string]any
		allowed     bool
		undecided   string
	}{
		"namespace of the task decides":  {permissions: []any{"default:write", "b:admin", "c:read"}, undecided: `allowed for "b", "default"`},
		"cluster role suffices":          {permissions: []any{"temporal-system:write", "default:write"}, allowed: true},
		"no namespace suffices":          {permissions: []any{"default:read"}},
		"given namespace":                {permissions: []any{"default:write"}, namespace: "default", allowed: true},
		"other given namespace":          {permissions: []any{"default:write"}, namespace: "b"},
		"token refused in any namespace": {permissions: []any{"default:write"}, change: map[string]any{"exp": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			changes := map[string]any{"permissions": row.permissions}
			maps.Copy(changes, row.change)
			v := explain(t, Header(es256(changes)), func(r *Request) { r.API, r.Namespace = "RespondWorkflowTaskCompleted", row.namespace })
			if v.Allowed != row.allowed || !strings.Contains(v.Undecided, row.undecided) || (row.undecided == "") != (v.Undecided == "") {
				t.Errorf("got %+v", v)
			}
		})
	}
}

// TestExplainFollowsNoDotsInTheClaimName: dots in a claim's name do not form a path
// (temporal.md section 6).
func TestExplainFollowsNoDotsInTheClaimName(t *testing.T) {
	nested := map[string]any{"permissions": nil, "realm_access": map[string]any{"roles": []any{"default:write"}}}
	v := explain(t, Header(es256(nested)), func(r *Request) { r.Claim = "realm_access.roles" })
	if v.Allowed || !strings.Contains(fmt.Sprint(v.Faults), "does not look inside claims") {
		t.Errorf("got %+v", v)
	}
	v = explain(t, Header(es256(map[string]any{"permissions": nil, "realm_access.roles": []any{"default:write"}})), func(r *Request) { r.Claim = "realm_access.roles" })
	if !v.Allowed {
		t.Errorf("got %+v", v)
	}
}

// TestExplainManyPermissions: a token full of useless permissions yields a short report.
func TestExplainManyPermissions(t *testing.T) {
	v := explain(t, Header(es256(map[string]any{"permissions": slices.Repeat([]string{"x"}, 1000)})), nil)
	if len(v.Faults) != maxIneffective+2 || v.Faults[0].Code != fault.RoleMissing {
		t.Errorf("got %d faults, want %d", len(v.Faults), maxIneffective+2)
	}
}
