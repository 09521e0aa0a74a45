package policy

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"

	"github.com/jwtctl/jwtctl/internal/descset"
)

// MaxPattern is the maximum length of a pattern in bytes: RE2 takes linear time in the
// text, but not in the size of the expression (S54).
const MaxPattern = 4 << 10

// StaticClaim is a JwtStaticClaim (annotations.md section 7).
type StaticClaim struct {
	Pos     descset.Position
	Claim   Text
	Values  []Text
	Pattern Text // Value is "" if there is none
}

// ErrNotRE2 is the error for a pattern that other engines support but RE2 does not (A74).
var ErrNotRE2 = errors.New("RE2 does not support this")

// unsupportedSyntax matches the start of constructs that RE2 does not have. Escaped backslashes are
// removed first.
var unsupportedSyntax = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\(\?<?[=!]|\(\?>|\\[1-9]|\\k[<{']|[*+?}]\+|\(\?\(|\(\?R\)|\(\?#|\\[GZXRhHKNVe]|\\u[0-9a-fA-F]|\\c.|\(\?[a-zA-Z-]*[dnux]|\\[pP]\{(?:Is|In|java|[A-Z][a-z]{2})`)
})

// hasClassIntersection reports whether a class has "&&", which other engines take for an
// intersection of classes, and RE2 for a character.
func hasClassIntersection(pattern string) bool {
	inside, last := false, byte(0)
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '\\' && !inside && strings.HasPrefix(pattern[i:], `\Q`):
			_, rest, closed := strings.Cut(pattern[i:], `\E`)
			if !closed {
				return false
			}
			i = len(pattern) - len(rest) - 1
		case c == '\\':
			i++
		case !inside && c == '[':
			inside = true
			if rest := strings.TrimPrefix(pattern[i+1:], "^"); strings.HasPrefix(rest, "]") { // a character
				i = len(pattern) - len(rest)
			}
		case inside && strings.HasPrefix(pattern[i:], "[:"):
			if _, rest, closed := strings.Cut(pattern[i:], ":]"); closed {
				i = len(pattern) - len(rest) - 1
			}
		case inside && c == ']':
			inside = false
		case inside && c == '&' && last == '&':
			return true
		}
		last = c
	}
	return false
}

// Compile returns an expression that must match the whole value of a claim (A71).
func (c StaticClaim) Compile() (*regexp.Regexp, error) {
	pattern := c.Pattern.Value
	if len(pattern) > MaxPattern {
		return nil, fmt.Errorf("has %d bytes, more than the limit of %d", len(pattern), MaxPattern)
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl) // parsed alone: within the group below, "a)(b" would be valid
	if err != nil {
		return nil, explain(pattern, err)
	}
	if hasClassIntersection(pattern) {
		return nil, fmt.Errorf("intersection of character classes: %q: %w", "&&", ErrNotRE2)
	}
	re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil { // an open \Q quotes the end of the group
		re, err = regexp.Compile(`\A(?:` + parsed.String() + `)\z`)
	}
	return re, err
}

// explain describes the error in a pattern, and says so if only RE2 lacks the construct.
func explain(pattern string, err error) error {
	reason := err.Error()
	if e := (*syntax.Error)(nil); errors.As(err, &e) {
		reason = fmt.Sprintf("%s: %q", e.Code, e.Expr)
	}
	if found := unsupportedSyntax().FindString(strings.ReplaceAll(pattern, `\\`, "")); found != "" {
		return fmt.Errorf("%s (%q: %w)", reason, found, ErrNotRE2)
	}
	return errors.New(reason)
}

// MatchesEverything reports whether the pattern matches every text, possibly except the
// empty one or one with a line break, as far as examples show: such a pattern checks
// nothing.
func MatchesEverything(re *regexp.Regexp) bool {
	for _, sample := range []string{"a", "admin", "0", "not-my-subject-456", "\u00e9 \t\"{}", "https://example.com/?a=b&c#d", strings.Repeat("x", 300)} {
		if !re.MatchString(sample) {
			return false
		}
	}
	return true
}

// reference is ${NAME} in a text.
var reference = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$\{([^}]*)\}?`) })
var variable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })

// Variables returns the environment variables that the text refers to, without duplicates
// (A72). It returns an error for an invalid reference, such as "${}" or one that is not
// closed.
func (t Text) Variables() ([]string, error) {
	var names []string
	seen := map[string]bool{}
	for _, m := range reference().FindAllStringSubmatch(t.Value, -1) {
		if !variable().MatchString(m[1]) || !strings.HasSuffix(m[0], "}") {
			return nil, fmt.Errorf("%q is not a reference to an environment variable: write ${NAME}", m[0])
		}
		if !seen[m[1]] {
			seen[m[1]] = true
			names = append(names, m[1])
		}
	}
	return names, nil
}

// Expand returns the text with its references replaced by the values of env (A72). It
// returns an error for a variable that is not set or empty (S87). Values are not expanded
// again.
func (t Text) Expand(env func(string) (string, bool)) (string, error) {
	if !strings.Contains(t.Value, "${") {
		return t.Value, nil
	}
	names, err := t.Variables()
	if err != nil {
		return "", err
	}
	for _, name := range names {
		switch value, ok := env(name); {
		case !ok:
			return "", fmt.Errorf("the environment variable %s is not set", name)
		case value == "":
			return "", fmt.Errorf("the environment variable %s is empty", name)
		}
	}
	return reference().ReplaceAllStringFunc(t.Value, func(ref string) string {
		value, _ := env(ref[2 : len(ref)-1])
		return value
	}), nil
}
