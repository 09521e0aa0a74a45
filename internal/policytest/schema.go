package policytest

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"
)

// Schema is a random policy: a service whose one method takes and returns the
// message M, and the types that M leads to. It says what each annotation means
// without package policy, so that laws about jwtctl do not depend on how jwtctl
// reads annotations.
type Schema struct {
	Dialect Dialect
	Hazard  Hazard
	// Types by their names within package t. Those without annotations that
	// every schema has, such as Plain, are not among them.
	Types map[string]*Type
	Root  *Type
	// Bearer reports whether the method validates BEARER_TOKEN.
	Bearer bool
	// Text is the .proto source.
	Text string

	order    []*Type  // as the source has them
	anyTypes []string // that an Any may hold, next to the usual ones
}

// Dialect is a syntax or edition.
type Dialect string

// The dialects.
const (
	Proto2      Dialect = `syntax = "proto2";`
	Proto3      Dialect = `syntax = "proto3";`
	Edition2023 Dialect = `edition = "2023";`
)

// Type is a message type with annotations.
type Type struct {
	Name       string
	UsesBearer bool // validate_bearer_token
	Fields     []*Field
}

// Token returns the field that holds the type's token, nil if there is none.
func (t *Type) Token() *Field {
	i := slices.IndexFunc(t.Fields, func(f *Field) bool { return f.Token && f.Type == nil })
	if i < 0 {
		return nil
	}
	return t.Fields[i]
}

