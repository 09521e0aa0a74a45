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

// origin is an option that signing takes a claim from, whatever the field of
// the claim holds (A61).
type origin struct {
	option string
	// kind is that of the claim, as in strictjson.Value.Kind.
	kind string
	// value is nil where only the environment tells it.
	value strictjson.Value
}

// origins returns those of a token's claims by name. A claim of the bearer
// token has none: it may be anything.
func origins(t *policy.Field) map[string]origin {
	by := map[string]origin{}
	for name, list := range staticValues(t) {
		by[name] = stringsFrom("static_claim", list, len(list) > 1)
	}
	if len(t.Issuers) > 0 {
		by["iss"] = stringsFrom("issuer", t.Issuers[:1], false)
	}
	if t.ExpiresSeconds > 0 { // the least that the time of expiry can be
		by["exp"] = origin{"expires_seconds", "0", strictjson.Value(strconv.FormatInt(t.ExpiresSeconds, 10))}
	}
	return by
}

// staticValues returns the values that each static claim of a token must have:
// those of all its entries (A70, A75), each once.
func staticValues(t *policy.Field) map[string][]policy.Text {
	values := map[string][]policy.Text{}
	for _, c := range t.StaticClaims {
		name := c.Claim.Value
		for _, v := range c.Values {
			if !slices.ContainsFunc(values[name], func(t policy.Text) bool { return t.Value == v.Value }) {
				values[name] = append(values[name], v)
			}
		}
	}
	return values
}

// stringsFrom is the first of list, or an array of all.
func stringsFrom(option string, list []policy.Text, array bool) origin {
	o := origin{option: option, kind: `"`}
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
		case p.signed[m]:
			open := p.extractSigned(codec, m, t)
			if t.IncludeParentClaims && len(open) > 0 {
				p.extractFromParents(m, without(open, t.BearerClaims), parents, &left)
			}
		case p.validated[m]:
			p.extractStatic(codec, m, t)
		}
	}
}

const holdsNot = "give it a type that can hold that, or leave the claim out"

// extractSigned looks at the claims that options of t, the token of m, decide.
// It returns those that are open to the messages around m.
func (p *pass) extractSigned(codec *jsonclaims.Codec, m *policy.Message, t *policy.Field) (open []claim) {
	by := origins(t)
	for _, c := range p.claimsOf(m).list {
		o, decided := by[c.name]
		switch {
		case c.field.Claim != policy.Extract || misregistered(c.field):
		case !decided:
			open = append(open, c)
		case !o.fits(codec, c.field.Desc):
			p.report(c.field.Desc, c.at(), holdsNot,
				"the claim %q of %s comes from %s of %s, and %s is %s, which can't hold it: what is signed is always refused",
				c.name, label(m.Desc), o.option, t.Desc.Name(), label(c.field.Desc), typeOf(c.field.Desc))
		}
	}
	return open
}

// extractStatic looks at the claims that tokens of m, which t holds, must have
// with certain values: as a string that is the only one, or in an array (A70).
func (p *pass) extractStatic(codec *jsonclaims.Codec, m *policy.Message, t *policy.Field) {
	values := staticValues(t)
	for _, c := range p.claimsOf(m).list {
		list := values[c.name]
		if c.field.Claim != policy.Extract || misregistered(c.field) || len(list) == 0 {
			continue
		}
		one, all := stringsFrom("", list, false), stringsFrom("", list, true)
		if len(list) == 1 && one.fits(codec, c.field.Desc) || all.fits(codec, c.field.Desc) {
			continue
		}
		p.report(c.field.Desc, c.at(), holdsNot,
			"the claim %q of %s must have what static_claim of %s says, and %s is %s, which can't hold it: every message is refused",
			c.name, label(m.Desc), t.Desc.Name(), label(c.field.Desc), typeOf(c.field.Desc))
	}
}

// fits says whether a field can be given the claim.
func (o origin) fits(codec *jsonclaims.Codec, fd protoreflect.FieldDescriptor) bool {
	if o.value == nil {
		return strings.ContainsAny(kindsOf(fd), o.kind)
	}
	return codec.Parse(fd, o.value, dynamicpb.NewMessage(fd.ContainingMessage())) == nil
}

// without returns the claims that the bearer token does not give.
func without(list []claim, bearer []policy.Text) (rest []claim) {
	names := map[string]bool{}
	for _, t := range bearer {
		names[t.Value] = true
	}
	for _, c := range list {
		if !names[c.name] {
			rest = append(rest, c)
		}
	}
	return rest
}

// extractFromParents looks at the claims that come down to the token of m: of
// the messages that nest it, and of those around one whose own token includes
// its parent's (A52).
func (p *pass) extractFromParents(m *policy.Message, open []claim, parents map[*policy.Message][]*policy.Message, left *int) {
	byName := map[string]claim{}
	for _, c := range open {
		byName[c.name] = c
	}
	seen := set{}
	for around := slices.Clone(parents[m]); len(around) > 0; around = around[1:] {
		parent := around[0]
		if seen[parent] {
			continue
		}
		seen[parent] = true
		if t := parent.TokenField(); t != nil && t.IncludeParentClaims {
			around = append(around, parents[parent]...)
		}
		outers := p.claimsOf(parent).list
		if *left -= 1 + len(outers); *left < 0 {
			return
		}
		for _, outer := range outers {
			inner, there := byName[outer.name]
			if !there || strings.ContainsAny(kindsOf(outer.field.Desc), kindsOf(inner.field.Desc)) {
				continue
			}
			p.report(inner.field.Desc, inner.at(), "give it the type of the other, or another name",
				"the claim %q of %s comes from %s (include_parent_claims) where %s is empty, and that is %s, which can't hold it: what is signed so is refused",
				inner.name, label(m.Desc), label(outer.field.Desc), label(inner.field.Desc), typeOf(inner.field.Desc))
		}
	}
}

// signedParents returns the messages that are signed and nest others as tokens,
// by those.
func (f *facts) signedParents() map[*policy.Message][]*policy.Message {
	parents := map[*policy.Message][]*policy.Message{}
	for _, m := range f.Messages {
		told := set{}
		for _, child := range nestedTokens(m) {
			if f.signed[m] && !told[child] {
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
