package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// uiModule is the Web UI's server, whose configuration is read but not built.
const uiModule = "github.com/temporalio/ui-server/v2@v2.58.1"

// TestUIVariables compares the variables that docs/temporal.md lists for the Web UI with
// those that it reads.
func TestUIVariables(t *testing.T) {
	var module struct{ Dir string }
	if err := json.Unmarshal(goTool(t, "..", "mod", "download", "-json", uiModule), &module); err != nil {
		t.Fatal(err)
	}
	template, err := os.ReadFile(filepath.Join(module.Dir, "config", "docker.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile(filepath.Join(moduleRoot, "docs", "temporal.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(guide), "\n## 5. The Web UI\n")
	section, _, _ = strings.Cut(section, "\n## ")
	names := regexp.MustCompile(`(?m)^TEMPORAL_\w+`).FindAllString(section, -1)
	if len(names) < 6 {
		t.Fatalf("docs/temporal.md names only %q", names)
	}
	for _, name := range names {
		if !strings.Contains(string(template), `env "`+name+`"`) {
			t.Errorf("the UI does not read %s", name)
		}
	}
}
