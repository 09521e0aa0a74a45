package temporal

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestTasksNameKnownAPIs: every release has the APIs of every task.
func TestTasksNameKnownAPIs(t *testing.T) {
	for _, task := range Tasks() {
		for _, r := range Releases() {
			for _, api := range task.APIs {
				if found, _, err := r.FindAPI(api); err != nil || found.Access == AccessNever {
					t.Errorf("%s: %v", task.Name, err)
				}
			}
		}
	}
}

func TestFindTask(t *testing.T) {
	for name, want := range map[string]string{"ui": "ui", "workflow start": "workflow start", "temporal  workflow list": "workflow list", "start": ""} {
		task, err := FindTask(name)
		var f *fault.Error
		if task.Name != want || (want == "") != errors.As(err, &f) {
			t.Errorf("%q: got %q, %v, want %q", name, task.Name, err, want)
		}
	}
}

// TestExplainAllProposesOneToken: one token allows all calls of a task, with no more
// permissions than needed.
func TestExplainAllProposesOneToken(t *testing.T) {
	for name, row := range map[string]struct {
		task, authorization string
		allowed             int
		fix                 string
	}{
		"ui without a token":       {"ui", "", 1, "jwtctl token --system --role read"},
		"ui with a namespace role": {"ui", Header(es256(nil)), 4, "jwtctl token --system --role read"},
		"worker":                   {"worker", Header(es256(map[string]any{"permissions": []string{"default:worker"}})), 1, "jwtctl token --namespace default --role write"},
		"worker with write":        {"worker", Header(es256(nil)), 10, ""},
	} {
		t.Run(name, func(t *testing.T) {
			task := testkit.Must(FindTask(row.task))
			r := testkit.Must(ExplainAll(Request{Authorization: row.authorization, Namespace: "default", Keys: serverKeys(t), Now: now}, task.APIs))
			allowed := 0
			for _, v := range r.Calls {
				checkVerdict(t, v)
				if v.Allowed {
					allowed++
				}
			}
			if allowed != row.allowed || r.Fix != row.fix || r.Allowed != (allowed == len(task.APIs)) {
				t.Errorf("got %d allowed, fix %q, want %d, %q", allowed, r.Fix, row.allowed, row.fix)
			}
		})
	}
	mixed := testkit.Must(ExplainAll(Request{Namespace: "default", Now: now}, []string{"ListNamespaces", "StartWorkflowExecution"}))
	if want := "jwtctl token --namespace default --role write --permission temporal-system:read"; mixed.Fix != want {
		t.Errorf("got fix %q, want %q", mixed.Fix, want)
	}
}

func TestExplainAllCoversTheRelease(t *testing.T) {
	r := testkit.Must(ParseRelease("1.30.8"))
	report := testkit.Must(ExplainAll(Request{Release: r, Namespace: "default", Now: now}, nil))
	if len(report.Calls) != len(r.APIs()) || report.ServerVersion != "1.30.8" || report.Allowed {
		t.Errorf("%d calls of %d APIs", len(report.Calls), len(r.APIs()))
	}
	if slices.ContainsFunc(report.Calls, func(v Verdict) bool {
		return v.Allowed != strings.HasSuffix(v.API, "Health/Check") && v.Allowed != strings.HasSuffix(v.API, "/GetSystemInfo")
	}) {
		t.Error("a call without a token is allowed")
	}
}
