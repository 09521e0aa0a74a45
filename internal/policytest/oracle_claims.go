package policytest

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// claims compares what a reader sees in the claim fields of m with an object of
// claims, and notes what it saw by the path of its claim.
func (o *Oracle) claims(r *Report, t *Type, m protoreflect.Message, claims map[string]any, path, prefix string, under map[string]string) {
	for _, f := range t.Fields {
		fd := f.in(m)
		where := path + "." + f.Name
		switch f.Claim {
		case "":
			o.freeMember(r, t, f, m, where)
		case "RAW":
			o.raw(r, fd, m, claims, where)
		case "DESCEND", "NEST":
			o.walk(r, f, fd, m, claims, where, prefix, under)
		default:
			if !visible(m, fd) {
				continue
			}
			hazard := NoHazard
			if !m.Has(fd) {
				hazard = o.hazardOf(DefaultValue, NonzeroEnum)
			}
			claim, there := claims[f.ClaimName]
			if !there || !o.same(fd, m.Get(fd), claim) {
				r.doubt(hazard, "%s: the reader sees %s, its token says %v", where, o.text(fd, m.Get(fd)), claim)
			}
			if m.Has(fd) {
				under[prefix+f.ClaimName] = o.text(fd, m.Get(fd))
			}
		}
	}
}

// visible reports whether a reader sees something in fd: what is set, or a
// default that is not the zero of its type.
func visible(m protoreflect.Message, fd protoreflect.FieldDescriptor) bool {
	if m.Has(fd) {
		return true
	}
	if fd.IsList() || fd.IsMap() || fd.Message() != nil {
		return false
	}
	switch v := fd.Default().Interface().(type) {
	case string:
		return v != ""
	case []byte:
		return len(v) > 0
	case bool:
		return v
	case protoreflect.EnumNumber:
		return v != 0
	}
	return fd.HasDefault() && fd.Default().String() != "0"
}

// freeMember doubts a member of a oneof that makes no claim, where others do: it
// replaces what a token should say.
func (o *Oracle) freeMember(r *Report, t *Type, f *Field, m protoreflect.Message, where string) {
	claimed := slices.ContainsFunc(t.Fields, func(other *Field) bool { return other.Oneof == f.Oneof && other.Claim != "" })
	if f.Oneof != "" && claimed && m.Has(f.in(m)) {
		r.doubt(o.hazardOf(FreeOneofMember), "%s: the reader sees a member of the oneof that no token says", where)
	}
}

// raw doubts entries that are not claims.
func (o *Oracle) raw(r *Report, fd protoreflect.FieldDescriptor, m protoreflect.Message, claims map[string]any, where string) {
	if o.outer { // RAW entries are not among the claims that a nested token includes
		return
	}
	m.Get(fd).Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		claim, there := claims[k.String()]
		if !there || !o.sameOne(fd.MapValue(), v, claim) {
			r.doubt(NoHazard, "%s[%s]: the reader sees %s, its token says %v", where, k, o.oneText(fd.MapValue(), v), claim)
		}
		return true
	})
}

func (o *Oracle) walk(r *Report, f *Field, fd protoreflect.FieldDescriptor, m protoreflect.Message, claims map[string]any, where, prefix string, under map[string]string) {
	if f.Type == nil { // Plain, which has no annotations
		if m.Has(fd) && proto.Size(m.Get(fd).Message().Interface()) > 0 {
			r.doubt(o.hazardOf(EmptyWalk), "%s: nothing of what the reader sees is in a token", where)
		}
		return
	}
	if f.Claim == "DESCEND" {
		o.claims(r, f.Type, m.Get(fd).Message(), claims, where, prefix, under)
		return
	}
	if !fd.IsList() {
		inner, _ := claims[f.ClaimName].(map[string]any)
		o.claims(r, f.Type, m.Get(fd).Message(), inner, where, prefix+f.ClaimName+".", under)
		return
	}
	array, _ := claims[f.ClaimName].([]any)
	children := elements(m, fd)
	if len(children) > 0 && len(array) != len(children) {
		r.doubt(NoHazard, "%s: %d elements, its token has %d", where, len(children), len(array))
		return
	}
	for i, child := range children {
		inner, _ := array[i].(map[string]any)
		o.claims(r, f.Type, child, inner, fmt.Sprintf("%s[%d]", where, i), fmt.Sprintf("%s%s[%d].", prefix, f.ClaimName, i), under)
	}
}

// parents checks that the token carries what the fields around it claim (A52).
func (o *Oracle) parents(r *Report, t *Type, m protoreflect.Message, claims map[string]any, up *around, path string, under map[string]string) {
	decided := map[string]bool{"exp": t.Token().Expires > 0, "iss": len(t.Token().Issuers) > 0}
	for _, s := range t.Token().Static {
		decided[s[0]] = true
	}
	for _, name := range t.Token().BearerClaims {
		decided[name] = true
	}
	for name := range made(t, m) {
		decided[name] = true
	}
	for ; up != nil; up = up.up {
		scratch := &Report{}
		seen := map[string]string{}
		visibleClaims := made(up.t, up.m)
		o.claims(scratch, up.t, up.m, claims, path+"^"+up.t.Name, "", seen)
		for name := range visibleClaims {
			if decided[name] {
				delete(visibleClaims, name)
			}
		}
		for name := range visibleClaims {
			if !o.carries(up.t, up.m, name, claims) {
				r.doubt(NoHazard, "%s: its token lacks the claim %s of %s around it", path, name, up.t.Name)
			}
		}
		for p, v := range seen {
			if name := top(p); visibleClaims[name] {
				under[p] = v
			}
		}
		for name := range visibleClaims {
			decided[name] = true
		}
	}
}

// top is the first name of a path of claims.
func top(path string) string {
	if i := strings.IndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return path
}

// carries reports whether claims has what the fields of m that make name say.
func (o *Oracle) carries(t *Type, m protoreflect.Message, name string, claims map[string]any) bool {
	for _, f := range t.Fields {
		fd := f.in(m)
		switch {
		case f.Claim == "" || f.Claim == "RAW" || !m.Has(fd):
		case f.Claim == "DESCEND":
			if f.Type != nil && !o.carries(f.Type, m.Get(fd).Message(), name, claims) {
				return false
			}
		case f.ClaimName != name:
		case f.Claim == "NEST":
			scratch, outer := &Report{}, *o
			outer.outer = true
			outer.walk(scratch, f, fd, m, claims, "", "", map[string]string{})
			if slices.ContainsFunc(scratch.Doubts, func(d Doubt) bool { return d.Hazard == NoHazard }) {
				return false
			}
		default:
			if claim, there := claims[name]; !there || !o.same(fd, m.Get(fd), claim) {
				return false
			}
		}
	}
	return true
}

// made are the claims at the top that the fields of m make.
func made(t *Type, m protoreflect.Message) map[string]bool {
	names := map[string]bool{}
	for _, f := range t.Fields {
		fd := f.in(m)
		switch {
		case f.Claim == "" || f.Claim == "RAW" || !m.Has(fd):
		case f.Claim == "DESCEND":
			if f.Type != nil {
				for name := range made(f.Type, m.Get(fd).Message()) {
					names[name] = true
				}
			}
		case f.Claim == "NEST" && !fd.IsList():
			if f.Type != nil && len(made(f.Type, m.Get(fd).Message())) > 0 {
				names[f.ClaimName] = true
			}
		default:
			names[f.ClaimName] = true
		}
	}
	return names
}
