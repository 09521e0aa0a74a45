package protofile

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
)

// compiler is one run over the sources. It searches an import among protobuf's own files,
// then in the import paths, so that a user's copy of the schema wins (A2), then among
// jwtctl's files, and last in the sets.
type compiler struct {
	schema *descset.Schema
	paths  importPaths
	sets   map[string]*descriptorpb.FileDescriptorProto

	rewrite func(where string, text []byte) ([]byte, error)

	mu     sync.Mutex
	own    map[string]bool   // results of hasOwn
	origin map[string]string // import name → path, for each source read
	bytes  int
	// maxBytes limits the total size of the sources.
	maxBytes int
	errs     []reporter.ErrorWithPos
}

// compile compiles the sources of src and their imports.
func compile(ctx context.Context, schema *descset.Schema, src Sources, sets [][]descset.Unit) ([]descset.Unit, error) {
	paths, names, err := openPaths(src)
	if err != nil {
		return nil, err
	}
	defer paths.close()
	c := &compiler{schema: schema, paths: paths, rewrite: src.Rewrite, own: map[string]bool{}, sets: map[string]*descriptorpb.FileDescriptorProto{}, maxBytes: cmp.Or(int(src.MaxBytes), maxSources)}
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
		// Which errors are reported depends on the order of the files: make it
		// deterministic (S53).
		compiled, err = run(true)
	}
	var lost missingImports
	switch {
	case errors.As(err, &lost):
		return nil, c.missingImportErrors(lost)
	case len(c.errs) > 0:
		if twice := c.sameFileTwice(); twice != nil {
			return nil, twice
		}
		return nil, c.errors()
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
		return c.resolveElsewhere(name, err)
	}
	if err != nil {
		return none, err
	}
	if c.rewrite != nil {
		if text, err = c.rewrite(where, text); err != nil {
			return none, err
		}
	}
	if err := checkEncoding(where, text); err != nil {
		return none, err
	}
	if err := scan(where, text); err != nil {
		return none, err
	}
	if err := checkEdition(where, text); err != nil {
		return none, err
	}
	if err := c.add(name, where, len(text)); err != nil {
		return none, err
	}
	return resolved{source: text, lenient: mentionsKalix(text)}, nil
}

// resolveElsewhere finds a file that is not in any import path.
func (c *compiler) resolveElsewhere(name string, notFound error) (resolved, error) {
	if f := c.schema.Standard(name); f != nil {
		return resolved{desc: f}, nil
	}
	if f := c.schema.File(name); f != nil {
		if !c.hasOwn(descset.Family(name)) {
			return resolved{desc: f}, nil
		}
		return resolved{proto: protodesc.ToFileDescriptorProto(f)}, c.add(name, name+descset.BuiltinSuffix, 0)
	}
	if f := c.sets[name]; f != nil {
		return resolved{proto: f}, nil
	}
	if f := c.schema.Bundled(name); f != nil {
		return resolved{proto: f}, c.add(name, name+descset.BuiltinSuffix, 0)
	}
	return resolved{}, notFound
}

// hasOwn reports whether an import path has a file of the schema: the rest of the schema
// is then linked with it.
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

// add records a source and its size.
func (c *compiler) add(name, where string, size int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.origin[name] = where
	if c.bytes += size; c.bytes > c.maxBytes {
		return descset.RaisableLimit(where, "the sources together are larger than %d bytes", c.maxBytes)
	}
	if len(c.origin) > descset.MaxFiles {
		return descset.LimitExceeded(where, "more than %d files to compile", descset.MaxFiles)
	}
	return nil
}

// report collects errors, so that all errors of a file are reported.
func (c *compiler) report(err reporter.ErrorWithPos) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.errs) == maxErrors {
		return err
	}
	c.errs = append(c.errs, err)
	return nil
}

// units returns the compiled files and their imports, except those of sets and protobuf's
// own.
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
			list = append(list, descset.Unit{Proto: result.FileDescriptorProto(), Location: where, Source: where, Imported: !named})
		}
		for imported := range descset.Each(f.Imports()) {
			if dep := f.FindImportByPath(imported.Path()); dep != nil {
				add(dep)
			}
		}
	}
	for _, f := range compiled {
		add(f)
	}
	return list
}
