package cli

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestStart: what costs every start of the program much and does little for it
// is not linked in. GODEBUG=inittrace=1 bin/jwtctl version tells what is.
func TestStart(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "../../cmd/jwtctl").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.Lines(string(out)) {
		switch dep = strings.TrimSpace(dep); {
		case dep == "github.com/bufbuild/protocompile", // prepares the standard imports; its parts do not
			strings.HasPrefix(dep, "google.golang.org/genproto/googleapis/api"), // registers itself; descset has it as bytes
			strings.HasPrefix(dep, "buf.build/go/"), strings.HasPrefix(dep, "github.com/google/cel-go"):
			t.Errorf("%s is linked in", dep)
		}
	}
}

// TestImports holds the packages to docs/architecture.md: imports go one way,
// and some libraries have one door each.
func TestImports(t *testing.T) {
	t.Parallel()
	const module = "github.com/jwtctl/jwtctl/"
	allowed := map[string]string{ // package → what of ours it may import
		"cmd/jwtctl":          "internal/cli",
		"internal/cli":        "internal/bufplugin internal/claims internal/descset internal/diff internal/explain internal/fault internal/files internal/finding internal/gittree internal/jwks internal/jws internal/keygen internal/keys internal/lint internal/message internal/ndjson internal/plan internal/policy internal/proxy internal/rotate internal/scaffold internal/sign internal/strictjson internal/suggest internal/temporal internal/token internal/verify",
		"internal/docs":       "",
		"internal/release":    "",
		"internal/diff":       "internal/descset internal/fault internal/finding internal/keys internal/plan internal/policy internal/strictjson internal/suggest",
		"internal/gittree":    "internal/fault internal/files",
		"internal/scaffold":   "internal/descset internal/fault internal/files internal/keys internal/policy",
		"internal/proxy":      "internal/fault internal/jws internal/keys internal/message internal/plan internal/sign internal/strictjson internal/verify",
		"internal/bufplugin":  "internal/descset internal/finding internal/lint internal/policy",
		"internal/sign":       "internal/claims internal/fault internal/jws internal/keys internal/plan internal/policy internal/strictjson",
		"internal/verify":     "internal/claims internal/fault internal/jws internal/keys internal/plan internal/policy internal/strictjson",
		"internal/plan":       "internal/descset internal/fault internal/lint internal/policy internal/suggest",
		"internal/lint":       "internal/claims internal/descset internal/finding internal/policy internal/strictjson",
		"internal/explain":    "internal/descset internal/fault internal/keys internal/policy internal/suggest",
		"internal/policy":     "internal/descset",
		"internal/claims":     "internal/fault internal/keys internal/message internal/strictjson",
		"internal/message":    "internal/fault internal/keys internal/strictjson",
		"internal/finding":    "internal/fault",
		"internal/ndjson":     "internal/fault",
		"internal/policytest": "internal/claims internal/descset internal/jws internal/keygen internal/keys internal/message internal/plan internal/policy internal/sign internal/verify",
		"internal/rotate":     "internal/fault internal/files internal/jwks internal/keys internal/strictjson",
		"internal/keygen":     "internal/fault internal/files internal/keys",
		"internal/token":      "internal/fault internal/jws internal/keys internal/strictjson",
		"internal/temporal":   "internal/fault internal/jws internal/keys internal/strictjson internal/suggest",
		"internal/descset":    "internal/fault internal/files",
		"internal/jwks":       "internal/fault internal/files internal/keys internal/strictjson",
		"internal/jws":        "internal/fault internal/keys internal/strictjson",
		"internal/keys":       "internal/fault internal/files internal/strictjson",
		"internal/files":      "internal/fault",
		"internal/strictjson": "",
		"internal/vendortest": "",
		"internal/suggest":    "",
		"internal/fault":      "",
	}
	doors := map[string]string{ // library → the only package that may import it
		"github.com/golang-jwt/jwt":                    "internal/jws",
		"github.com/lestrrat-go/jwx":                   "internal/keys",
		"github.com/spf13/viper":                       "internal/cli",
		"github.com/spf13/pflag":                       "internal/cli",
		"github.com/charmbracelet/":                    "internal/cli",
		"github.com/muesli/termenv":                    "internal/cli",
		"go.yaml.in/yaml":                              "internal/cli",
		"golang.org/x/term":                            "internal/cli",
		"os/signal":                                    "internal/cli",
		"github.com/go-json-experiment/":               "internal/jws internal/strictjson internal/token internal/temporal internal/message internal/claims",
		"net/http":                                     "internal/jwks internal/vendortest internal/cli", // cli serves the proxy's metrics
		"google.golang.org/grpc":                       "internal/proxy",
		"github.com/bufbuild/":                         "internal/descset",
		"buf.build/":                                   "internal/bufplugin",
		"pluginrpc.com/":                               "internal/bufplugin internal/cli",
		"google.golang.org/genproto":                   "", // for tests; its packages cost each start
		"google.golang.org/protobuf/reflect/protodesc": "internal/descset",
	}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(allowed) {
		t.Errorf("%d packages, %d in the table: each needs its row", len(lines), len(allowed))
	}
	for _, line := range lines {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], module)
		may, known := allowed[pkg]
		if !known {
			t.Errorf("%s has no row in the table", pkg)
		}
		for _, imported := range fields[1:] {
			if ours, isOurs := strings.CutPrefix(imported, module); isOurs && !slices.Contains(strings.Fields(may), ours) {
				t.Errorf("%s imports %s; it may import: %s", pkg, ours, may)
			}
			for library, door := range doors {
				if strings.HasPrefix(imported, library) && !slices.Contains(strings.Fields(door), pkg) {
					t.Errorf("%s imports %s, whose one door is %s", pkg, imported, door)
				}
			}
		}
	}
}
