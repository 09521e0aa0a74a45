package temporal

import (
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Task is something a person does with Temporal, and the APIs that it calls.
type Task struct {
	Name string
	APIs []string
}

// Tasks returns the tasks: the Web UI, a worker, and commands of the temporal CLI by
// name.
func Tasks() []Task {
	return []Task{
		{"ui", []string{"GetSystemInfo", "GetClusterInfo", "ListNamespaces", "GetSearchAttributes", "DescribeNamespace", "ListWorkflowExecutions", "CountWorkflowExecutions"}},
		{"worker", []string{
			"GetSystemInfo", "DescribeNamespace", "PollWorkflowTaskQueue", "PollActivityTaskQueue", "RespondWorkflowTaskCompleted", "RespondWorkflowTaskFailed",
			"RespondActivityTaskCompleted", "RespondActivityTaskFailed", "RecordActivityTaskHeartbeat", "RespondQueryTaskCompleted",
		}},
		{"workflow start", []string{"StartWorkflowExecution"}},
		{"workflow execute", []string{"StartWorkflowExecution", "GetWorkflowExecutionHistory"}},
		{"workflow list", []string{"ListWorkflowExecutions"}},
		{"workflow count", []string{"CountWorkflowExecutions"}},
		{"workflow describe", []string{"DescribeWorkflowExecution"}},
		{"workflow show", []string{"GetWorkflowExecutionHistory"}},
		{"workflow result", []string{"GetWorkflowExecutionHistory"}},
		{"workflow query", []string{"QueryWorkflow"}},
		{"workflow signal", []string{"SignalWorkflowExecution"}},
		{"workflow update", []string{"UpdateWorkflowExecution", "PollWorkflowExecutionUpdate"}},
		{"workflow cancel", []string{"RequestCancelWorkflowExecution"}},
		{"workflow terminate", []string{"TerminateWorkflowExecution"}},
		{"workflow reset", []string{"DescribeWorkflowExecution", "GetWorkflowExecutionHistory", "ResetWorkflowExecution"}},
		{"workflow delete", []string{"WorkflowService/DeleteWorkflowExecution"}},
		{"schedule create", []string{"CreateSchedule"}},
		{"schedule list", []string{"ListSchedules"}},
		{"schedule describe", []string{"DescribeSchedule"}},
		{"schedule delete", []string{"DeleteSchedule"}},
		{"task-queue describe", []string{"WorkflowService/DescribeTaskQueue"}},
		{"operator namespace create", []string{"RegisterNamespace"}},
		{"operator namespace list", []string{"ListNamespaces"}},
		{"operator namespace describe", []string{"DescribeNamespace"}},
		{"operator namespace update", []string{"UpdateNamespace"}},
		{"operator namespace delete", []string{"OperatorService/DeleteNamespace"}},
		{"operator cluster health", []string{"grpc.health.v1.Health/Check"}},
		{"operator cluster describe", []string{"GetClusterInfo"}},
		{"operator search-attribute list", []string{"OperatorService/ListSearchAttributes"}},
		{"operator search-attribute create", []string{"OperatorService/ListSearchAttributes", "OperatorService/AddSearchAttributes"}},
		{"operator nexus endpoint list", []string{"OperatorService/ListNexusEndpoints"}},
		{"operator nexus endpoint create", []string{"OperatorService/CreateNexusEndpoint"}},
	}
}

// FindTask returns the task called name, with or without the prefix "temporal ". Any
// other name is a usage error.
func FindTask(name string) (Task, error) {
	want := strings.TrimPrefix(strings.Join(strings.Fields(name), " "), "temporal ")
	var names []string
	for _, t := range Tasks() {
		if t.Name == want {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return Task{}, fault.New(fault.UsageError, "for", "unknown task %q", quote.Shorten(name)).WithHint("tasks are %s; or name a single API", strings.Join(names, ", "))
}

// Report is the server's decision on several calls with one token.
type Report struct {
	// Allowed reports whether every call is authorized.
	Allowed       bool   `json:"allowed"`
	ServerVersion string `json:"server_version"`
	// Undecided is that of the first undecided call.
	Undecided string    `json:"undecided,omitempty"`
	Calls     []Verdict `json:"calls"`
	// Fix is a command that makes one token with which all calls are allowed.
	Fix string `json:"fix,omitempty"`
}

// ExplainAll returns how the server decides r with each of apis in place of r.API; nil
// means every API of the release.
func ExplainAll(r Request, apis []string) (Report, error) {
	if r.Release.Version == "" {
		r.Release = Newest()
	}
	if apis == nil {
		for _, a := range r.Release.APIs() {
			apis = append(apis, a.Name)
		}
	}
	report := Report{Allowed: true, ServerVersion: r.Release.Version}
	var explainers []*explainer
	for _, name := range apis {
		api, _, err := r.Release.FindAPI(name)
		if err != nil {
			return Report{}, err
		}
		r.API = api.Name
		e, v, err := explainOne(r)
		if err != nil {
			return Report{}, err
		}
		explainers, report.Calls = append(explainers, e), append(report.Calls, v)
		report.Allowed = report.Allowed && v.Allowed
		if report.Undecided == "" {
			report.Undecided = v.Undecided
		}
	}
	denied := slices.ContainsFunc(report.Calls, func(v Verdict) bool { return !v.Allowed && v.Undecided == "" })
	if denied {
		report.Undecided = ""
		report.Fix = fixFor(explainers)
	}
	return report, nil
}
