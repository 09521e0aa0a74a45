package lint

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	jsonclaims "github.com/jwtctl/jwtctl/internal/claims"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// made is a claim that the annotation of a token settles, as a JSON value.
type made struct {
	// kind is that of the claim, as in strictjson.Value.Kind.
	kind string
	// value is nil where only the environment tells it.
	value strictjson.Value
}

// decisions returns what the annotation of the token t settles, by claim (A61).
func decisions(t *policy.Field) map[string]policy.Decision {
	by := map[string]policy.Decision{}
	for _, d := range t.Decides() {
		if !d.Default {
			by[d.Claim] = d
		}
	}
	return by
}

// valueOf returns what signing makes of d; a claim of the bearer token may be
// anything.
func valueOf(d policy.Decision) made {
	if d.Lifetime > 0 { // the least that the time of expiry can be
		return made{"0", strictjson.Value(strconv.FormatInt(d.Lifetime, 10))}
	}
	return stringsFrom(d.Strings, len(d.Strings) > 1)
}

// stringsFrom is the first of list, or an array of all.
func stringsFrom(list []policy.Text, array bool) made {
	o := made{kind: `"`}
	var quoted []string
	for _, t := range list {
		if names, err := t.Variables(); len(names) > 0 || err != nil {
			quoted = nil
			break
		}
		quoted = append(quoted, string(strictjson.Quote(t.Value)))
	}
	text := strings.Join(quoted, ",")
	if array {
		o.kind, text = "[", "["+text+"]"
	}
	if quoted != nil {
		o.value = strictjson.Value(text)
	}
	return o
}

// extractWrongType looks at what verification has to put into an EXTRACT field
// (A44): where a message is signed, what signing writes for one that is left empty
// (A65); elsewhere, what every token must have.
func extractWrongType(p *pass) {
	codec := jsonclaims.New(p.Set().Types())
	parents := p.signedParents()
	left := maxSteps
	for _, m := range p.Messages {
		t := m.TokenField()
		switch {
		case t == nil || m.BearerToken:
		case p.reach.Signed[m]:
			open := p.extractSigned(codec, m, t)
			if t.IncludeParentClaims && len(open) > 0 {
				p.extractFromParents(m, open, parents, &left)
			}
		case p.reach.Validated[m]:
			p.extractStatic(codec, m, t)
		}
	}
}

const holdsNot = "give it a type that can hold that, or leave the claim out"

// extractSigned looks at the claims that options of t, the token of m, decide.
// It returns those that are open to the messages around m.
func (p *pass) extractSigned(codec *jsonclaims.Codec, m *policy.Message, t *policy.Field) (open []policy.Made) {
	by := decisions(t)
	for _, c := range p.claimsOf(m).List {
		d, decided := by[c.Name]
		switch {
		case c.Field.Claim != policy.Extract || misregistered(c.Field):
		case !decided:
			open = append(open, c)
		case !d.FromBearer && !valueOf(d).fits(codec, c.Field.Desc):
			p.report(c.Field.Desc, nameAt(c.Field), holdsNot,
				"the claim %q of %s comes from %s of %s, and %s is %s, which can't hold it: no message is signed that leaves it empty",
				c.Name, label(m.Desc), d.Option, t.Desc.Name(), label(c.Field.Desc), policy.TypeName(c.Field.Desc))
		}
	}
	return open
}

// extractStatic looks at the claims that tokens of m, which t holds, must have
// with certain values: as a string that is the only one, or in an array (A70).
func (p *pass) extractStatic(codec *jsonclaims.Codec, m *policy.Message, t *policy.Field) {
	values := map[string][]policy.Text{}
	for _, r := range policy.RequiredClaims(t.StaticClaims) {
		values[r.Claim] = r.Values()
	}
	for _, c := range p.claimsOf(m).List {
		list := values[c.Name]
		if c.Field.Claim != policy.Extract || misregistered(c.Field) || len(list) == 0 {
			continue
		}
		one, all := stringsFrom(list, false), stringsFrom(list, true)
		if len(list) == 1 && one.fits(codec, c.Field.Desc) || all.fits(codec, c.Field.Desc) {
			continue
		}
		p.report(c.Field.Desc, nameAt(c.Field), holdsNot,
			"the claim %q of %s must have what static_claim of %s says, and %s is %s, which can't hold it: every message is refused",
			c.Name, label(m.Desc), t.Desc.Name(), label(c.Field.Desc), policy.TypeName(c.Field.Desc))
	}
}

