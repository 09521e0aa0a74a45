package protofile

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/suggest"
)

// compiler is one run over the sources. It finds an import among
// protobuf's own files, then in the import paths, so that a user's copy of the
// schema wins (A2), then among what jwtctl brings, and at last in the sets.
type compiler struct {
	schema *descset.Schema
	paths  importPaths
	sets   map[string]*descriptorpb.FileDescriptorProto

	mu     sync.Mutex
	own    map[string]bool   // what hasOwn found
	origin map[string]string // import name → path of each source read
	bytes  int
	errs   []reporter.ErrorWithPos
}

// compile compiles the sources of src and what they import.
func compile(ctx context.Context, schema *descset.Schema, src Sources, sets [][]descset.Unit) ([]descset.Unit, error) {
	paths, names, err := openPaths(src)
	if err != nil {
		return nil, err
	}
	defer paths.close()
	c := &compiler{schema: schema, paths: paths, own: map[string]bool{}, sets: map[string]*descriptorpb.FileDescriptorProto{}}
	for _, set := range slices.Backward(sets) { // the first set wins
		for _, u := range set {
			c.sets[u.Proto.GetName()] = u.Proto
		}
	}
	run := func(inOrder bool) (linker.Files, error) {
		c.origin, c.bytes, c.errs = map[string]string{}, 0, nil
		return compileFiles(ctx, names, inOrder, c.resolve, reporter.NewReporter(c.report, nil))
	}
	compiled, err := run(false)
	if (err != nil || len(c.errs) > 0) && ctx.Err() == nil {
		// Which file is at fault, and what of many faults is reported, depends on
		// which file comes first (S53).
		compiled, err = run(true)
	}
	switch {
	case len(c.errs) > 0:
		if twice := c.twoNames(); twice != nil {
			return nil, twice
		}
		return nil, c.told()
	case err != nil:
		return nil, c.fault(err)
	}
	return c.units(compiled, names), nil
}

// resolve finds the file called name.
func (c *compiler) resolve(name string) (resolved, error) {
	none := resolved{}
	if descset.IsWellKnown(name) {
		if f := c.schema.Standard(name); f != nil {
			return resolved{desc: f}, nil
		}
	}
	text, where, err := c.paths.read(name)
	if fault.Has(err, fault.ImportNotFound) {
		return c.elsewhere(name, err)
	}
	if err != nil {
		return none, err
	}
	if err := scan(where, text); err != nil {
		return none, err
	}
	if err := c.add(name, where, len(text)); err != nil {
		return none, err
	}
	return resolved{source: text, lenient: namesKalix(text)}, nil
}

// elsewhere finds what is in no import path.
func (c *compiler) elsewhere(name string, notFound error) (resolved, error) {
	if f := c.schema.Standard(name); f != nil {
		return resolved{desc: f}, nil
	}
	if f := c.schema.File(name); f != nil {
		if !c.hasOwn(descset.Family(name)) {
			return resolved{desc: f}, nil
		}
		return resolved{proto: protodesc.ToFileDescriptorProto(f)}, c.add(name, name+descset.OfJwtctl, 0)
	}
	if f := c.sets[name]; f != nil {
		return resolved{proto: f}, nil
	}
	return resolved{}, notFound
}

// hasOwn reports whether an import path has a file of the schema: the rest of the
// schema is then linked with it.
func (c *compiler) hasOwn(schema string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	own, known := c.own[schema]
	for _, name := range c.schema.Files() {
		if !known && !own && descset.Family(name) == schema {
			_, _, err := c.paths.read(name)
			own = !fault.Has(err, fault.ImportNotFound)
		}
	}
	c.own[schema] = own
	return own
}

// add notes a source and its size.
func (c *compiler) add(name, where string, size int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.origin[name] = where
	if c.bytes += size; c.bytes > maxSources {
		return descset.Beyond(where, "the sources together are larger than %d bytes", maxSources)
	}
	if len(c.origin) > descset.MaxFiles {
		return descset.Beyond(where, "more than %d files to compile", descset.MaxFiles)
	}
	return nil
}

// report collects errors, so that all of a file are reported at once.
func (c *compiler) report(err reporter.ErrorWithPos) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.errs) == maxErrors {
		return err
	}
	c.errs = append(c.errs, err)
	return nil
}

// twoNames returns the error of a file that was compiled by two names, if that is
// what the compiler complains of; nil if it is not.
func (c *compiler) twoNames() error {
	if !slices.ContainsFunc(c.errs, func(err reporter.ErrorWithPos) bool { return strings.Contains(err.Error(), "already defined at") }) {
		return nil
	}
	byFile := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.origin)) {
		real, err := filepath.EvalSymlinks(c.origin[name])
		if err == nil {
			real, err = filepath.Abs(real)
		}
		if err != nil {
			continue
		}
		if first := byFile[real]; first != "" {
			return fault.New(fault.ImportNotAllowed, c.origin[name], "is compiled by two names, %s (%s) and %s (%s)", first, c.origin[first], name, c.origin[name]).
				WithHint("name and import each file by one path: leave out an import path (-I) that is within another, or the link")
		}
		byFile[real] = name
	}
	return nil
}

