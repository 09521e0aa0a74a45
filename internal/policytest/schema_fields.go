package policytest

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// token draws the field that holds a message's token; nested reports whether
// there is a message around it whose claims it could include.
func (g *generator) token(nested bool) *Field {
	f := &Field{Name: "tok", Number: 1000, Token: true, Kind: g.pick("token kind", "string", "string", "bytes")}
	switch f.Label = g.singular(); {
	case g.s.Dialect == Proto3 && g.maybe("presence", 1):
		f.Label = "optional"
	case g.s.Dialect == Proto2 && !g.s.Hazard.unsigned() && g.maybe("required token", 1):
		f.Label = "required"
	}
	if g.maybe("expires", 1) {
		f.Expires = -1
	}
	if g.maybe("issuer", 1) {
		f.Issuers = []string{"me", "you"}
		if g.o.Issuers {
			f.Issuers = []string{g.pick("first issuer", "A", "B", "C"), "you"}
		}
	}
	if g.maybe("static", 1) {
		f.Static = append(f.Static, [2]string{"role", "admin"})
	}
	if g.maybe("bearer claim", 1) {
		f.BearerClaims, g.s.Bearer = []string{"sub"}, true
		if g.o.Issuers && g.maybe("bearer issuer", 2) {
			f.BearerClaims = append(f.BearerClaims, "iss")
		}
	}
	f.ParentClaims = nested && g.maybe("parent claims", 3)
	return f
}

// claims adds fields that are or make claims to t, and some that do not, and
// returns the names of those at the top of t's token.
func (g *generator) claims(t *Type, depth int, inherit []string) []string {
	names := []string{}
	// One claim at least: lint warns about none.
	f := g.scalar(t, g.next(), g.pick("claim", "INCLUDE", "EXTRACT"))
	t.Fields = append(t.Fields, f)
	names = append(names, f.ClaimName)
	for range rapid.IntRange(0, 4).Draw(g.t, "fields") {
		n := g.next()
		action := g.pick("action", "", "INCLUDE", "INCLUDE", "EXTRACT", "EXTRACT", "DESCEND", "NEST", "RAW")
		switch {
		case action == "RAW":
			value := g.pick("raw", "string", "bool", "int32", "Plain")
			t.Fields = append(t.Fields, &Field{Name: fmt.Sprintf("f%d", n), Number: n, Kind: "map<string," + value + ">", Claim: action})
		case action == "DESCEND" || action == "NEST":
			if depth <= 0 {
				continue
			}
			names = append(names, g.walk(t, n, action, depth)...)
		default:
			f := g.scalar(t, n, action)
			if len(inherit) > 0 && action == "INCLUDE" && !settled(inherit[0]) && !settled(f.ClaimName) && g.maybe("a parent's name", 1) {
				f.ClaimName = inherit[0]
				inherit = inherit[1:]
			}
			t.Fields = append(t.Fields, f)
			if action != "" {
				names = append(names, f.ClaimName)
			}
		}
	}
	return append(names, g.placed(t)...)
}

// placed adds the hazards of claims.
func (g *generator) placed(t *Type) []string {
	n := g.next()
	name := fmt.Sprintf("f%d", n)
	claim := &Field{Name: name, Number: n, Claim: "INCLUDE", ClaimName: name, Label: g.singular()}
	switch {
	case g.place(DefaultValue):
		claim.Kind = g.pick("kind", "string", "bool", "int32", "double", "bytes")
		value := map[string]string{"string": `"root"`, "bool": "true", "int32": "7", "double": "1.5", "bytes": `"root"`}[claim.Kind]
		claim.options = []string{"default = " + value}
		claim.Claim = g.pick("action", "INCLUDE", "EXTRACT")
	case g.place(NonzeroEnum):
		claim.Kind = "Level"
	case g.place(FreeOneofMember):
		claim.Kind, claim.Label, claim.Oneof = "string", "", "o"+name
		m := g.next()
		t.Fields = append(t.Fields, claim, &Field{Name: fmt.Sprintf("f%d", m), Number: m, Kind: g.pick("kind", "string", "int32", "Plain"), Oneof: claim.Oneof})
		return []string{name}
	case g.place(EmptyWalk):
		claim.Kind, claim.Claim = "Plain", g.pick("action", "DESCEND", "NEST")
	default:
		return nil
	}
	t.Fields = append(t.Fields, claim)
	return []string{name}
}

