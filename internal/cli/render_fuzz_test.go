package cli

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// FuzzF12 shows tokens with any text in every field: neither text nor JSON output has a
// character that a terminal interprets, except line breaks and the program's own colors
// (S70).
func FuzzF12(f *testing.F) {
	for _, seed := range []string{"plain", "\x1b]52;c;aGk=\x07", "\u202egnp.exe", "\u009b31m", "a\rb", "\x00", "tab\there", "line\nbreak", "\xff\xfe", "\U000e0041"} {
		f.Add(seed, seed, true)
		f.Add(seed, seed, false)
	}
	colors := regexp.MustCompile("\x1b\\[[0-9;]*m")
	f.Fuzz(func(t *testing.T, name, value string, asJSON bool) {
		part := func(v any) string {
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return base64.RawURLEncoding.EncodeToString(text)
		}
		token := part(map[string]string{"alg": "ES256", "kid": value, "x" + name: value}) + "." +
			part(map[string]any{name: value, "iss": value, "permissions": []string{value, name + ":read"}, "exp": 1}) + ".AAAA"
		for _, args := range [][]string{
			{"inspect", token}, {"inspect", value}, {value}, {"inspect", "--" + value}, {"inspect", "--iss", value, "--dev", token},
			{"explain-denial", token, "--api", "StartWorkflowExecution", "--namespace", value}, {"explain-denial", token, "--api", value},
		} {
			if asJSON && len(args) > 1 {
				args = append(args, "--format", "json")
			}
			s := newFake(t)
			s.env["JWTCTL_COLOR"] = "always"
			Main(args, s.System)
			for _, out := range []string{s.out.String(), s.err.String()} {
				out = colors.ReplaceAllString(out, "")
				if i := strings.IndexFunc(out, func(r rune) bool {
					return r != '\n' && (unicode.IsControl(r) && r != '\t' || unicode.Is(unicode.Cf, r))
				}); i >= 0 {
					t.Fatalf("jwtctl %q: control character at %d of %q", args, i, out)
				}
			}
		}
	})
}
