package temporal

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// PermissionFormat is how a server parses the entries of the permissions claim: as
// NAMESPACE:ROLE (the zero value), or by its permissionsRegex.
type PermissionFormat struct {
	// Problem is why a server ignores its permissionsRegex and parses NAMESPACE:ROLE, or
	// "".
	Problem string

	regex           *regexp.Regexp
	namespace, role int // groups of regex
}

// ReadPermissionFormat returns the format of a server's permissionsRegex; "" means none.
// Like the server, it ignores a pattern that does not compile or lacks a group.
func ReadPermissionFormat(pattern string) PermissionFormat {
	if pattern == "" {
		return PermissionFormat{}
	}
	r, err := regexp.Compile(pattern)
	if err != nil {
		return PermissionFormat{Problem: fmt.Sprintf("the pattern does not compile (%v)", err)}
	}
	f := PermissionFormat{regex: r}
	for i, name := range r.SubexpNames() { // the last group of a name counts
		switch name {
		case "namespace":
			f.namespace = i
		case "role":
			f.role = i
		}
	}
	if f.namespace == 0 || f.role == 0 {
		return PermissionFormat{Problem: "the pattern has no group (?P<namespace>…) or no group (?P<role>…)"}
	}
	return f
}

// String returns the pattern, or "" for NAMESPACE:ROLE.
func (f PermissionFormat) String() string {
	if f.regex == nil {
		return ""
	}
	return f.regex.String()
}

// split splits a permission. Without a pattern, it does so at the first colon.
func (f PermissionFormat) split(text string) (scope, role string, found bool) {
	if f.regex == nil {
		return strings.Cut(text, ":")
	}
	match := f.regex.FindStringSubmatch(text)
	if match == nil {
		return "", "", false
	}
	return match[f.namespace], match[f.role], true
}

// Parse parses a permission. It returns a usage error for one that the server would
// silently ignore or never match.
func (f PermissionFormat) Parse(text string) (Permission, error) {
	if f.regex == nil {
		return ParsePermission(text)
	}
	scope, role, found := f.split(text)
	if !found {
		return Permission{}, fault.New(fault.UsageError, "permission", "%q does not match the server's permissionsRegex; it would be ignored", quote.Shorten(text))
	}
	r, err := ParseRole(role)
	return Permission{Scope: scope, Role: r}, err
}

// Write returns a text that the server parses as p. If it finds none for the pattern, it
// returns a usage error.
func (f PermissionFormat) Write(p Permission) (string, error) {
	if f.regex == nil {
		return p.String(), nil
	}
	tree, err := syntax.Parse(f.regex.String(), syntax.Perl)
	if err != nil {
		return "", err
	}
	role := string(p.Role)
	for _, spelling := range []string{role, strings.ToUpper(role), strings.ToUpper(role[:1]) + role[1:]} { // the server ignores case
		text := f.example(tree, map[string]string{"namespace": p.Scope, "role": spelling})
		if scope, got, found := f.split(text); found && scope == p.Scope && got == spelling {
			return text, nil
		}
	}
	return "", fault.New(fault.UsageError, "permissions-regex", "found no text that %q reads as %s", quote.Shorten(f.regex.String()), p).
		WithRemedy(fault.GiveClaim)
}

// example returns a short text that matches re, with groups filled in.
func (f PermissionFormat) example(re *syntax.Regexp, groups map[string]string) string {
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCharClass:
		if len(re.Rune) > 0 {
			return string(printable(re.Rune))
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "x"
	case syntax.OpCapture:
		if text, named := groups[re.Name]; named && (re.Cap == f.namespace || re.Cap == f.role) {
			return text
		}
		return f.example(re.Sub[0], groups)
	case syntax.OpConcat:
		var b strings.Builder
		for _, sub := range re.Sub {
			b.WriteString(f.example(sub, groups))
		}
		return b.String()
	case syntax.OpAlternate:
		best := re.Sub[0]
		for _, sub := range re.Sub {
			if f.groupsIn(sub) > f.groupsIn(best) {
				best = sub
			}
		}
		return f.example(best, groups)
	case syntax.OpPlus:
		return f.example(re.Sub[0], groups)
	case syntax.OpStar, syntax.OpQuest, syntax.OpRepeat:
		count := max(re.Min, 0)
		if re.Op != syntax.OpRepeat {
			count = 0
		}
		if f.groupsIn(re) > 0 {
			count = max(count, 1)
		}
		return strings.Repeat(f.example(re.Sub[0], groups), count)
	}
	return "" // anchors, and expressions that match nothing
}

// groupsIn counts the namespace and role groups in re.
func (f PermissionFormat) groupsIn(re *syntax.Regexp) int {
	n := 0
	if re.Op == syntax.OpCapture && (re.Cap == f.namespace || re.Cap == f.role) {
		n++
	}
	for _, sub := range re.Sub {
		n += f.groupsIn(sub)
	}
	return n
}

// printable returns a character of a class, given by its ranges: a letter if possible, or
// else a printable character.
func printable(ranges []rune) rune {
	for _, want := range []struct{ from, to rune }{{'a', 'z'}, {'0', '9'}, {'!', '~'}} {
		for i := 0; i+1 < len(ranges); i += 2 {
			if low := max(ranges[i], want.from); low <= min(ranges[i+1], want.to) {
				return low
			}
		}
	}
	return ranges[0]
}
