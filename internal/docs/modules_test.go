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

// TestModulesShareVersions: the modules that make test builds require what jwtctl
// requires in the same version. Otherwise make test compiles all that depends on it twice.
func TestModulesShareVersions(t *testing.T) {
	want := requirements(t, ".")
	for _, folder := range []string{"connectauth", "examples/inprocess", "examples/proxy", "tools/bundle", "tools/conformance"} {
		shared := 0
		for module, version := range requirements(t, folder) {
			if own, both := want[module]; both && module != protovalidate {
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

// protovalidate is only descriptors: jwtctl's dependencies require an old version of it,
// and tools/bundle reads a new one.
const protovalidate = "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go"

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
