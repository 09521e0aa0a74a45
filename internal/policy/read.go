package policy

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
)

// Read returns the policy given by the annotations of set.
func Read(set *descset.Set) *Policy {
	p := &Policy{set: set, messages: map[protoreflect.FullName]*Message{}, methods: map[string]*Method{}}
	r := reader{p, map[string]bool{}}
	for _, f := range set.Files() {
		r.imports[f.Descriptor.Path()] = f.Import
	}
	rank, asked := map[protoreflect.FullName]int{}, set.Messages()
	for i, m := range asked {
		r.message(m)
		rank[m.FullName()] = i - len(asked)
	}
	for _, f := range set.Files() {
		if !f.Import {
			r.extensions(f.Descriptor)
		}
	}
	for _, s := range set.Services() {
		p.Services = append(p.Services, r.service(s))
	}
	slices.SortStableFunc(p.Messages, func(a, b *Message) int { // fields lead to some of them early; imported ones rank 0
		return cmp.Compare(rank[a.Desc.FullName()], rank[b.Desc.FullName()])
	})
	return p
}

type reader struct {
	*Policy
	imports map[string]bool
}

func (r reader) service(desc protoreflect.ServiceDescriptor) *Service {
	s := &Service{Desc: desc, Pos: r.set.Position(desc), OwnRules: r.rules(desc)}
	for d := range descset.Each(desc.Methods()) {
		m := &Method{Desc: d, Service: s, Pos: r.set.Position(d), OwnRules: r.rules(d), Input: r.message(d.Input()), Output: r.message(d.Output())}
		s.Methods = append(s.Methods, m)
		r.methods[m.Name()] = m
	}
	return s
}

// Field numbers of JwtServiceOptions and JwtMethodOptions (A1).
const (
	rulesValidate = 1
	rulesSign     = 2
	rulesIssuer   = 3
	rulesStatic   = 4
)

// annotation returns the annotation of d, or nil.
func (r reader) annotation(d protoreflect.Descriptor) *descset.Annotation {
	a := r.set.Annotation(d)
	if a != nil && a.Other != nil {
		r.DualAnnotations = append(r.DualAnnotations, DualAnnotation{d, a.Option, a.Other.Option, a.Other.Position()})
	}
	return a
}

func (r reader) rules(d protoreflect.Descriptor) *Rules {
	a := r.annotation(d)
	if a == nil {
		return nil
	}
	_, onService := d.(protoreflect.ServiceDescriptor)
	o := optionsOf(a)
	rules := &Rules{Option: a.Option, Pos: o.whole, OnService: onService, Issuers: o.texts(rulesIssuer), StaticClaims: o.static(rulesStatic)}
	if onService {
		if v := o.get(rulesValidate).Enum(); v != 0 {
			rules.Validate = []ModeValue{{Mode(v), o.pos(rulesValidate)}}
		}
		return rules
	}
	rules.Validate, rules.Sign = o.modes(rulesValidate), o.modes(rulesSign)
	return rules
}

// Field number of JwtMessageOptions.
const messageBearer = 1

// message returns the model of desc, and of every message that its annotated fields lead
// to. Recursive types refer to the same model.
func (r reader) message(desc protoreflect.MessageDescriptor) *Message {
	if m := r.messages[desc.FullName()]; m != nil {
		return m
	}
	m := &Message{Desc: desc, Pos: r.set.Position(desc), Imported: r.imports[desc.ParentFile().Path()]}
	r.messages[desc.FullName()] = m
	r.Messages = append(r.Messages, m)
	if a := r.annotation(desc); a != nil {
		o := optionsOf(a)
		m.BearerToken, m.BearerTokenPos = o.get(messageBearer).Bool(), o.pos(messageBearer)
	}
	for d := range descset.Each(desc.Fields()) {
		if f := r.field(d); f != nil {
			f.Parent = m
			m.Fields = append(m.Fields, f)
		}
	}
	return m
}

