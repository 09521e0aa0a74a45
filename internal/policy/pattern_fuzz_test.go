package policy_test

import (
	"regexp"
	"testing"

	"github.com/jwtctl/jwtctl/internal/policy"
)

// FuzzF11_Pattern: no pattern causes a panic, and an accepted pattern only matches whole
// values (A71). This is checked with Go's leftmost-longest search, which needs no
// anchors: it finds the whole text if that matches.
func FuzzF11_Pattern(f *testing.F) {
	for _, seed := range [][2]string{
		{`my-subject-\d+`, "not-my-subject-456"}, {`my-subject-\d+`, "my-subject-456"}, {`^(admin|editor)$`, "admin"},
		{"admin", "not-admin"}, {"a|ab", "ab"}, {"a|b", "b\n"}, {"a)(b", "ab"}, {"(?m)^a$", "x\na"}, {"(?m)^a$\n^b$", "a\nb"},
		{"(?i)ADMIN", "admin"}, {"(?U)a+", "aaa"}, {".*", "a\nb"}, {"(?s).*", "a\nb"}, {`\Qa.b`, "a.b"}, {`\Qa.b\E|c`, "c"}, {`\`, `\`},
		{"", ""}, {`a\z|b`, "ab"}, {`\Ab|\Bb`, "ab"}, {"a{1000}{1000}", "a"}, {"(?=a)", "a"}, {`(a)\1`, "aa"}, {"a++", "aa"},
		{"a(?i", "a"}, {"[", "["}, {"(?P<n>a)(?P<n>b)", "ab"}, {"é|\xff", "\xff"}, {`\C`, "é"}, {"a$|^b", "b"}, {`$a|(?m:$)`, ""},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		re, err := policy.StaticClaim{Pattern: policy.Text{Value: pattern}}.Compile()
		if err != nil {
			if len(err.Error()) > 2*policy.MaxPattern {
				t.Errorf("message too long for a person: %d bytes", len(err.Error()))
			}
			return
		}
		plain, err := regexp.Compile(pattern)
		if err != nil {
			t.Fatalf("%q is accepted, but is not an expression: %v", pattern, err)
		}
		plain.Longest()
		at := plain.FindStringIndex(text)
		if whole := at != nil && at[0] == 0 && at[1] == len(text); re.MatchString(text) != whole {
			t.Errorf("%q matches %q: got %v, want %v", pattern, text, !whole, whole)
		}
		policy.MatchesEverything(re)
	})
}
