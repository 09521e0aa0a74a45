package diff

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/policy"
)

// whole returns a pattern anchored at both ends, or nil for none.
func whole(pattern string) *regexp.Regexp {
	re, err := policy.StaticClaim{Pattern: policy.Text{Value: pattern}}.Compile()
	if err != nil {
		return nil
	}
	return re
}

func TestA71_Included(t *testing.T) {
	rows := map[string]struct {
		narrow, wide string
		want         verdict
		example      string
	}{
		"equal":                         {`a+`, `a+`, holds, ""},
		"different spelling":            {`a+`, `aa*`, holds, ""},
		"alternatives":                  {`dev|prod`, `(prod|stage|dev)`, holds, ""},
		"additional alternative":        {`dev|prod|test`, `dev|prod`, fails, "test"},
		"escaped dot":                   {`svc.x`, `svc\.x`, fails, "svcax"},
		"bound":                         {`\d{1,4}`, `\d{1,3}`, fails, "0000"},
		"class":                         {`[a-f]+`, `\w+`, holds, ""},
		"subclass":                      {`\w`, `[a-z]`, fails, "0"},
		"empty text":                    {`a*`, `a+`, fails, ""},
		"case-insensitive":              {`(?i)admin`, `admin`, fails, "aDMIN"},
		"case-insensitive, reverse":     {`admin`, `(?i)admin`, holds, ""},
		"Kelvin sign":                   {`(?i)k`, `[kK]`, fails, "\u212a"},
		"redundant anchors":             {`^a$`, `a`, holds, ""},
		"missing redundant anchors":     {`a`, `^a$`, holds, ""},
		"inner anchor":                  {`a^b`, `c`, holds, ""},
		"lines":                         {`(?m)a$\n^b`, `a\nb`, holds, ""},
		"dot does not match a line end": {`(?s).`, `.`, fails, "\n"},
		"word boundary":                 {`a\b.*`, `a|a[ -/:-@].*`, fails, ""},
		"no word boundary":              {`a\B.+`, `a\w.*`, holds, ""},
		"words":                         {`\bfoo\b`, `foo`, holds, ""},
		"letters of all scripts":        {`\p{L}+`, `\pL\pL*`, holds, ""},
		"Greek is not Latin":            {`\p{Greek}`, `\p{Latin}`, fails, ""},
		"everything":                    {`.*`, `(?s).*`, holds, ""},
		"too large":                     {`[ab]*a[ab]{40}`, `[ab]*b[ab]{20}|[ab]*a[ab]{40}`, undecided, ""},
		"invalid pattern":               {`a(`, `a`, undecided, ""},
		"surrogates":                    {`[\x{d800}-\x{dfff}]a`, `b`, holds, ""},
		"last rune":                     {`[\x{10fffe}-\x{10ffff}]`, `\x{10fffe}`, fails, "\U0010ffff"},
		"group and lazy count":          {`(?P<x>a){2,3}?`, `a{2,3}`, holds, ""},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			got, example, _ := included(r.narrow, r.wide)
			if got != r.want || r.example != "" && example != r.example {
				t.Errorf("got %d, %q, want %d, %q", got, example, r.want, r.example)
			}
			truthful(t, r.narrow, r.wide, got, example)
		})
	}
}

// truthful checks that an example is valid.
func truthful(tb rapid.TB, narrow, wide string, got verdict, example string) {
	tb.Helper()
	if got == fails && (!whole(narrow).MatchString(example) || whole(wide).MatchString(example)) {
		tb.Errorf("%q does not match %q without %q", example, narrow, wide)
	}
}

