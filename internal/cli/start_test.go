package cli

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestStartsWithoutUnusedPackages: packages that would slow down every start for little
// use are not linked in. GODEBUG=inittrace=1 bin/jwtctl version shows what is.
func TestStartsWithoutUnusedPackages(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-tags=grpcnotrace", "-deps", "../../cmd/jwtctl").Output() // like make build
	if err != nil {
		t.Fatal(err)
	}
	// Required by vanguard, at 0.15 ms per start: there is no known way to avoid them.
	vanguards := []string{"google.golang.org/genproto/googleapis/api/annotations", "google.golang.org/genproto/googleapis/api/httpbody"}
	for dep := range strings.Lines(string(out)) {
		switch dep = strings.TrimSpace(dep); {
		case dep == "github.com/bufbuild/protocompile", // prepares the standard imports; its parts do not
			strings.HasPrefix(dep, "google.golang.org/genproto/googleapis/api/") && !slices.Contains(vanguards, dep), // registers itself; descset has it as bytes
			dep == "golang.org/x/net/trace", // grpc's tracing pages
			strings.HasPrefix(dep, "buf.build/go/"), strings.HasPrefix(dep, "github.com/google/cel-go"):
			t.Errorf("%s is linked in", dep)
		}
	}
}

// TestStartCompilesNoPattern: regular expressions are compiled on first use, not at each
// start.
func TestStartCompilesNoPattern(t *testing.T) {
	t.Parallel()
	early := regexp.MustCompile(`(?m)^(var |\t)\w+ += regexp\.MustCompile`)
	for pkg := range importsByPackage(t) {
		if !strings.HasPrefix(pkg, "command/") && strings.Contains(pkg, "/") {
			continue
		}
		sources, err := filepath.Glob(filepath.Join("..", pkg, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range sources {
			if found := early.FindString(testkit.Read(t, file)); found != "" && !strings.HasSuffix(file, "_test.go") {
				t.Errorf("%s: got %s", file, strings.TrimSpace(found))
			}
		}
	}
}
