package descset

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// BuiltinSuffix marks files that jwtctl provides.
const BuiltinSuffix = " (of jwtctl)"

// pool holds the files of all inputs by import name before they are linked.
type pool struct {
	schema *Schema
	units  map[string]Unit
	bytes  int // of the full names in it
}

// merge merges the inputs. A file in several must be the same in all, except for source
// info. For the schema and google/api, whose versions differ and which have nothing to
// check, the first input's copy is used.
func merge(schema *Schema, inputs [][]Unit) (*pool, error) {
	p := &pool{schema: schema, units: map[string]Unit{}}
	have := map[string]bool{} // families of the schema in earlier inputs
	for _, input := range inputs {
		here := map[string]bool{}
		for _, u := range input {
			name := u.Proto.GetName()
			if IsWellKnown(name) {
				continue // jwtctl's own
			}
			if err := schema.check(u.Location, u.Proto); err != nil {
				return nil, err
			}
			if schema := Family(name); schema != "" {
				if here[schema] = true; have[schema] {
					continue
				}
			}
			first, twice := p.units[name]
			if twice && !isGoogleAPI(name) && !schema.same(first.Proto, u.Proto) {
				return nil, invalid(u.Location, "differs from the one in %s", first.Location)
			}
			if twice && (first.Proto.GetSourceCodeInfo() != nil || u.Proto.GetSourceCodeInfo() == nil || isGoogleAPI(name)) {
				u.Proto, u.Location = first.Proto, first.Location
			}
			u.Imported = u.Imported && (!twice || first.Imported)
			p.units[name] = u
		}
		maps.Copy(have, here)
	}
	if len(p.units) > MaxFiles {
		return nil, LimitExceeded("descriptors", "%d files, more than the limit of %d", len(p.units), MaxFiles)
	}
	for _, name := range p.names() {
		f := p.units[name].Proto
		if err := p.measureNames(p.units[name].Location, f.GetPackage(), f.GetMessageType(), f.GetExtension(), f.GetEnumType(), f.GetService()); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *pool) names() []string { return slices.Sorted(maps.Keys(p.units)) }

// measureNames limits names and their total length, since each element has its own copy:
// one long name with many elements below would cost the product of both.
func (p *pool) measureNames(where, scope string, messages []*descriptorpb.DescriptorProto, fields []*descriptorpb.FieldDescriptorProto,
	enums []*descriptorpb.EnumDescriptorProto, services []*descriptorpb.ServiceDescriptorProto) (err error) {
	add := func(name string) {
		p.bytes += len(scope) + 1 + len(name)
		if err == nil && (len(scope)+1+len(name) > 2*MaxName || p.bytes > maxSet) {
			err = LimitExceeded(where, "names have more than %d bytes, or more than %d together", 2*MaxName, maxSet)
		}
	}
	for _, f := range fields {
		add(f.GetName())
	}
	for _, e := range enums {
		for _, v := range e.GetValue() {
			add(e.GetName() + "." + v.GetName())
		}
	}
	for _, s := range services {
		for _, m := range s.GetMethod() {
			add(s.GetName() + "." + m.GetName())
		}
	}
	for _, m := range messages {
		if add(m.GetName()); err != nil {
			return err
		}
		inner := strings.TrimPrefix(scope+"."+m.GetName(), ".")
		err = p.measureNames(where, inner, m.GetNestedType(), append(m.GetField(), m.GetExtension()...), m.GetEnumType(), nil)
	}
	return err
}

// link links the pool.
func (p *pool) link() (*Set, error) {
	s := newSet()
	missing := map[string][]string{} // file → imports that were not found
	state := map[string]int{}
	for _, name := range p.names() {
		if err := p.linkFile(s, name, state, missing); err != nil {
			return nil, err
		}
	}
	s.registry.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		u, given := p.units[f.Path()]
		if !given {
			u = Unit{Location: f.Path() + BuiltinSuffix, Source: f.Path() + BuiltinSuffix, Imported: true}
		}
		s.addFile(f, u)
		return true
	})
	s.finish()
	s.warn(missing)
	return s, nil
}

// addFile adds f, which was linked from u.
func (s *Set) addFile(f protoreflect.FileDescriptor, u Unit) {
	s.origins[f.Path()] = u.Source
	s.orders[f.Path()] = sync.OnceValue(func() []int { return pathOrder(f) })
	s.files = append(s.files, File{f, u.Location, u.Imported, f.SourceLocations().Len() > 0})
}

