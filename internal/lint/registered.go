package lint

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/policy"
)

// shape is the type of the JSON value of a field (A80, A81).
type shape int

const (
	other shape = iota
	number
	text
	texts    // an array of strings, or of anything
	anything // depends on the value
)

// registered returns the permitted types of a registered claim (RFC 7519 section 4.1), in
// words and as shapes.
func registered(name string) (want string, shapes []shape) {
	switch name {
	case "exp", "nbf", "iat":
		return "a number, of seconds since 1970", []shape{number, anything}
	case "iss", "sub", "jti":
		return "a string", []shape{text, anything}
	case "aud":
		return "a string or an array of strings", []shape{text, texts, anything}
	}
	return "", nil
}

// registeredClaimType only checks claims of tokens: in a nested object, exp is a name
// like any other.
func registeredClaimType(p *pass) {
	p.statics(func(d protoreflect.Descriptor, c policy.StaticClaim) {
		ok, makes := text, "a string"
		if len(c.Values) > 1 {
			ok, makes = texts, "an array of strings"
		}
		if want, shapes := registered(c.Claim.Value); shapes != nil && len(c.Values) > 0 && !slices.Contains(shapes, ok) {
			p.report(d, c.Pos, "use pattern, or another name", "the claim %q of a token must be %s, but the static claim of %s is %s", c.Claim.Value, want, label(d), makes)
		}
	})
	var tokens []*policy.Message
	for _, m := range p.Messages {
		if m.HasTokens() || p.nested[m] || p.ofToken(m) {
			tokens = append(tokens, m)
		}
	}
	for m := range policy.Reachable(tokens, func(f *policy.Field) bool { return f.Claim == policy.Descend }) {
		for _, f := range m.Fields {
			if f.Claim != policy.Include && f.Claim != policy.Extract && f.Claim != policy.Nest {
				continue
			}
			if !misregistered(f) {
				continue
			}
			want, _ := registered(f.ClaimName())
			p.report(f.Desc, nameAt(f), "change its type, or give the claim another name",
				"the claim %q of a token must be %s, but %s is %s", f.ClaimName(), want, label(f.Desc), policy.TypeName(f.Desc))
		}
	}
}

// misregistered reports whether a claim of a token has a type that its meaning excludes.
func misregistered(f *policy.Field) bool {
	_, shapes := registered(f.ClaimName())
	return shapes != nil && !slices.Contains(shapes, shapeOf(f))
}

func shapeOf(f *policy.Field) shape {
	switch {
	case f.Claim == policy.Nest || f.Desc.IsMap():
		return other
	case !f.Desc.IsList():
		return elementShape(f.Desc)
	}
	if s := elementShape(f.Desc); s == text || s == anything {
		return texts
	}
	return other
}

func elementShape(d protoreflect.FieldDescriptor) shape {
	switch d.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind:
		return text
	case protoreflect.BoolKind:
		return other
	case protoreflect.EnumKind:
		if d.Enum().FullName() == "google.protobuf.NullValue" {
			return other
		}
		return text
	case protoreflect.MessageKind, protoreflect.GroupKind:
		switch d.Message().FullName() {
		case "google.protobuf.StringValue", "google.protobuf.BytesValue", "google.protobuf.Timestamp",
			"google.protobuf.Duration", "google.protobuf.FieldMask",
			"google.protobuf.Int64Value", "google.protobuf.UInt64Value": // A81 makes numbers only of plain fields
			return text
		case "google.protobuf.Int32Value", "google.protobuf.UInt32Value", "google.protobuf.FloatValue", "google.protobuf.DoubleValue":
			return number
		case "google.protobuf.ListValue":
			return texts
		case "google.protobuf.Value":
			return anything
		}
		return other
	}
	return number
}