// fits reports whether a field can be given the claim.
func (o made) fits(codec *jsonclaims.Codec, fd protoreflect.FieldDescriptor) bool {
	if o.value == nil {
		return strings.ContainsAny(kindsOf(fd), o.kind)
	}
	return codec.Parse(fd, o.value, dynamicpb.NewMessage(fd.ContainingMessage())) == nil
}

// extractFromParents looks at the claims that come down to the token of m: of
// the messages that nest it, and of those around one whose own token includes
// its parent's (A52).
func (p *pass) extractFromParents(m *policy.Message, open []policy.Made, parents map[*policy.Message][]*policy.Message, left *int) {
	byName := map[string]policy.Made{}
	for _, c := range open {
		byName[c.Name] = c
	}
	seen := policy.Set{}
	for around := slices.Clone(parents[m]); len(around) > 0; around = around[1:] {
		parent := around[0]
		if seen[parent] {
			continue
		}
		seen[parent] = true
		if t := parent.TokenField(); t != nil && t.IncludeParentClaims {
			around = append(around, parents[parent]...)
		}
		outers := p.claimsOf(parent).List
		if *left -= 1 + len(outers); *left < 0 {
			return
		}
		for _, outer := range outers {
			inner, there := byName[outer.Name]
			if !there || strings.ContainsAny(kindsOf(outer.Field.Desc), kindsOf(inner.Field.Desc)) {
				continue
			}
			p.report(inner.Field.Desc, nameAt(inner.Field), "give it the type of the other, or another name",
				"the claim %q of %s comes from %s (include_parent_claims) where %s is empty, and that is %s, which can't hold it: the message is not signed then",
				inner.Name, label(m.Desc), label(outer.Field.Desc), label(inner.Field.Desc), policy.TypeName(inner.Field.Desc))
		}
	}
}

// signedParents returns the messages that are signed and nest others as tokens,
// by those.
func (f *facts) signedParents() map[*policy.Message][]*policy.Message {
	parents := map[*policy.Message][]*policy.Message{}
	for _, m := range f.Messages {
		told := policy.Set{}
		for _, child := range nestedTokens(m) {
			if f.reach.Signed[m] && !told[child] {
				told[child] = true
				parents[child] = append(parents[child], m)
			}
		}
	}
	return parents
}

// kindsOf returns the kinds of JSON values that a field of d's type becomes and
// is read from (A80 to A82), each as in strictjson.Value.Kind; t is both booleans.
func kindsOf(d protoreflect.FieldDescriptor) string {
	switch {
	case d.IsMap():
		return "{"
	case d.IsList():
		return "["
	}
	switch d.Kind() {
	case protoreflect.BoolKind:
		return "t"
	case protoreflect.StringKind, protoreflect.BytesKind:
		return `"`
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return "0"
	case protoreflect.EnumKind:
		return `"0n` // null is NullValue's
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return kindsOfMessage(d.Message().FullName())
	}
	return `"0` // 64 bits may be a string, and so may NaN
}

func kindsOfMessage(name protoreflect.FullName) string {
	switch name {
	case "google.protobuf.Value":
		return `{["0tn`
	case "google.protobuf.ListValue":
		return "["
	case "google.protobuf.BoolValue":
		return "t"
	case "google.protobuf.Int32Value", "google.protobuf.UInt32Value":
		return "0"
	case "google.protobuf.Int64Value", "google.protobuf.UInt64Value", "google.protobuf.FloatValue", "google.protobuf.DoubleValue":
		return `"0`
	case "google.protobuf.StringValue", "google.protobuf.BytesValue", "google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask":
		return `"`
	}
	return "{"
}
