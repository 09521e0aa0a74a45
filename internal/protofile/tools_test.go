package protofile

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/internal/vendortest"
)

// buf returns the program pinned in examples/buf/package.json, installed by make tools.
func buf(tb testing.TB) string {
	tb.Helper()
	path, err := filepath.Abs("../../examples/buf/node_modules/.bin/buf")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		tb.Fatalf("%v: install it with make tools", err)
	}
	return path
}

// workspace makes a Buf workspace: a module with the fixtures called names, and one with
// the schema that they import.
func workspace(tb testing.TB, names []string, schema ...string) string {
	tb.Helper()
	dir := tb.TempDir()
	testkit.File(tb, filepath.Join(dir, "buf.yaml"), "version: v2\nmodules: [{path: own}, {path: schema}]\n")
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(fixtures, name))
		if err != nil {
			tb.Fatal(err)
		}
		testkit.File(tb, filepath.Join(dir, "own", name), data)
	}
	for _, from := range schema {
		if err := os.CopyFS(filepath.Join(dir, "schema", filepath.Base(from)), os.DirFS(from)); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// built runs "buf build" in the workspace dir, and returns the image that it writes to
// name.
func built(tb testing.TB, buf, dir, name string, args ...string) string {
	tb.Helper()
	out := filepath.Join(tb.TempDir(), name)
	cmd := exec.CommandContext(tb.Context(), buf, append([]string{"build", "-o", out}, args...)...)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%s: %v\n%s", cmd, err, text)
	}
	return out
}

// parsed returns the set at path with all options known to the program that wrote it:
// their bytes are in the order of a serializer, not of a compiler.
func parsed(tb testing.TB, path string) string {
	tb.Helper()
	types := load(tb, Sources{DescriptorSets: []string{path}}).Types()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := (proto.UnmarshalOptions{Resolver: types}).Unmarshal(data, set); err != nil {
		tb.Fatal(err)
	}
	for _, f := range set.GetFile() {
		for _, s := range f.GetService() {
			if s.GetOptions() != nil && len(s.GetOptions().ProtoReflect().GetUnknown()) > 0 {
				tb.Fatalf("unknown options of %s", s.GetName())
			}
		}
	}
	return testkit.File(tb, filepath.Join(tb.TempDir(), "parsed.binpb"), marshal(tb, set))
}

// places lists the position of each annotation of set, adjusted by move to where another
// compiler has it.
func places(set *descset.Set, move func(name string, p descset.Position) descset.Position) map[string]string {
	list := map[string]string{}
	for name, a := range annotationsOf(set) {
		p := a.Position()
		p.File = filepath.Base(p.File)
		if move != nil {
			p = move(string(name), p)
		}
		list[string(name)] = p.String()
	}
	return list
}

// outer returns the position of the option that contains a jwt: protoc has no positions
// within an option.
func outer(name string, p descset.Position) descset.Position {
	switch name {
	case "examples.mixed.Shop":
		p.Line, p.Column = 20, 3
	case "examples.mixed.Purchase.items":
		p.Line, p.Column = 71, 28
	}
	return p
}

// named returns the position in Buf's style: an option that is a message is at its name,
// not at the word "option", and a jwt within an option at its first field.
func named(tb testing.TB) func(string, descset.Position) descset.Position {
	return func(name string, p descset.Position) descset.Position {
		switch name {
		case "examples.mixed.Shop":
			p.Line, p.Column = 25, 7
			return p
		case "examples.mixed.Purchase.items":
			p.Line, p.Column = 71, 51
			return p
		}
		text, err := os.ReadFile(filepath.Join(fixtures, p.File))
		if err != nil {
			tb.Fatal(err)
		}
		line := strings.Split(string(text), "\n")[p.Line-1]
		if strings.HasPrefix(line[p.Column-1:], "option ") && strings.Contains(line, "= {") {
			p.Column += len("option ")
		}
		return p
	}
}

