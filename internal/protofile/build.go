package protofile

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/options"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
	"github.com/bufbuild/protocompile/sourceinfo"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
)

// resolved is a resolver's result for an import: one of the three.
type resolved struct {
	source []byte
	// lenient omits options of package kalix that are not about JWTs.
	lenient bool
	proto   *descriptorpb.FileDescriptorProto
	desc    protoreflect.FileDescriptor
}

// build parses files and all their imports, and links them, on all cores. protocompile
// handles the individual files; its own driver, in its root package, would add a tenth to
// every start of the program, for standard imports that it prepares.
type build struct {
	resolve func(name string) (resolved, error)
	report  reporter.Reporter
	symbols linker.Symbols
	slots   chan struct{} // limits concurrency
	inOrder bool          // one file after another, by name, imports first

	mu    sync.Mutex
	tasks map[string]*task
	work  sync.WaitGroup
}

// task is one file.
type task struct {
	name    string
	handler *reporter.Handler
	named   bool // not only an import
	linked  bool // with inOrder: linked, or being linked
	parsed  parser.Result
	imports []string
	file    linker.File   // once done
	done    chan struct{} // closed when file or err is set
	err     error
}

// compileFiles returns the compiled files called names. resolve finds them and their
// imports; errors in a source go to report, for all files before it returns. If several
// files have errors, the reported ones are deterministic only if inOrder, which uses one
// core.
func compileFiles(ctx context.Context, names []string, inOrder bool, resolve func(string) (resolved, error), report reporter.Reporter) (linker.Files, error) {
	b := &build{resolve: resolve, report: report, slots: make(chan struct{}, runtime.GOMAXPROCS(0)), inOrder: inOrder, tasks: map[string]*task{}}
	for _, name := range names {
		b.parse(ctx, name, true)
	}
	b.work.Wait()
	if lost := b.missing(); lost != nil {
		return nil, missingImports(lost)
	}
	if err := b.failed(); err != nil {
		return nil, err
	}
	seen := map[string]int{}
	for _, name := range names {
		if err := b.acyclic(name, seen, nil); err != nil {
			return nil, err
		}
	}
	for _, name := range b.names() {
		b.start(func() { b.link(ctx, b.tasks[name]) })
	}
	b.work.Wait()
	if err := b.failed(); err != nil {
		return nil, err
	}
	files := make(linker.Files, len(names))
	for i, name := range names {
		files[i] = b.tasks[name].file
	}
	return files, nil
}

// failed returns the error of the first file with one, in order of names.
func (b *build) failed() error {
	for _, name := range b.names() {
		if err := b.tasks[name].err; err != nil {
			return b.importFault(name, err)
		}
	}
	return nil
}

func (b *build) names() []string { return slices.Sorted(maps.Keys(b.tasks)) }

// parse parses the file called name, and its imports, each once.
func (b *build) parse(ctx context.Context, name string, named bool) {
	b.mu.Lock()
	t := b.tasks[name]
	if t != nil {
		t.named = t.named || named
		b.mu.Unlock()
		return
	}
	t = &task{name: name, named: named, handler: reporter.NewHandler(b.report), done: make(chan struct{})}
	b.tasks[name] = t
	b.mu.Unlock()
	b.start(func() {
		t.err = b.run(ctx, name, func() error { return b.read(t) })
		for _, dep := range t.imports {
			b.parse(ctx, dep, false)
		}
	})
}

// start runs fn, in parallel unless inOrder.
func (b *build) start(fn func()) {
	if b.inOrder {
		fn()
		return
	}
	b.work.Go(fn)
}

// run runs fn when a slot is free. A panic of the compiler becomes an error.
func (b *build) run(ctx context.Context, name string, fn func() error) (err error) {
	select {
	case b.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-b.slots }()
	defer func() {
		if v := recover(); v != nil {
			err = fault.New(fault.DescriptorInvalid, name, "the compiler failed on it: %s", descset.Brief(fmt.Sprint(v)))
		}
	}()
	return fn()
}

// read resolves and parses t.
func (b *build) read(t *task) error {
	got, err := b.resolve(t.name)
	switch {
	case err != nil:
		return unresolved{err}
	case got.desc != nil:
		t.file, err = linker.NewFileRecursive(got.desc)
		return err
	case got.proto != nil:
		// Linking modifies it.
		t.parsed = parser.ResultWithoutAST(proto.CloneOf(got.proto))
	default:
		tree, err := parser.Parse(t.name, bytes.NewReader(got.source), t.handler)
		if err != nil {
			return err
		}
		restoreLiterals(tree, got.source)
		if t.parsed, err = parser.ResultFromAST(tree, true, t.handler); err != nil {
			return err
		}
		if got.lenient {
			if err := removeOtherKalixOptions(t.parsed, t.handler); err != nil {
				return err
			}
		}
	}
	t.imports = t.parsed.FileDescriptorProto().GetDependency()
	return nil
}

// link links t after its imports.
func (b *build) link(ctx context.Context, t *task) {
	if b.inOrder {
		if t.linked {
			return
		}
		t.linked = true
		for _, name := range t.imports {
			b.link(ctx, b.tasks[name])
		}
	}
	defer close(t.done)
	if t.file != nil {
		return
	}
	deps := make(linker.Files, len(t.imports))
	for i, name := range t.imports {
		dep := b.tasks[name]
		<-dep.done
		if dep.err != nil {
			t.err = dep.err
			return
		}
		deps[i] = dep.file
	}
	t.err = b.run(ctx, t.name, func() error { return b.linkAfterImports(t, deps) })
}

func (b *build) linkAfterImports(t *task, deps linker.Files) error {
	file, err := linker.Link(t.parsed, deps, &b.symbols, t.handler)
	if err != nil {
		return err
	}
	index, err := options.InterpretOptions(file, t.handler)
	if err != nil {
		return err
	}
	if err := file.ValidateOptions(t.handler, &b.symbols); err != nil {
		return err
	}
	if err := t.handler.Error(); err != nil {
		return err
	}
	if tree := t.parsed.AST(); tree != nil {
		t.parsed.FileDescriptorProto().SourceCodeInfo = sourceinfo.GenerateSourceInfo(tree, index, sourceinfo.WithExtraOptionLocations())
	}
	file.PopulateSourceCodeInfo()
	file.RemoveAST()
	t.file, t.parsed = file, nil // the tree is large
	return nil
}
