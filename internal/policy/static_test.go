package policy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/policy"
)

func pattern(text string) policy.StaticClaim {
	return policy.StaticClaim{Pattern: policy.Text{Value: text}}
}

// TestA71_WholeValue: a pattern must match the whole value.
func TestA71_WholeValue(t *testing.T) {
	tests := map[string]struct {
		pattern  string
		yes, not []string
	}{
		"vendor's example":   {`my-subject-\d+`, []string{"my-subject-456"}, []string{"not-my-subject-456", "my-subject-456x", "my-subject-", "my-subject-456\n"}},
		"alternatives":       {`admin|editor`, []string{"admin", "editor"}, []string{"not-admin", "admin2", "editors", "adminx|editor"}},
		"anchored":           {`^(admin|editor)$`, []string{"admin"}, []string{"admins", "admin\n", "\nadmin"}},
		"multiline flag":     {`(?m)^a$`, []string{"a"}, []string{"a\nb", "b\na"}},
		"lazy":               {`a+?`, []string{"aaa", "a"}, []string{"aab", "baa"}},
		"shorter first":      {`a|ab`, []string{"a", "ab"}, []string{"abc"}},
		"unterminated quote": {`\Qa.b`, []string{"a.b"}, []string{"axb", "a.b)", "a.bc"}},
		"case":               {`Admin`, []string{"Admin"}, []string{"admin"}},
		"flag does not leak": {`(?i)admin`, []string{"ADMIN"}, []string{"ADMINS"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			re, err := pattern(tt.pattern).Compile()
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range tt.yes {
				if !re.MatchString(s) {
					t.Errorf("%q is refused", s)
				}
			}
			for _, s := range tt.not {
				if re.MatchString(s) {
					t.Errorf("%q is accepted", s)
				}
			}
		})
	}
}

// TestA74_NamesWhatOnlyRE2Lacks: constructs that only RE2 lacks have a different error than patterns
// that are invalid everywhere.
func TestA74_NamesWhatOnlyRE2Lacks(t *testing.T) {
	tests := map[string]struct {
		pattern string
		lacks   bool
	}{
		"look-ahead":                {`a(?=b)`, true},
		"negative look-ahead":       {`(?!a)b`, true},
		"look-behind":               {`(?<=a)b`, true},
		"back-reference":            {`(a)\1`, true},
		"named back-reference":      {`(?P<x>a)\k<x>`, true},
		"possessive":                {`a++`, true},
		"atomic group":              {`(?>a)`, true},
		"end except line break":     {`a\Z`, true},
		"intersection":              {`[a-z&&[^bc]]`, true}, // RE2 takes && for a character
		"intersection, later":       {`[]a][[:alpha:]&&b]`, true},
		"free spacing":              {`(?x)a b`, true},
		"Java class":                {`\p{Alpha}+`, true},
		"Java script":               {`\p{IsLatin}`, true},
		"horizontal space":          {`a\hb`, true},
		"UTF-16":                    {`\u0041`, true},
		"control":                   {`\cA`, true},
		"unterminated group":        {`(a`, false},
		"closing parenthesis first": {`a)(b`, false},
		"invalid class":             {`[z-a]`, false},
		"repeat of nothing":         {`*a`, false},
		"trailing backslash":        {`a\`, false},
		"escaped backslash":         {`\\1(`, false},
		"invalid UTF-8":             {"a\xff", false},
		"too much repetition":       {`(a{1000}){1000}`, false},
		"too long":                  {strings.Repeat("a", policy.MaxPattern+1), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := pattern(tt.pattern).Compile()
			if err == nil || errors.Is(err, policy.ErrNotRE2) != tt.lacks {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestA74_AmpersandsAreCharacters: && outside of a class, or quoted, is not an
// intersection.
func TestA74_AmpersandsAreCharacters(t *testing.T) {
	for _, text := range []string{`a&&b`, `[&]&&[&]`, `\[a&&b]`, `\Q[a&&b]\E`, `\Q[a&&b]`, `[a&\&b]`, `[]&]&&[^]&]`, `[[:alpha:]&]&&`} {
		if _, err := pattern(text).Compile(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestMatchesEverything(t *testing.T) {
	for text, want := range map[string]bool{
		`.*`: true, `.+`: true, `^.*$`: true, `(?s).*`: true, `[\s\S]*`: true, `.*|admin`: true, `(.*){1,3}`: true, ``: false,
		`\S+`: false, `admin.*`: false, `.*admin.*`: false, `[a-z]+`: false, `.{3,}`: false,
	} {
		re, err := pattern(text).Compile()
		if err != nil {
			t.Fatal(err)
		}
		if policy.MatchesEverything(re) != want {
			t.Errorf("%q: want %v", text, want)
		}
	}
}

// TestA72_VariablesAreExpandedOnce: ${NAME} is replaced, once; an invalid reference is an error.
func TestA72_VariablesAreExpandedOnce(t *testing.T) {
	env := map[string]string{"A": "a", "B_1": "${A}", "EMPTY": ""}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	tests := map[string]struct {
		text, want string
		names      []string
		bad        string // in the error of Expand
	}{
		"none":             {text: "plain $A {A} $", want: "plain $A {A} $"},
		"one":              {text: "${A}.kalix.io", want: "a.kalix.io", names: []string{"A"}},
		"twice":            {text: "${A}${A}-${B_1}", want: "aa-${A}", names: []string{"A", "B_1"}},
		"empty value":      {text: "x${EMPTY}", names: []string{"EMPTY"}, bad: "EMPTY is empty"}, // S87
		"unset":            {text: "${A}${NOT_SET}", names: []string{"A", "NOT_SET"}, bad: "NOT_SET is not set"},
		"empty name":       {text: "${}", bad: `"${}"`},
		"no closing brace": {text: "a${A", bad: `"${A"`},
		"unset variable":   {text: "${a-b}", bad: `"${a-b}"`},
		"default value":    {text: "${A:-x}", bad: `"${A:-x}"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text := policy.Text{Value: tt.text}
			got, err := text.Expand(lookup)
			if tt.bad != "" {
				if err == nil || !strings.Contains(err.Error(), tt.bad) || got != "" {
					t.Errorf("got %q, %v", got, err)
				}
			} else if err != nil || got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
			names, err := text.Variables()
			if (err != nil) != (tt.bad != "" && tt.names == nil) || !slices.Equal(names, tt.names) {
				t.Errorf("got names %q, %v, want %q", names, err, tt.names)
			}
		})
	}
}
