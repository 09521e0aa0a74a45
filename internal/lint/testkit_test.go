package lint

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/protofile"
	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

const fixtures = "../../testdata/lint"

// sources writes files with a common head, and returns where they are.
func sources(t testing.TB, files map[string]string) protofile.Sources {
	t.Helper()
	return protokit.Sources(t, t.TempDir(), "syntax = \"proto3\"; package t; import \"kalix/annotations.proto\";\n\n", files)
}

func check(t testing.TB, text string, o Options) []finding.Finding {
	t.Helper()
	return Check(protokit.Read(t, sources(t, map[string]string{"t.proto": text})), o)
}

// textOf formats findings, without the folders of the files.
func textOf(t testing.TB, found []finding.Finding) string {
	t.Helper()
	var list []finding.Finding
	for _, f := range found {
		f.Pos.File = filepath.Base(f.Pos.File)
		list = append(list, f)
	}
	var b bytes.Buffer
	if err := (finding.Report{Findings: list}).WriteText(&b, finding.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func of(found []finding.Finding, rule string) (list []finding.Finding) {
	for _, f := range found {
		if f.Rule == rule {
			list = append(list, f)
		}
	}
	return list
}

// wants fails unless exactly these rules fired, each optionally followed by a colon and a
// part of its text.
func wants(t testing.TB, found []finding.Finding, want ...string) {
	t.Helper()
	for i, f := range found {
		if i < len(want) {
			rule, part, _ := strings.Cut(want[i], ": ")
			if f.Rule == rule && strings.Contains(f.Message, part) {
				continue
			}
		}
		t.Fatalf("got\n%swant %q", textOf(t, found), want)
	}
	if len(found) != len(want) {
		t.Fatalf("got\n%swant %q", textOf(t, found), want)
	}
}
