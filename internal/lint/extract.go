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

// jsonClaim is a claim set by the annotation of a token, as a JSON value.
type jsonClaim struct {
	// kind is the claim's kind, as in strictjson.Value.Kind.
	kind string
	// value is nil if it depends on the environment.
	value strictjson.Value
}

// decisions returns the claims set by the annotation of the token t (A61).
func decisions(t *policy.Field) map[string]policy.AnnotationClaim {
	by := map[string]policy.AnnotationClaim{}
	for _, d := range t.AnnotationClaims() {
		if !d.Default {
			by[d.Claim] = d
		}
	}
	return by
}

// valueOf returns the result of signing d; a claim of the bearer token may be anything.
func valueOf(d policy.AnnotationClaim) jsonClaim {
	if d.Lifetime > 0 { // a lower bound for the time of expiry
		return jsonClaim{"0", strictjson.Value(strconv.FormatInt(d.Lifetime, 10))}
	}
	return stringsFrom(d.Strings, len(d.Strings) > 1)
}

// stringsFrom returns the first of list, or an array of all.
func stringsFrom(list []policy.Text, array bool) jsonClaim {
	o := jsonClaim{kind: `"`}
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

// extractWrongType checks what verification has to put into an EXTRACT field (A44): if a
// message is signed, what signing writes for an empty field (A65); otherwise what every
// token must have.
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

const cannotHoldHint = "give it a type that can hold the value, or remove the claim"

// extractSigned checks the claims that the options of t, the token of m, set. It returns
// those that surrounding messages may set.
func (p *pass) extractSigned(codec *jsonclaims.Codec, m *policy.Message, t *policy.Field) (open []policy.FieldClaim) {
	by := decisions(t)
	for _, c := range p.claimsOf(m).List {
		d, decided := by[c.Name]
		switch {
		case c.Field.Claim != policy.Extract || misregistered(c.Field):
		case !decided:
			open = append(open, c)
		case !d.FromBearer && !valueOf(d).fits(codec, c.Field.Desc):
			p.report(c.Field.Desc, nameAt(c.Field), cannotHoldHint,
				"the claim %q of %s comes from %s of %s, but %s is %s, which cannot hold it: messages that leave it empty cannot be signed",
				c.Name, label(m.Desc), d.Option, t.Desc.Name(), label(c.Field.Desc), policy.TypeName(c.Field.Desc))
		}
	}
	return open
}

// extractStatic checks the claims that tokens of m, in t, must have with certain values:
// as a single string, or in an array (A70).
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
		p.report(c.Field.Desc, nameAt(c.Field), cannotHoldHint,
			"the claim %q of %s must match the static_claim of %s, but %s is %s, which cannot hold it: every message is refused",
			c.Name, label(m.Desc), t.Desc.Name(), label(c.Field.Desc), policy.TypeName(c.Field.Desc))
	}
}

// fits reports whether the claim can be stored in the field.
func (o jsonClaim) fits(codec *jsonclaims.Codec, fd protoreflect.FieldDescriptor) bool {
	if o.value == nil {
		return strings.ContainsAny(kindsOf(fd), o.kind)
	}
	return codec.Parse(fd, o.value, dynamicpb.NewMessage(fd.ContainingMessage())) == nil
}

// extractFromParents checks the claims that the token of m inherits: from the messages
// that nest it, and from those around a message whose own token inherits too (A52).
func (p *pass) extractFromParents(m *policy.Message, open []policy.FieldClaim, parents map[*policy.Message][]*policy.Message, left *int) {
	byName := map[string]policy.FieldClaim{}
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
			p.report(inner.Field.Desc, nameAt(inner.Field), "give it the same type, or another name",
				"the claim %q of %s comes from %s (include_parent_claims) if %s is empty, but that is %s, which cannot hold it: the message then cannot be signed",
				inner.Name, label(m.Desc), label(outer.Field.Desc), label(inner.Field.Desc), policy.TypeName(inner.Field.Desc))
		}
	}
}

// signedParents returns the signed messages that nest others as tokens, by nested
// message.
func (f *facts) signedParents() map[*policy.Message][]*policy.Message {
	parents := map[*policy.Message][]*policy.Message{}
	for _, m := range f.Messages {
		reported := policy.Set{}
		for _, child := range nestedTokens(m) {
			if f.reach.Signed[m] && !reported[child] {
				reported[child] = true
				parents[child] = append(parents[child], m)
			}
		}
	}
	return parents
}

// kindsOf returns the kinds of JSON values that a field of d's type is written as and
// read from (A80 to A82), as in strictjson.Value.Kind; t means both booleans.
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