// Field returns the field with this name; nil if the type has none.
func (t *Type) Field(name string) *Field {
	i := slices.IndexFunc(t.Fields, func(f *Field) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return t.Fields[i]
}

// Field is a field of a Type.
type Field struct {
	Name   string
	Number int
	Kind   string // as in the source: "string", "Color", "map<string,int64>", "group"
	Label  string // "", "optional", "required" or "repeated"
	Oneof  string // its name, "" for none
	Type   *Type  // of messages that have annotations, else nil

	Claim     string // "INCLUDE" …, "" for none
	ClaimName string // what counts: the option or the field's name
	Token     bool

	// Options of a token.
	Issuers      []string
	Static       [][2]string // claim and value
	BearerClaims []string
	ParentClaims bool
	Expires      int

	options []string // of the field, but jwt
}

// Repeated reports whether the field is a list.
func (f *Field) Repeated() bool { return f.Label == "repeated" }

// in is the descriptor of f in m, a message of its type.
func (f *Field) in(m protoreflect.Message) protoreflect.FieldDescriptor {
	return m.Descriptor().Fields().ByName(protoreflect.Name(f.Name))
}

// SchemaOptions narrow what RandomSchema draws.
type SchemaOptions struct {
	Dialects []Dialect // all for none
	Hazards  []Hazard  // of which half of the schemas have one
	Depth    int       // of nested messages; 2 for 0
	// Issuers lets fields and RAW entries make the claim iss, and fields those that
	// the annotation of their token makes.
	Issuers bool
}

// generator draws one schema.
type generator struct {
	t      *rapid.T
	o      SchemaOptions
	s      *Schema
	n      int
	hazard Hazard // what is still to be placed
}

// RandomSchema draws a schema. Names of fields are unique, and so are claims,
// except in nested messages, which may use the name of a parent's claim.
func RandomSchema(t *rapid.T, o SchemaOptions) *Schema {
	if len(o.Dialects) == 0 {
		o.Dialects = []Dialect{Proto2, Proto3, Edition2023}
	}
	if o.Depth == 0 {
		o.Depth = 2
	}
	g := &generator{t: t, o: o, s: &Schema{Types: map[string]*Type{}}}
	g.s.Dialect = rapid.SampledFrom(o.Dialects).Draw(t, "dialect")
	if len(o.Hazards) > 0 && rapid.Bool().Draw(t, "hazardous") {
		g.s.Hazard = rapid.SampledFrom(o.Hazards).Draw(t, "hazard")
	}
	if g.s.Dialect == Proto3 && (g.s.Hazard == DefaultValue || g.s.Hazard == NonzeroEnum) {
		g.s.Dialect = Edition2023
	}
	g.hazard = g.s.Hazard
	g.s.Root = g.root()
	g.s.Bearer = g.s.Bearer || g.maybe("bearer", 2)
	g.s.Text = g.s.render(true)
	return g.s
}

// maybe is true n times out of five.
func (g *generator) maybe(what string, n int) bool { return rapid.IntRange(1, 5).Draw(g.t, what) <= n }

func (g *generator) pick(what string, from ...string) string {
	return rapid.SampledFrom(from).Draw(g.t, what)
}

func (g *generator) next() int {
	g.n++
	if g.n == undeclared {
		g.n++
	}
	return g.n
}

// undeclared is a field number that no type declares.
const undeclared = 12

// place reports whether hazard h is still to be placed, and marks it as placed.
func (g *generator) place(h Hazard) bool {
	if g.hazard != h {
		return false
	}
	g.hazard = NoHazard
	return true
}

func (g *generator) add(t *Type) *Type {
	g.s.Types[t.Name] = t
	g.s.order = append(g.s.order, t)
	return t
}

func (g *generator) root() *Type {
	root := g.add(&Type{Name: "M"})
	switch {
	case g.place(BearerWithoutClaim):
		root.UsesBearer, g.s.Bearer = true, true
		root.Fields = append(root.Fields, g.scalar(root, g.next(), ""))
		return root
	case g.place(OptionalTokens):
		g.nested(root, g.o.Depth, nil)
		return root
	case g.maybe("bearer is the token", 1):
		root.UsesBearer, g.s.Bearer = true, true
	default:
		root.Fields = append(root.Fields, g.token(false))
	}
	names := g.claims(root, g.o.Depth, nil)
	if g.maybe("nested tokens", 3) {
		g.nested(root, g.o.Depth, names)
	}
	g.unannotated(root)
	g.recursive(root)
	return root
}

// nested adds one or two fields of messages with tokens of their own. inherit
// are the claims of t.
func (g *generator) nested(t *Type, depth int, inherit []string) {
	for range rapid.IntRange(1, 2).Draw(g.t, "nested") {
		n := g.next()
		child := g.add(&Type{Name: fmt.Sprintf("T%d", n)})
		f := &Field{Name: fmt.Sprintf("f%d", n), Number: n, Kind: child.Name, Type: child, Token: true}
		g.label(t, f, true)
		t.Fields = append(t.Fields, f)
		child.Fields = append(child.Fields, g.token(inherit != nil))
		names := g.claims(child, depth-1, inherit)
		if depth > 1 && g.maybe("nested tokens", 2) {
			if child.Token().ParentClaims {
				names = append(slices.Clone(inherit), names...)
			}
			g.nested(child, depth-1, names)
		}
	}
}

func (g *generator) recursive(t *Type) {
	if !t.UsesBearer && !t.Token().ParentClaims && g.maybe("recursive", 1) {
		n := g.next()
		t.Fields = append(t.Fields, &Field{Name: fmt.Sprintf("f%d", n), Number: n, Kind: t.Name, Type: t, Token: true, Label: "repeated"})
	}
}

// unannotated adds a field without annotation that leads to a token or could.
func (g *generator) unannotated(t *Type) {
	n := g.next()
	f := &Field{Name: fmt.Sprintf("f%d", n), Number: n}
	switch {
	case g.place(UnannotatedToken):
		f.Label = g.pick("label", "", "repeated")
	case g.place(UnannotatedMap):
		f.Kind = "map<string,%s>"
	case g.place(UnannotatedAny):
		f.Kind, f.Label = "google.protobuf.Any", g.singular()
	default:
		return
	}
	var child *Type
	if f.Kind == "google.protobuf.Any" { // lint passes over what is validated elsewhere
		child = g.unreached(n)
		g.s.anyTypes = []string{"t." + child.Name}
	} else {
		child = g.validated(t)
	}
	switch f.Kind {
	case "":
		f.Kind, f.Type = child.Name, child
	case "map<string,%s>":
		f.Kind, f.Type = fmt.Sprintf(f.Kind, child.Name), child
	}
	if f.Label == "" && f.Type != nil && f.Kind == child.Name {
		f.Label = g.singular()
	}
	t.Fields = append(t.Fields, f)
}

// validated returns a type with a token that is validated elsewhere in t, so that
// lint cannot call its annotations unreached.
func (g *generator) validated(t *Type) *Type {
	var all []*Type
	for _, typ := range g.s.order {
		if typ.Token() != nil {
			all = append(all, typ)
		}
	}
	if len(all) > 0 {
		return all[rapid.IntRange(0, len(all)-1).Draw(g.t, "validated")]
	}
	n := g.next()
	child := g.unreached(n)
	t.Fields = append(t.Fields, &Field{Name: fmt.Sprintf("f%d", n), Number: n, Kind: child.Name, Type: child, Token: true, Label: "repeated"})
	return child
}

// unreached returns a new type with a token that no annotation leads to.
func (g *generator) unreached(n int) *Type {
	child := g.add(&Type{Name: fmt.Sprintf("T%d", n)})
	child.Fields = append(child.Fields, g.token(false))
	g.claims(child, 0, nil)
	return child
}

// singular is the label that a field of a message may have without more.
func (g *generator) singular() string {
	if g.s.Dialect == Proto2 {
		return "optional"
	}
	return ""
}