func (r reader) extensions(parent interface {
	Messages() protoreflect.MessageDescriptors
	Extensions() protoreflect.ExtensionDescriptors
}) {
	for d := range descset.Each(parent.Extensions()) {
		if f := r.field(d); f != nil {
			r.Extensions = append(r.Extensions, f)
		}
	}
	for m := range descset.Each(parent.Messages()) {
		r.extensions(m)
	}
}

// Field numbers of JwtFieldOptions.
const (
	fieldClaim   = 1
	fieldName    = 2
	fieldToken   = 3
	fieldParent  = 4
	fieldBearer  = 5
	fieldIssuer  = 6
	fieldExpires = 7
	fieldStatic  = 8
)

func (r reader) field(desc protoreflect.FieldDescriptor) *Field {
	a := r.annotation(desc)
	if a == nil {
		return nil
	}
	o := optionsOf(a)
	f := &Field{
		Desc: desc, Pos: o.whole, Option: a.Option,
		Claim: Action(o.get(fieldClaim).Enum()), ClaimPos: o.pos(fieldClaim),
		Name:  o.text(fieldName),
		Token: o.get(fieldToken).Bool(), TokenPos: o.pos(fieldToken),
		Issuers: o.texts(fieldIssuer), BearerClaims: o.texts(fieldBearer), StaticClaims: o.static(fieldStatic),
		IncludeParentClaims: o.get(fieldParent).Bool(), IncludeParentClaimsPos: o.pos(fieldParent),
		ExpiresSeconds: o.get(fieldExpires).Int(), ExpiresSecondsPos: o.pos(fieldExpires),
	}
	if m := desc.Message(); m != nil && !desc.IsMap() {
		f.Child = r.message(m)
	}
	return f
}

// options reads the fields of an annotation by number.
type options struct {
	*descset.Annotation
	whole descset.Position
}

func optionsOf(a *descset.Annotation) options { return options{a, a.Position()} }

// pos returns the position of a field of the annotation, or that of the annotation if the
// field is not set, which saves a search.
func (o options) pos(number int32) descset.Position {
	if !o.JWT.Has(o.JWT.Descriptor().Fields().ByNumber(protoreflect.FieldNumber(number))) {
		return o.whole
	}
	return o.Position(number)
}

func (o options) get(number protoreflect.FieldNumber) protoreflect.Value {
	return o.JWT.Get(o.JWT.Descriptor().Fields().ByNumber(number))
}

func (o options) text(number int32) Text {
	return Text{o.get(protoreflect.FieldNumber(number)).String(), o.pos(number)}
}

func (o options) texts(number int32) []Text {
	return texts(o.get(protoreflect.FieldNumber(number)).List(), o.Annotation, number)
}

func texts(list protoreflect.List, a *descset.Annotation, path ...int32) []Text {
	all := make([]Text, list.Len())
	for i := range all {
		all[i] = Text{list.Get(i).String(), a.Position(append(slices.Clone(path), int32(i))...)}
	}
	return all
}

func (o options) modes(number int32) []ModeValue {
	list := o.get(protoreflect.FieldNumber(number)).List()
	all := make([]ModeValue, list.Len())
	for i := range all {
		all[i] = ModeValue{Mode(list.Get(i).Enum()), o.Position(number, int32(i))}
	}
	return all
}

// Field numbers of JwtStaticClaim.
const (
	staticClaim   = 1
	staticValue   = 2
	staticPattern = 3
)

func (o options) static(number int32) []StaticClaim {
	list := o.get(protoreflect.FieldNumber(number)).List()
	all := make([]StaticClaim, list.Len())
	for i := range all {
		m, at := list.Get(i).Message(), func(path ...int32) descset.Position {
			return o.Position(append([]int32{number, int32(i)}, path...)...)
		}
		fields := m.Descriptor().Fields()
		all[i] = StaticClaim{
			Pos:     at(),
			Claim:   Text{m.Get(fields.ByNumber(staticClaim)).String(), at(staticClaim)},
			Values:  texts(m.Get(fields.ByNumber(staticValue)).List(), o.Annotation, number, int32(i), staticValue),
			Pattern: Text{m.Get(fields.ByNumber(staticPattern)).String(), at(staticPattern)},
		}
	}
	return all
}
