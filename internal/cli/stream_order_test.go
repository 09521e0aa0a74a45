package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/system"
)

// TestStreamFaultsInOrder: stderr, like stdout, follows the order of the lines, however
// many are processed at once.
func TestStreamFaultsInOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	proto := filepath.Join(dir, "m.proto")
	text := `syntax = "proto3"; package t; import "kalix/annotations.proto"; message M { string tok = 1 [(kalix.field).jwt.token = true]; string user = 2; }`
	if err := os.WriteFile(proto, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const count = 3000
	var lines strings.Builder
	for i := range count {
		name := "nobody"
		if i%500 == 250 {
			name = strings.Repeat("x", 1<<20) // takes longer
		}
		fmt.Fprintf(&lines, "{%q:1}\n", name)
	}
	for _, command := range [][]string{{"sign"}, {"verify", "--print"}} {
		var out, errs bytes.Buffer
		sys := system.OS()
		sys.In, sys.Out, sys.Err = strings.NewReader(lines.String()), &out, &errs
		args := append(command, "--dev", "--proto", proto, "--type", "t.M", "--ndjson", "--jobs", "4", "-")
		if code := Main(args, sys); code == 0 {
			t.Errorf("%s: exit code 0", command[0])
		}
		faults := strings.Split(errs.String(), "jwtctl: -:")[1:]
		for i := range max(len(faults), count) {
			if i >= len(faults) || !strings.HasPrefix(faults[i], fmt.Sprintf("%d: ", i+1)) {
				t.Fatalf("%s: %d faults, the first out of order is for line %d", command[0], len(faults), i+1)
			}
		}
		if out.Len() > 0 {
			t.Errorf("%s: stdout has %.200q", command[0], out.String())
		}
	}
}
