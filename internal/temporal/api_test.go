package temporal

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
)

func TestAPITable(t *testing.T) {
	for _, r := range Releases() {
		t.Run(r.Version, func(t *testing.T) { checkAPIs(t, r) })
	}
}

func checkAPIs(t *testing.T, r Release) {
	list := r.APIs()
	if len(list) < 150 {
		t.Errorf("only %d APIs; the frontend of %s has more", len(list), r.Version)
	}
	seen := map[string]bool{}
	for _, a := range list {
		if seen[a.Name] || strings.Count(a.Name, "/") != 2 || a.Name[0] != '/' {
			t.Errorf("%q is a duplicate or not a method name", a.Name)
		}
		seen[a.Name] = true
		switch a.Access {
		case AccessRead, AccessWrite, AccessAdmin:
			if a.Role() == "" || (a.Scope != ScopeNamespace && a.Scope != ScopeCluster) {
				t.Errorf("%s: got scope %q, role %q", a.Name, a.Scope, a.Role())
			}
		case AccessOpen, AccessNever, AccessUnchecked:
			if a.Role() != "" {
				t.Errorf("%s: got role %q", a.Name, a.Role())
			}
		default:
			t.Errorf("%s: access %q", a.Name, a.Access)
		}
	}
}

func TestFindAPI(t *testing.T) {
	const workflow = "/temporal.api.workflowservice.v1.WorkflowService/"
	for name, want := range map[string]API{
		"StartWorkflowExecution":                                   {Name: workflow + "StartWorkflowExecution", Scope: ScopeNamespace, Access: AccessWrite},
		workflow + "StartWorkflowExecution":                        {Name: workflow + "StartWorkflowExecution", Scope: ScopeNamespace, Access: AccessWrite},
		"WorkflowService/DescribeNamespace":                        {Name: workflow + "DescribeNamespace", Scope: ScopeNamespace, Access: AccessRead},
		"RegisterNamespace":                                        {Name: workflow + "RegisterNamespace", Scope: ScopeNamespace, Access: AccessAdmin},
		"ListNamespaces":                                           {Name: workflow + "ListNamespaces", Scope: ScopeCluster, Access: AccessRead},
		"GetSystemInfo":                                            {Name: workflow + "GetSystemInfo", Scope: ScopeCluster, Access: AccessOpen},
		"RespondWorkflowTaskCompleted":                             {Name: workflow + "RespondWorkflowTaskCompleted", Scope: ScopeNamespace, Access: AccessWrite, TaskToken: true},
		"ListNexusEndpoints":                                       {Name: "/temporal.api.operatorservice.v1.OperatorService/ListNexusEndpoints", Scope: ScopeCluster, Access: AccessAdmin},
		"AdminService/DeleteWorkflowExecution":                     {Name: "/temporal.server.api.adminservice.v1.AdminService/DeleteWorkflowExecution", Scope: ScopeCluster, Access: AccessAdmin},
		"StreamWorkflowReplicationMessages":                        {Name: "/temporal.server.api.adminservice.v1.AdminService/StreamWorkflowReplicationMessages", Scope: ScopeCluster, Access: AccessAdmin, Stream: true},
		"NexusService/DispatchByEndpoint":                          {Name: "/temporal.api.nexusservice.v1.NexusService/DispatchByEndpoint", Scope: ScopeNamespace, Access: AccessWrite, HTTP: true},
		"Check":                                                    {Name: "/grpc.health.v1.Health/Check", Scope: ScopeCluster, Access: AccessOpen},
		"grpc.reflection.v1.ServerReflection/ServerReflectionInfo": {Name: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Scope: ScopeNone, Access: AccessNever, Stream: true},
	} {
		got, _, err := Newest().FindAPI(name)
		if err != nil || got != want {
			t.Errorf("FindAPI(%q) = %+v, %v, want %+v", name, got, err, want)
		}
	}
	if _, homonyms, _ := Newest().FindAPI("DeleteWorkflowExecution"); !slices.Equal(homonyms, []string{"/temporal.server.api.adminservice.v1.AdminService/DeleteWorkflowExecution"}) {
		t.Errorf("homonyms %q", homonyms)
	}
}

func TestFindAPIUnknown(t *testing.T) {
	for name, hint := range map[string]string{
		"startWorkflowExecution":     "did you mean StartWorkflowExecution?",
		"StartWorkflow":              "such as",
		"StartWorkflowExecutoin":     "did you mean StartWorkflowExecution?",
		"/x.y.Z/DescribeNamespaces":  "did you mean DescribeNamespace",
		"":                           "such as",
		"/":                          "such as",
		".":                          "such as",
		"ListNexusEndpoint":          "ListNexusEndpoints",
		strings.Repeat("x", 1000000): "such as",
	} {
		_, _, err := Newest().FindAPI(name)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.UsageError || !strings.Contains(f.Hint, hint) || len(f.Error()) > 200 {
			t.Errorf("FindAPI(%.30q): got %v, hint %q, want one with %q", name, err, f.Hint, hint)
		}
	}
}
