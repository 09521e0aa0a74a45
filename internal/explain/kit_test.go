package explain

import (
	"bytes"
	"testing"

	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

const fixtures = "../../testdata/proto"

// source returns the policy of one file with this text.
func source(tb testing.TB, text string) *policy.Policy {
	tb.Helper()
	return protokit.Read(tb, protokit.Sources(tb, tb.TempDir(), "syntax = \"proto3\";\npackage x;\nimport \"kalix/annotations.proto\";\n", map[string]string{"x.proto": text}))
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
