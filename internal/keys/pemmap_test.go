package keys_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestA25_PEMByKeyID: a map from kid to certificates or public keys, as Google publishes,
// is a set of keys that have these ids alone (A21). As in a JWKS, a key that cannot be used
// is skipped in a set, and an error in a file; private keys are for files.
func TestA25_PEMByKeyID(t *testing.T) {
	pem := func(name string) string { label, _, _ := strings.Cut(name, ", "); return pemOf(label, ders()[name]) }
	cert, public, private := pem("CERTIFICATE, RSA"), pem("PUBLIC KEY, EC"), pem("PRIVATE KEY, EC")
	many := map[string]string{}
	for i := range keys.MaxSetKeys + 1 {
		many[fmt.Sprint(i)] = public
	}
	const rsaAndEC = "ec EC, rsa RSA"
	for name, row := range map[string]struct {
		text            any
		kid             string
		file, set       string     // the keys with their types
		fileErr, setErr fault.Code // "" for none
		published       fault.Code // in addition to setErr
	}{
		"certificate and key":   {map[string]string{"rsa": cert, "ec": public}, "", rsaAndEC, rsaAndEC, "", "", ""},
		"key picked by kid":     {map[string]string{"rsa": cert, "ec": public}, "ec", "ec EC", "ec EC", "", "", ""},
		"unknown kid":           {map[string]string{"rsa": cert, "ec": public}, "other", "", "", fault.KeyMissing, fault.KeyMissing, ""},
		"escaped line feeds":    {json.RawMessage(`{"rsa":` + strings.ReplaceAll(string(testkit.Must(json.Marshal(cert))), "-", `\u002d`) + `}`), "", "rsa RSA", "rsa RSA", "", "", ""},
		"one broken key":        {map[string]string{"rsa": cert, "x": cert[:200]}, "", "", "rsa RSA", fault.KeyFormatUnknown, "", ""},
		"only broken keys":      {map[string]string{"x": cert[:200]}, "", "", "", fault.KeyFormatUnknown, fault.KeySetEmpty, ""},
		"two blocks":            {map[string]string{"x": cert + public}, "", "", "", fault.KeyMultipleBlocks, fault.KeySetEmpty, ""},
		"empty kid":             {map[string]string{"": cert}, "", "", "", fault.KeyInvalid, fault.KeySetEmpty, ""},
		"private key":           {map[string]string{"ec": private, "rsa": cert}, "", rsaAndEC, rsaAndEC, "", "", fault.KeySetUnavailable},
		"value that is not PEM": {map[string]any{"rsa": cert, "n": 1}, "", "", "", fault.KeyInvalid, fault.KeyInvalid, ""},
		"duplicate kid":         {json.RawMessage(`{"a":"-----BEGIN x","a":"-----BEGIN x"}`), "", "", "", fault.KeyInvalid, fault.KeyInvalid, ""},
		"too many keys":         {many, "", "", "", fault.FileTooLarge, fault.FileTooLarge, ""},
	} {
		data := testkit.Must(json.Marshal(row.text))
		check := func(how, want string, code fault.Code, got keys.Loaded, err error) {
			t.Helper()
			var list []string
			for _, k := range got.Keys {
				list = append(list, k.ID()+" "+string(k.Type()))
				if !k.HasExplicitID() {
					t.Errorf("%s, %s: %v matches any kid", name, how, k)
				}
			}
			slices.Sort(list)
			if found := strings.Join(list, ", "); fault.CodeOf(err) != code || found != want {
				t.Errorf("%s, %s: %q %v, want %q %q", name, how, found, err, want, code)
			}
		}
		a := keys.Attributes{Source: "k", ID: row.kid}
		loaded, err := keys.Parse(data, a)
		check("a file", row.file, row.fileErr, loaded, err)
		loaded, err = keys.ParseSet(data, a, false)
		check("a set", row.set, row.setErr, loaded, err)
		loaded, err = keys.ParseSet(data, a, true)
		want := row.set
		if row.published != "" {
			want, row.setErr = "", row.published
		}
		check("at a URL", want, row.setErr, loaded, err)
	}
}
