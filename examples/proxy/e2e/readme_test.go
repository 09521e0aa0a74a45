package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestREADME runs the client's commands of README.md and compares their output with what
// it shows.
func TestREADME(t *testing.T) {
	p := install(t)
	proxy, _ := startProxy(t, p, startNode(t, p).addr)
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var script, want strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```\n```\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		script.WriteString(block[1])
		want.WriteString(block[2])
	}
	out, _ := run(t, "bash", "-c", strings.ReplaceAll(script.String(), "127.0.0.1:8080", proxy.addr))
	rest := out
	for line := range strings.Lines(want.String()) {
		_, after, found := strings.Cut(rest, strings.TrimRight(line, "\n"))
		if !found {
			t.Errorf("missing in the output, or out of order: %s", line)
		}
		rest = after
	}
	if want.Len() == 0 || t.Failed() {
		t.Logf("printed:\n%s", out)
	}
}
