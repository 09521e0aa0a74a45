package explain

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/protofile"
)

const fixtures = "../../testdata/proto"

// read returns the policy of src.
func read(tb testing.TB, src protofile.Sources) *policy.Policy {
	tb.Helper()
	set, err := protofile.Load(context.Background(), src)
	if err != nil {
		tb.Fatal(err)
	}
	return policy.Read(set)
}

// source returns the policy of one file with this text, called "x.proto" but for
// the folder it stands in.
func source(tb testing.TB, text string) *policy.Policy {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "x.proto")
	if !strings.HasPrefix(text, "syntax") {
		text = "syntax = \"proto3\";\npackage x;\nimport \"kalix/annotations.proto\";\n" + text
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return read(tb, protofile.Sources{Protos: []string{path}})
}

// view explains names of p.
func view(tb testing.TB, p *policy.Policy, o Options, names ...string) *View {
	tb.Helper()
	v, err := New(p, names, o)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func textOf(tb testing.TB, v *View, o TextOptions) string {
	tb.Helper()
	var b bytes.Buffer
	if err := v.WriteText(&b, o); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}
