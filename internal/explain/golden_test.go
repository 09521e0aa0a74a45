package explain

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

// configured are the keys that the goldens are made with.
var configured = Options{HaveKeys: true, Keys: []Key{
	{ID: "my-key", Algorithm: "ES256", Issuer: "my-issuer", Source: "key.priv.pem", CanSign: true},
	{ID: "shared", Algorithm: "HS256", Source: "env:SHARED", CanSign: true},
	{Issuer: "https://example.com", Source: "https://example.com/.well-known/jwks.json"},
}}

// TestGolden explains every example of the user's document in every format.
func TestGolden(t *testing.T) {
	golden, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(fixtures) // so that positions are relative to it
	list, err := filepath.Glob("*.proto")
	if err != nil || len(list) < 9 {
		t.Fatalf("%d fixtures: %v", len(list), err)
	}
	for _, file := range list {
		v := view(t, protokit.File(t, file), configured)
		for format, text := range formats(t, v) {
			path := filepath.Join(golden, strings.TrimSuffix(file, ".proto")+"."+format)
			testkit.Golden(t, path, string(text))
		}
	}
}

// formats returns v in every format, by the name of the format.
func formats(tb testing.TB, v *View) map[string][]byte {
	tb.Helper()
	var text, mermaid, dot bytes.Buffer
	data, err := v.JSON()
	for _, e := range []error{err, v.WriteText(&text, TextOptions{}), v.WriteMermaid(&mermaid), v.WriteDOT(&dot)} {
		if e != nil {
			tb.Fatal(e)
		}
	}
	return map[string][]byte{"txt": text.Bytes(), "json": data, "mmd": mermaid.Bytes(), "dot": dot.Bytes()}
}
