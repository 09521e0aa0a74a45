package docs_test

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestModulesShareVersions: the modules whose tests make test runs require what jwtctl
// requires in the same version. Else all that depends on it is compiled twice.
func TestModulesShareVersions(t *testing.T) {
	want := requirements(t, ".")
	for _, folder := range []string{"connectauth", "examples/inprocess", "examples/proxy", "tools/conformance"} {
		shared := 0
		for module, version := range requirements(t, folder) {
			if own, both := want[module]; both {
				shared++
				if version != own {
					t.Errorf("%s/go.mod requires %s %s, go.mod %s: cd %s; go get %s@%s; go mod tidy", folder, module, version, own, folder, module, own)
				}
			}
		}
		if shared == 0 {
			t.Errorf("%s/go.mod requires nothing that go.mod does", folder)
		}
	}
}

// requirements returns the versions that a folder's go.mod requires, by module.
func requirements(t *testing.T, folder string) map[string]string {
	t.Helper()
	data := testkit.Must(os.ReadFile(filepath.Join("../..", folder, "go.mod")))
	versions := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		fields := strings.Fields(strings.TrimPrefix(lines.Text(), "require "))
		if len(fields) >= 2 && strings.HasPrefix(fields[1], "v") && !strings.HasPrefix(lines.Text(), "replace") {
			versions[fields[0]] = fields[1]
		}
	}
	return versions
}
