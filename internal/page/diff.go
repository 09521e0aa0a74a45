package page

import (
	"cmp"
	"io"
	"strconv"
	"strings"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/diff"
	"github.com/jwtctl/jwtctl/internal/explain"
)

// Comparison is the content of a page about two versions.
type Comparison struct {
	// Old and New are the versions; Changes lead from Old to New.
	Old, New *explain.View
	Changes  []diff.Change
	// OldName and NewName are the names of the versions.
	OldName, NewName string
	// Position formats a position in the old version; nil means String.
	Position func(descset.Position) string
}

// change is a difference, with its positions in the two versions.
type change struct {
	Direction, Tone, Text, Gain, Accepted string
	Old, New                              *place
}

// pair is a fact of both versions, or one that replaces another.
type pair struct {
	Old, New half
	Same     bool
}

type half struct {
	Tone, Sign string
	Fact       *fact
}

// tones are the styles of directions: what lets more through is a warning.
var tones = [...]string{
	diff.Weaker: explain.StyleBad, diff.Unknown: explain.StyleWarn, diff.Stronger: explain.StyleGood, diff.Neutral: explain.StyleDim,
}

// Diff writes a page about the changes between two versions of a policy.
func Diff(w io.Writer, c Comparison, o Options) error {
	p := newPrinter(o)
	d := document{Title: cmp.Or(o.Title, "JWT policy changes"), About: "From " + p.escape(c.OldName) + " to " + p.escape(c.NewName) + ": what changed, and what an attacker gains by it."}
	v := versions{printer: p, Comparison: c, old: byName(c.Old.Sections(p.escape)), now: byName(c.New.Sections(p.escape)), cards: map[string]*card{}}
	v.renames()
	for i, change := range c.Changes { // so that facts can link to their cards
		name := v.about(p.escape(change.Subject))
		for _, kind := range []string{explain.MethodSection, explain.MessageSection} {
			if p.ids[kind+name] == "" {
				p.ids[kind+name] = "change-" + strconv.Itoa(i+1)
			}
		}
	}
	cards := map[diff.Direction][]*card{}
	for i, change := range c.Changes { // most severe first
		v.change(i, change, cards)
	}
	counts, accepted := map[diff.Direction]int{}, 0
	for _, change := range c.Changes {
		if change.Accepted != nil {
			accepted++
			continue
		}
		counts[change.Direction]++
	}
	d.Groups = []group{
		{ID: "weaker", Title: "Weaker", About: "These accept what was refused before.", Tone: explain.StyleBad, Cards: cards[diff.Weaker]},
		{ID: "unknown", Title: "Undecided", About: "Whether these accept more cannot be decided; they count as weaker.", Tone: explain.StyleWarn, Cards: cards[diff.Unknown]},
		{ID: "stronger", Title: "Stronger", Cards: cards[diff.Stronger]},
		{ID: "neutral", Title: "Neutral", Cards: cards[diff.Neutral]},
	}
	d.Tiles = []tile{
		{counts[diff.Weaker], "weaker", "#weaker", tone(counts[diff.Weaker] > 0, explain.StyleBad, explain.StyleGood)},
		{counts[diff.Unknown], "undecided", "#unknown", tone(counts[diff.Unknown] > 0, explain.StyleWarn, "")},
		{counts[diff.Stronger], "stronger", "#stronger", ""},
		{counts[diff.Neutral], "neutral", "#neutral", ""},
		{accepted, "accepted", "", ""},
	}
	if len(c.Changes) == 0 {
		d.Empty = "No policy changes."
	}
	all := len(v.cards) <= openCards
	for _, g := range d.Groups {
		for _, c := range g.Cards {
			c.Open = all || g.Tone != ""
		}
	}
	return p.write(w, d)
}

// versions makes cards of changes.
type versions struct {
	*printer
	Comparison
	old, now map[string]explain.Section // by name
	oldNames map[string]string          // old names of renamed elements
	cards    map[string]*card           // by the name of what changed
}

func byName(sections []explain.Section) map[string]explain.Section {
	all := map[string]explain.Section{}
	for _, s := range sections {
		if s.Kind == explain.MethodSection || s.Kind == explain.MessageSection {
			all[s.Name] = s
		}
	}
	return all
}

// renames records the old names of methods that were renamed, or whose service was.
func (v *versions) renames() {
	v.oldNames = map[string]string{}
	services := map[string]string{}
	for _, c := range v.Changes {
		switch c.Kind {
		case "method-renamed":
			v.oldNames[v.escape(c.Subject)] = v.escape(c.Old)
		case "service-renamed":
			services[v.escape(c.Subject)] = v.escape(c.Old)
		}
	}
	for name := range v.now {
		service, method, _ := strings.Cut(name, "/")
		if old := services[service]; old != "" && method != "" && v.oldNames[name] == "" {
			v.oldNames[name] = old + "/" + method
		}
	}
}