// TestA4_RealTools: the annotated samples, built by protoc and by buf with the vendor's
// schema and with ours, are read like our own compiler reads them with our schema.
func TestA4_RealTools(t *testing.T) {
	dir, buf := vendortest.Protos(t), buf(t)
	google := filepath.Join(dir, "google")
	schemas := map[string]struct {
		names  []string
		path   string   // for protoc, which gets google/api from the test
		folder []string // for buf
	}{
		"vendor's": {published(t), dir, []string{filepath.Join(dir, "kalix"), google}},
		"ours":     {all(t), own, []string{own + "/kalix", google}},
	}
	for name, c := range schemas {
		t.Run(name, func(t *testing.T) {
			source := load(t, sources(c.names))
			ws := workspace(t, c.names, c.folder...)
			protoc := func(flags ...string) string {
				return protocWith(t, []string{fixtures, c.path}, c.names, flags...)
			}
			build := func(name string, args ...string) string { return built(t, buf, ws, name, args...) }
			both := protoc("--include_imports", "--include_source_info")
			type mover = func(string, descset.Position) descset.Position
			var nowhere mover // no source info
			forms := map[string]struct {
				path string
				move mover
			}{
				"protoc":                      {protoc(), nowhere},
				"protoc, imports":             {protoc("--include_imports"), nowhere},
				"protoc, source info":         {protoc("--include_source_info"), outer},
				"protoc, both":                {both, outer},
				"protoc, both, options known": {parsed(t, both), outer},
				"buf, binary":                 {build("x.binpb"), named(t)},
				"buf, binary, options known":  {parsed(t, build("x.binpb")), named(t)},
				"buf, JSON":                   {build("x.json"), named(t)},
				"buf, gzip":                   {build("x.binpb.gz"), named(t)},
				"buf, JSON, gzip":             {build("x.json.gz"), named(t)},
				"buf, one module":             {build("x.binpb", "own"), named(t)},
				"buf, no imports":             {build("x.binpb", "own", "--exclude-imports"), named(t)},
				"buf, JSON, no imports":       {build("x.json", "own", "--exclude-imports"), named(t)},
				"buf, descriptor set":         {build("x.binpb", "--as-file-descriptor-set"), named(t)},
				"buf, no source info":         {build("x.binpb", "--exclude-source-info"), nowhere},
				"buf, JSON, neither":          {build("x.json", "own", "--exclude-imports", "--exclude-source-info"), nowhere},
			}
			for form, c := range forms {
				t.Run(form, func(t *testing.T) {
					set := load(t, Sources{DescriptorSets: []string{c.path}})
					if got, want := model(set, false), model(source, false); got != want {
						t.Errorf("got\n%s\nwant, from source\n%s", got, want)
					}
					if reported := len(set.Warnings()) > 0; reported != (c.move == nil) {
						t.Errorf("warnings: %v", set.Warnings())
					}
					if c.move == nil {
						return
					}
					want := places(source, c.move)
					for name, got := range places(set, nil) {
						if got != want[name] {
							t.Errorf("%s: got position %s, want %s", name, got, want[name])
						}
					}
				})
			}
		})
	}
}

// TestA4_BufPositions: Buf has positions within an option, and they are used.
func TestA4_BufPositions(t *testing.T) {
	names := []string{"static_claim.proto"}
	source := load(t, sources(names))
	set := load(t, Sources{DescriptorSets: []string{built(t, buf(t), workspace(t, names, own+"/kalix"), "x.json")}})
	of := func(set *descset.Set) *descset.Annotation {
		return set.Annotation(set.Service("examples.staticclaim.Patterns"))
	}
	for i := range int32(3) {
		if got, want := of(set).Position(4, i), of(source).Position(4, i); got.Line != want.Line || got.Column != want.Column || got.Line == of(set).Position().Line {
			t.Errorf("static_claim %d: got position %s, from source %s", i, got, want)
		}
	}
}