// TestIncludedAgainstRegexp: no short text contradicts the answers.
func TestIncludedAgainstRegexp(t *testing.T) {
	texts := []string{""}
	for i := 0; i < len(texts) && len(texts) < 3000; i++ {
		for _, r := range "ab1\n " {
			texts = append(texts, texts[i]+string(r))
		}
	}
	atom := rapid.SampledFrom([]string{"a", "b", "[ab]", "[^b]", ".", "(?s:.)", `\w`, `\d`, `\b`, `\B`, "^", "$", "(?m:^)", "(?m:$)", "(?i:A)", "(?:)"})
	var pattern func(depth int) *rapid.Generator[string]
	pattern = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(rt *rapid.T) string {
			if depth == 0 {
				return atom.Draw(rt, "atom")
			}
			x, y := pattern(depth-1).Draw(rt, "x"), pattern(depth-1).Draw(rt, "y")
			switch rapid.IntRange(0, 4).Draw(rt, "how") {
			case 0:
				return x + "|" + y
			case 1:
				return "(" + x + ")" + rapid.SampledFrom([]string{"*", "+", "?", "{2}"}).Draw(rt, "times")
			case 2:
				return "(" + x + ")" + y
			default:
				return "(?:" + x + ")(" + y + ")"
			}
		})
	}
	counts := map[verdict]int{}
	rapid.Check(t, func(rt *rapid.T) {
		for range 5 {
			narrow, wide := pattern(2).Draw(rt, "narrow"), pattern(2).Draw(rt, "wide")
			got, example, _ := included(narrow, wide)
			counts[got]++
			truthful(rt, narrow, wide, got, example)
			a, b := whole(narrow), whole(wide)
			for _, text := range texts {
				if a.MatchString(text) && !b.MatchString(text) {
					if got == holds || len([]rune(example)) > len([]rune(text)) {
						rt.Fatalf("%q against %q: got %d, %q, but %q differs", narrow, wide, got, example, text)
					}
					break
				}
			}
		}
	})
	t.Log(counts)
	if counts[holds] < 50 || counts[fails] < 50 {
		t.Error("too few of one kind to prove anything")
	}
}

// TestIncludedIsBounded: neither hostile patterns nor many of them take forever.
func TestIncludedIsBounded(t *testing.T) {
	var letters strings.Builder // each of another kind
	for r := rune(0x4e00); letters.Len() < policy.MaxPattern/2; r += 2 {
		letters.WriteRune(r)
	}
	ask := newInclusionCache()
	for _, pattern := range []string{
		`[ab]*a[ab]{40}`, `(a|b)*a(a|b){30}c*`, `(.*a){20}`, `(\w+\s?)*x{500}`, `((a?){30}){30}`, strings.Repeat(`[a-z\p{Greek}]?`, 200),
		strings.Repeat(`(x+x+)+y|`, 20) + `z`, letters.String(), `[` + letters.String() + `]*`,
	} {
		for _, pair := range [][2]string{{pattern + `|q`, pattern}, {pattern, `[^b]*|` + pattern + `r`}} {
			if _, _, steps := included(pair[0], pair[1]); steps > 2*maxSteps {
				t.Errorf("%.40s: %d steps", pattern, steps)
			}
			ask.included(pair[0], pair[1])
		}
	}
	ask.steps = maxAllSteps
	if v, _ := ask.included("a", "a|b"); v != undecided {
		t.Error("unbounded number of comparisons")
	}
	if v, _ := ask.included(`[ab]*a[ab]{40}|q`, `[ab]*a[ab]{40}`); v != fails { // cached
		t.Error(v)
	}
}

func FuzzIncluded(f *testing.F) {
	for _, s := range [][2]string{{`a+`, `a*`}, {`(?i)straße`, `STRASSE`}, {`\bx\b`, `x|\Qx`}, {`[^\x00-\x{10FFFF}]`, ``}, {`a{0}`, `^*`}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, narrow, wide string) {
		if len(narrow)+len(wide) > 200 {
			return
		}
		got, example, _ := included(narrow, wide)
		if whole(narrow) != nil && whole(wide) != nil {
			truthful(t, narrow, wide, got, example)
		} else if got != undecided {
			t.Errorf("got %d for an invalid pattern", got)
		}
		if same, _, _ := included(narrow, narrow); same == fails {
			t.Errorf("%q is not included in itself", narrow)
		}
	})
}