// told returns the collected errors, by file and place.
func (c *compiler) told() error {
	slices.SortStableFunc(c.errs, func(a, b reporter.ErrorWithPos) int {
		x, y := a.GetPosition(), b.GetPosition()
		return cmp.Or(cmp.Compare(c.origin[x.Filename], c.origin[y.Filename]), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Col, y.Col))
	})
	var all []error
	for _, err := range c.errs {
		all = append(all, c.fault(err))
	}
	return errors.Join(all...)
}

// fault words an error of the compiler, with what was meant.
func (c *compiler) fault(err error) error {
	worded := compileFault(err, c.origin)
	var f *fault.Error
	if errors.As(worded, &f) && f.Hint == "" {
		if meant := c.schema.Meant(f.Why); meant != "" {
			return f.WithHint("did you mean %s?", meant)
		}
	}
	return worded
}

// compileFault words an error of the compiler.
func compileFault(err error, origin map[string]string) error {
	where := "descriptors"
	var placed reporter.ErrorWithPos
	if errors.As(err, &placed) {
		at := placed.GetPosition()
		p := descset.Position{File: at.Filename, Line: at.Line, Column: at.Col}
		if path := origin[at.Filename]; path != "" {
			p.File = path
		}
		where, err = p.String(), placed.Unwrap()
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Interrupted, "compiling", "%w", err)
	}
	var slip misspelled
	if errors.As(err, &slip) {
		return fault.New(fault.ProtoSyntax, where, "unknown option %s%s", slip.of, slip.member).WithHint("did you mean %sjwt?", slip.of)
	}
	var ours *fault.Error
	if errors.As(err, &ours) { // of the resolver: the position says who imports it
		if placed == nil {
			return ours
		}
		told := &fault.Error{Code: ours.Code, What: where, Why: "import of " + ours.Error(), Hint: ours.Hint, Cause: ours}
		if dir := importFolder(origin[placed.GetPosition().Filename], ours.What); ours.Code == fault.ImportNotFound && dir != "" {
			told.Hint = "it is below " + dir + ": add -I " + dir
		}
		return told
	}
	return withSchemaHint(fault.New(fault.ProtoSyntax, where, "%s", descset.Brief(err.Error())), origin)
}

// importFolder returns the folder that importer, a path, seems to import name
// from: the nearest around it that holds name; "" if none does.
func importFolder(importer, name string) string {
	for dir := filepath.Dir(importer); importer != ""; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return ""
}

// noExtension matches the compiler's words for an option that the schema lacks. It is
// compiled when a source has an error, since each start would pay for it.
var noExtension = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`unknown extension (kalix|jwtctl\.v1)\.(\w+)$`)
})

// withSchemaHint says which schema of the annotations a source was compiled
// with, where that lacks what the source says.
func withSchemaHint(f *fault.Error, origin map[string]string) *fault.Error {
	if m := noExtension().FindStringSubmatch(f.Why); m != nil {
		if !slices.Contains(descset.Kinds, m[2]) {
			if like := suggest.Nearest(m[2], descset.Kinds); like != "" {
				return f.WithHint("did you mean (%s.%s)?", m[1], like)
			}
		}
		return f.WithHint("import \"%s/annotations.proto\" declares it", strings.ReplaceAll(m[1], ".", "/"))
	}
	if !strings.Contains(f.Why, "(kalix.") && !strings.Contains(f.Why, "kalix.ServiceOptions") {
		return f
	}
	for _, name := range []string{"kalix/jwt.proto", "kalix/annotations.proto"} {
		if path := origin[name]; path != "" && path != name+descset.OfJwtctl {
			return f.WithHint("the schema is that of %s; jwtctl brings its own, newer copy: leave that folder out of -I", path)
		}
	}
	return f
}

// units returns the compiled files and their imports, those of sets and
// protobuf's own aside.
func (c *compiler) units(compiled linker.Files, names []string) []descset.Unit {
	var list []descset.Unit
	seen := map[string]bool{}
	var add func(f linker.File)
	add = func(f linker.File) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		result, ok := f.(linker.Result)
		if where := c.origin[f.Path()]; ok && where != "" {
			_, named := slices.BinarySearch(names, f.Path())
			list = append(list, descset.Unit{Proto: result.FileDescriptorProto(), Where: where, Source: where, Imported: !named})
		}
		for i := range f.Imports().Len() {
			if dep := f.FindImportByPath(f.Imports().Get(i).Path()); dep != nil {
				add(dep)
			}
		}
	}
	for _, f := range compiled {
		add(f)
	}
	return list
}
