package diff

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/finding"
)

// Findings returns the changes as findings: errors for those that fail, notes for all
// others. name formats a position in the old version, since the caller knows where that
// came from; nil means String.
//
// A finding has a position in the new version, where a pull request can show it: that of
// the annotation or of the element that it was on. Only if both are gone is it the old
// position. The text then has the annotation's old position.
func Findings(changes []Change, name func(descset.Position) string) []finding.Finding {
	if name == nil {
		name = descset.Position.String
	}
	var list []finding.Finding
	for _, c := range changes {
		at := c.NewPos
		if at == (descset.Position{}) {
			at = c.OldPos
		}
		f := finding.Finding{
			Severity: finding.Note, Rule: c.Kind, Subject: c.Subject, Message: c.Direction.String() + ": " + c.Message,
			Pos: finding.Position(at),
		}
		switch {
		case c.NewPos == descset.Position{}:
			f.Message += fmt.Sprintf(" (was at %s)", name(c.OldPos))
		case c.Deleted:
			f.Message += fmt.Sprintf(" (the annotation was at %s)", name(c.OldPos))
		}
		if c.Gain != "" {
			f.Message += "; " + clause(c.Gain)
		}
		switch {
		case c.Accepted != nil:
			f.Message += fmt.Sprintf("; accepted until %s: %s", c.Accepted.Until, c.Accepted.Reason)
		case c.Fails():
			f.Severity = finding.Error
			f.Hint = "revert it, or accept it with " + c.Entry().String()
		}
		list = append(list, f)
	}
	return list
}

// clause converts a sentence to a clause.
func clause(sentence string) string {
	runes := []rune(strings.TrimSuffix(sentence, "."))
	if len(runes) > 1 && !unicode.IsUpper(runes[1]) {
		runes[0] = unicode.ToLower(runes[0])
	}
	return string(runes)
}

// Rules returns the kinds as rules, for reports that list them.
func Rules() []finding.Rule {
	var list []finding.Rule
	for _, k := range Kinds() {
		r := finding.Rule{ID: k.ID, Purpose: k.Purpose(), Refs: k.Refs}
		if k.Direction >= Unknown {
			r.Severity = finding.Error
		}
		list = append(list, r)
	}
	slices.SortStableFunc(list, func(a, b finding.Rule) int { return cmp.Compare(b.Severity, a.Severity) })
	return list
}

// detail matches the part of Text about a particular change.
var detail = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(: it was| from|:)? ?\{[wq]\}`) })

// Purpose returns Text as a general sentence.
func (k Kind) Purpose() string {
	text := strings.Replace(detail().ReplaceAllString(k.Text, ""), "{s}", k.SubjectKind, 1)
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
