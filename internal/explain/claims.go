package explain

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/policy"
)

// A message nested twice is listed twice, so a few messages could have more claims than
// fit into memory. A message's own fields are always listed; the claims from nested
// messages are limited in number, in total, and in depth.
const (
	maxClaims = 1_000
	maxTotal  = 100_000
	maxDepth  = 32
)

// claims returns what the fields of m put into its token, and whether the list was cut
// short.
func (b *builder) claims(m *policy.Message) (list []Claim, cut bool) {
	w := walker{onCycle: b.onCycle, loose: m.TokenField() == nil && !m.BearerToken, left: min(maxClaims, b.left)}
	all := w.left
	list = w.walk(m, "", nil)
	b.left -= all - w.left
	return list, w.cut
}

type walker struct {
	left    int
	cut     bool
	depth   int // number of messages around the current one
	onCycle func(*policy.Field) bool
	loose   bool // there may be no token to compare the claims with
}

func (w *walker) walk(m *policy.Message, prefix string, via []Step) []Claim {
	var list []Claim
	for _, f := range m.Fields {
		if !f.IsClaim() {
			continue
		}
		if w.depth > 0 {
			if w.left == 0 {
				w.cut = true
				break
			}
			w.left--
		}
		c := Claim{
			Name: f.ClaimName(), Field: prefix + string(f.Desc.Name()), Type: policy.TypeName(f.Desc), Action: f.Claim.String(),
			Meaning: w.meaning(f), From: at(f.ClaimPos), Via: via, Fault: misuse(f),
		}
		if f.Name.Value != "" {
			c.NameFrom = at(f.Name.Pos)
		}
		list = append(list, w.expand(f, c)...)
	}
	return list
}

// expand returns c, the claim of f, or the claims that it leads to.
func (w *walker) expand(f *policy.Field, c Claim) []Claim {
	if f.Claim == policy.Raw || f.Claim == policy.Descend {
		c.Name, c.NameFrom = "", ""
	}
	if !f.Recurses() {
		return []Claim{c}
	}
	if w.onCycle(f) {
		c.Cycle, c.Fault = true, "leads back to "+full(f.Parent)+"; lint reports an error"
		return []Claim{c}
	}
	if w.depth+1 == maxDepth {
		w.cut = true
		return []Claim{c}
	}
	w.depth++
	defer func() { w.depth-- }()
	if f.Claim == policy.Nest {
		c.Claims = w.walk(f.Child, c.Field+".", nil)
		return []Claim{c}
	}
	below := w.walk(f.Child, c.Field+".", append(slices.Clone(c.Via), stepOf(f)))
	if len(below) == 0 {
		c.Meaning = "makes no claims: " + full(f.Child) + " has none"
	}
	if len(below) == 0 || c.Fault != "" {
		below = append([]Claim{c}, below...)
	}
	return below
}

// meaning describes what validation does with the claim of f (A42 to A47).
func (w *walker) meaning(f *policy.Field) string {
	given := condition(f.Desc)
	if w.loose {
		given += " and there is a token"
	}
	switch f.Claim {
	case policy.Include:
		return "must equal the field if " + given
	case policy.Extract:
		return "must equal the field if " + given + ", else fills it"
	case policy.Descend:
		return "its claims are at the same level as these"
	case policy.Nest:
		if f.Desc.IsList() {
			return "must be an array with as many objects, each with these claims, if " + given
		}
		return "must be an object with these claims if " + given
	case policy.Raw:
		if f.Desc.IsMap() {
			return "every claim that fits " + policy.TypeName(f.Desc.MapValue()) + " goes into the map; signing makes each entry a claim and empties the map"
		}
	}
	return "not valid"
}

// condition describes when a field is not empty (A43).
func condition(d protoreflect.FieldDescriptor) string {
	switch {
	case d.IsList(), d.IsMap():
		return "the field has elements"
	case d.HasPresence():
		return "the field is set"
	case d.Kind() == protoreflect.BoolKind:
		return "the field is true"
	case d.Kind() == protoreflect.StringKind, d.Kind() == protoreflect.BytesKind:
		return "the field is not empty"
	case d.Enum() != nil && d.Enum().Values().Len() > 0: // the first is the zero value of an open enum
		return "the field is not " + string(d.Enum().Values().Get(0).Name())
	}
	return "the field is not 0"
}

// misuse returns why lint refuses the claim of f, as far as f itself shows.
func misuse(f *policy.Field) string {
	var why string
	d := f.Desc
	switch {
	case !f.Claim.Known():
		why = "the action " + f.Claim.String() + " is unknown"
	case f.Claim == policy.Descend && (f.Child == nil || d.IsList()):
		why = "DESCEND needs a message that is not repeated"
	case f.Claim == policy.Nest && f.Child == nil:
		why = "NEST needs a message"
	case f.Claim == policy.Raw && (!d.IsMap() || d.MapKey().Kind() != protoreflect.StringKind):
		why = "RAW needs a map with string keys"
	case d.IsMap() && d.MapKey().Kind() != protoreflect.StringKind:
		why = "a map needs string keys"
	case (f.Claim == policy.Include || f.Claim == policy.Extract) && policy.UnsetValue(d) != "":
		why = "reads as " + policy.UnsetValue(d) + " when unset, and is then not compared"
	default:
		return ""
	}
	return why + "; lint reports an error"
}