// linkFile links the file called name after its imports.
func (p *pool) linkFile(s *Set, name string, state map[string]int, missing map[string][]string) error {
	const begun, done = 1, 2
	u := p.units[name]
	switch state[name] {
	case done:
		return nil
	case begun:
		return invalid(u.Location, "imports itself, directly or through others")
	}
	state[name] = begun
	for _, dep := range u.Proto.GetDependency() {
		if _, given := p.units[dep]; given {
			if err := p.linkFile(s, dep, state, missing); err != nil {
				return err
			}
		} else if f := p.builtin(dep); f != nil {
			registerStandard(s.registry, f)
		} else if f := p.schema.Bundled(dep); f != nil {
			p.units[dep] = Unit{Proto: f, Location: dep + BuiltinSuffix, Source: dep + BuiltinSuffix, Imported: true}
			if err := p.linkFile(s, dep, state, missing); err != nil {
				return err
			}
		} else {
			missing[name] = append(missing[name], dep)
		}
	}
	f, err := protodesc.FileOptions{AllowUnresolvable: true}.New(s.withoutMessageSets(u.Proto), s.registry)
	if err != nil {
		return invalid(u.Location, "%s", protobufError(err))
	}
	if err := checkComplete(u.Location, f, missing[name]); err != nil {
		return err
	}
	if name := redefinedType(f); name != "" {
		return invalid(u.Location, "%s differs from the well-known type of that name: its JSON form would not fit its fields", name)
	}
	if err := s.registry.RegisterFile(f); err != nil {
		return invalid(u.Location, "%s", protobufError(err))
	}
	state[name] = done
	return nil
}

// builtin returns a file that no input has, if jwtctl provides it.
func (p *pool) builtin(name string) protoreflect.FileDescriptor {
	if f := p.schema.Standard(name); f != nil {
		return f
	}
	return p.schema.files[name]
}

// registerStandard registers f and its imports, unless their names are taken.
func registerStandard(r *protoregistry.Files, f protoreflect.FileDescriptor) {
	if _, err := r.FindFileByPath(f.Path()); err == nil {
		return
	}
	for imported := range Each(f.Imports()) {
		registerStandard(r, imported.FileDescriptor)
	}
	_ = r.RegisterFile(f) // an input's own file takes precedence
}

// checkComplete returns an error if a type that f uses is missing, since its annotations would
// be unknown.
func checkComplete(where string, f protoreflect.FileDescriptor, missing []string) error {
	var lost protoreflect.Descriptor
	check := func(d protoreflect.Descriptor) {
		if d != nil && d.IsPlaceholder() {
			lost = d
		}
	}
	field := func(f protoreflect.FieldDescriptor) {
		check(f.ContainingMessage())
		check(f.Message())
		check(f.Enum())
	}
	for m := range allNested(f.Messages()) {
		for one := range Each(m.Fields()) {
			field(one)
		}
		for x := range Each(m.Extensions()) {
			field(x)
		}
	}
	for x := range Each(f.Extensions()) {
		field(x)
	}
	for s := range Each(f.Services()) {
		for m := range Each(s.Methods()) {
			check(m.Input())
			check(m.Output())
		}
	}
	if lost == nil {
		return nil
	}
	reason := fmt.Sprintf("uses %s, which is in none of its imports", lost.FullName())
	if len(missing) > 0 {
		reason = fmt.Sprintf("uses %s, and its import of %s is missing", lost.FullName(), strings.Join(missing, ", "))
	}
	return fault.New(fault.ImportNotFound, where, "%s", Brief(reason)).
		WithHint("make the descriptor set with its imports (protoc --include_imports), or add the set that has them")
}

// warn records what the inputs lack.
func (s *Set) warn(missing map[string][]string) {
	bare := map[string]int{}
	for _, f := range s.files {
		if lost := missing[f.Descriptor.Path()]; len(lost) > 0 {
			s.warnings = append(s.warnings, Warning{f.Location, "made without its imports: " + Brief(strings.Join(lost, ", ")) + " is missing; none of its types is used here, and its options are not read"})
		}
		if input, _, inSet := strings.Cut(f.Location, ": "); inSet && !f.Import && !f.SourceInfo {
			bare[input]++
		}
	}
	for _, input := range slices.Sorted(maps.Keys(bare)) {
		s.warnings = append(s.warnings, Warning{input, fmt.Sprintf("%s without source info (protoc --include_source_info): positions name only the file, and comments are ignored", countedFiles(bare[input]))})
	}
}

func countedFiles(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}