// walk adds a DESCEND or NEST field, and returns the claims at the top.
func (g *generator) walk(t *Type, n int, action string, depth int) []string {
	child := g.add(&Type{Name: fmt.Sprintf("C%d", n)})
	f := &Field{Name: fmt.Sprintf("f%d", n), Number: n, Kind: child.Name, Type: child, Claim: action}
	f.ClaimName = f.Name
	g.label(t, f, action == "NEST")
	t.Fields = append(t.Fields, f)
	names := g.claims(child, depth-1, nil)
	if action == "NEST" {
		return []string{f.ClaimName}
	}
	return names
}

// scalar draws a field that is one claim, or none, whatever its type.
func (g *generator) scalar(t *Type, n int, claim string) *Field {
	f := &Field{Name: fmt.Sprintf("f%d", n), Number: n, Claim: claim, Kind: g.pick("kind",
		"string", "string", "bool", "int32", "int64", "uint64", "uint32", "sint32", "sint64", "fixed64", "sfixed32", "float", "double", "bytes", "Color", "Plain", "Inner", "group",
		"google.protobuf.Timestamp", "google.protobuf.StringValue", "google.protobuf.Any", "google.protobuf.Any", "map<string,int64>", "map<string,Plain>")}
	switch {
	case f.Kind == "group" && g.s.Dialect == Edition2023:
		f.Kind, f.options = "Plain", append(f.options, "features.message_encoding = DELIMITED")
	case f.Kind == "group" && g.s.Dialect == Proto3:
		f.Kind = "Plain"
	}
	f.ClaimName = f.Name
	if claim != "" && g.maybe("named", 1) {
		f.ClaimName = fmt.Sprintf("n%d", n)
	}
	if g.o.Issuers && claim != "" && f.Kind == "string" && t.Token() != nil && g.maybe("of the token", 2) {
		if name := g.pick("claim of the token", "iss", "iss", "sub", "role"); !makes(t, name) {
			f.ClaimName, f.Label = name, g.singular()
			return f
		}
	}
	if !strings.HasPrefix(f.Kind, "map<") {
		g.label(t, f, true)
	}
	return f
}

// settled reports whether the annotation of a token may make the claim.
func settled(claim string) bool { return slices.Contains([]string{"iss", "sub", "role"}, claim) }

// makes reports whether a field of t makes the claim already.
func makes(t *Type, claim string) bool {
	return slices.ContainsFunc(t.Fields, func(f *Field) bool { return f.ClaimName == claim })
}

// label draws how often f is there, and what an edition adds to that.
func (g *generator) label(t *Type, f *Field, repeatable bool) {
	message := strings.ContainsAny(f.Kind[:1], "ABCDEFGHIJKLMNOPQRSTUVWXYZg") && f.Kind != "Color" && f.Kind != "Level"
	labels := []string{"", "optional", "oneof"}
	switch g.s.Dialect {
	case Proto2:
		labels = []string{"optional", "optional", "required", "oneof"}
	case Edition2023:
		labels = []string{"", "", "implicit", "required", "oneof", "delimited"}
	}
	if f.Kind == "group" { // protobufjs knows none in a oneof
		labels = []string{"optional", "required"}
	}
	if repeatable {
		labels = append(labels, "repeated")
	}
	switch label := g.pick("label", labels...); {
	case label == "oneof":
		f.Oneof = "o" + f.Name
		if f.Claim == "" || f.Token || f.Type != nil { // a member without a claim is free anyway
			return
		}
		// The other member is a claim too: another is a hazard.
		n := g.next()
		t.Fields = append(t.Fields, &Field{Name: fmt.Sprintf("f%d", n), Number: n, Kind: "string", Oneof: f.Oneof, Claim: "INCLUDE", ClaimName: fmt.Sprintf("f%d", n)})
	case label == "implicit" && !message:
		f.options = append(f.options, "features.field_presence = IMPLICIT")
	case label == "required" && g.s.Dialect == Edition2023:
		f.options = append(f.options, "features.field_presence = LEGACY_REQUIRED")
	case label == "delimited" && message && f.Type != nil: // scalar has done the others
		f.options = append(f.options, "features.message_encoding = DELIMITED")
	case label == "delimited" || label == "implicit":
	case label == "repeated" && g.s.Dialect == Edition2023 && g.maybe("expanded", 2) && packable(f.Kind):
		f.Label, f.options = label, append(f.options, "features.repeated_field_encoding = EXPANDED")
	case label == "repeated" && g.s.Dialect == Proto2 && g.maybe("packed", 2) && packable(f.Kind):
		f.Label, f.options = label, append(f.options, "packed = true")
	default:
		f.Label = label
	}
}

func packable(kind string) bool {
	switch kind {
	case "bool", "int32", "int64", "uint64", "uint32", "sint32", "sint64", "fixed64", "sfixed32", "float", "double", "Color":
		return true
	}
	return false
}