// change adds c, the change with that index, to the card of its subject, which is in the
// group of its most severe change.
func (v *versions) change(i int, c diff.Change, groups map[diff.Direction][]*card) {
	name := v.about(v.escape(c.Subject))
	one := v.cards[name]
	if one == nil {
		one = &card{ID: "change-" + strconv.Itoa(i+1), Kind: "change", Tone: tones[c.Direction]}
		one.Before, one.Name = split(name)
		one.Badges = []badge{{c.Direction.String(), tones[c.Direction]}}
		one.Pairs = v.pairs(one, v.before(name), v.now[name])
		v.cards[name] = one
		groups[c.Direction] = append(groups[c.Direction], one)
	}
	place := v.Position
	if place == nil {
		place = descset.Position.String
	}
	reported := change{Direction: c.Direction.String(), Tone: tones[c.Direction], Text: v.escape(c.Message), Gain: v.escape(c.Gain)}
	if c.OldPos != (descset.Position{}) {
		reported.Old = v.at(v.escape(place(c.OldPos)), one)
	}
	if c.NewPos != (descset.Position{}) {
		reported.New = v.at(v.escape(c.NewPos.String()), one)
	}
	if c.Accepted != nil {
		reported.Accepted = "accepted until " + c.Accepted.Until + ": " + v.escape(c.Accepted.Reason)
	}
	one.Changes = append(one.Changes, reported)
}

// about returns the method or message that name is, or is part of, and otherwise name
// itself.
func (v *versions) about(name string) string {
	for part := name; ; {
		if _, ok := v.now[part]; ok {
			return part
		}
		if _, ok := v.old[part]; ok {
			return part
		}
		i := strings.LastIndexByte(part, '.')
		if i < 0 || strings.Contains(part, "/") {
			return name
		}
		part = part[:i]
	}
}

func (v *versions) before(name string) explain.Section {
	if old := v.oldNames[name]; old != "" {
		return v.old[old]
	}
	return v.old[name]
}

// pairs aligns the rows of two sections: rows in both on one line, and between them those
// in one only.
func (v *versions) pairs(c *card, old, now explain.Section) (list []pair) {
	same := common(old.Rows, now.Rows)
	side := func(r explain.Row, sign string, place func(string) string) half {
		r.Place = place(r.Place)
		f := v.fact(r, c)
		one := half{Sign: sign, Fact: &f}
		if sign != "" {
			one.Tone = c.Tone
		}
		return one
	}
	asIs, oldPlace := func(text string) string { return text }, v.oldPlace
	i, j := 0, 0
	for {
		var gone, added []half
		for ; i < len(old.Rows) && (len(same) == 0 || i < same[0][0]); i++ {
			gone = append(gone, side(old.Rows[i], "−", oldPlace))
		}
		for ; j < len(now.Rows) && (len(same) == 0 || j < same[0][1]); j++ {
			added = append(added, side(now.Rows[j], "+", asIs))
		}
		for k := range max(len(gone), len(added)) {
			var one pair
			if k < len(gone) {
				one.Old = gone[k]
			}
			if k < len(added) {
				one.New = added[k]
			}
			list = append(list, one)
		}
		if len(same) == 0 {
			return list
		}
		list = append(list, pair{side(old.Rows[i], "", oldPlace), side(now.Rows[j], "", asIs), true})
		i, j, same = i+1, j+1, same[1:]
	}
}

// oldPlace formats a position in the old version as the caller does.
func (v *versions) oldPlace(text string) string {
	if v.Position == nil || text == "" {
		return text
	}
	file, line, column := parts(text)
	return v.escape(v.Position(descset.Position{File: file, Line: line, Column: column}))
}

// maxCompared is the maximum number of row pairs that are compared; larger sections are
// shown as if they had nothing in common.
const maxCompared = 4_000_000

// common returns the indexes of a longest common subsequence of rows.
func common(a, b []explain.Row) (pairs [][2]int) {
	if len(a)*len(b) > maxCompared {
		return nil
	}
	equal := func(x, y explain.Row) bool { return x.Label == y.Label && x.Text == y.Text && x.Depth == y.Depth }
	length := make([][]int, len(a)+1)
	for i := range length {
		length[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			length[i][j] = max(length[i+1][j], length[i][j+1])
			if equal(a[i], b[j]) {
				length[i][j] = length[i+1][j+1] + 1
			}
		}
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case equal(a[i], b[j]):
			pairs = append(pairs, [2]int{i, j})
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}
