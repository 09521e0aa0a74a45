package discover

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

const (
	header    = "syntax = \"proto3\";\npackage shop.v1;\nimport \"kalix/annotations.proto\";\n"
	annotated = header + "message M { string a = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }\n"
	plain     = "syntax = \"proto3\";\npackage shop.v1;\nmessage Plain {}\n"
)

// TestFindsAnnotatedFiles: a file is found however its annotation is written; a missed one
// would be a policy that is ignored.
func TestFindsAnnotatedFiles(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"usual spelling":                    annotated,
		"other spelling":                    "import 'jwtctl/v1/annotations.proto';\nmessage M { string a = 1 [(jwtctl.v1.field) = {claim: INCLUDE}]; }",
		"imported by another":               "import 'common.proto';\nmessage M { string a = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }",
		"spaces and comments":               "message M { string a = 1 [ ( /* a */ . kalix // b\n . field ) .jwt = {claim: INCLUDE}]; }",
		"in the package of the annotations": "package kalix.shop;\nmessage M { string a = 1 [(field).jwt = {claim: INCLUDE}]; }",
		"in our package":                    "package jwtctl.shop;\nmessage M { string a = 1 [(v1.field) = {claim: INCLUDE}]; }",
		"lines end in CRLF":                 strings.ReplaceAll(annotated, "\n", "\r\n"),
		"lines end in CR":                   strings.ReplaceAll(annotated, "\n", "\r"),
		"byte order mark":                   "\ufeff" + annotated,
		"one line":                          strings.ReplaceAll(annotated, "\n", " "),
		"UTF-16":                            "s\x00y\x00n\x00",
		"a renamed option":                  "extend google.protobuf.FieldOptions { Mine mine = 1080; }",
		"a renamed one, hex":                "extend /* x */ .google.protobuf.MethodOptions\n{ Mine mine = 0xC788; }",
		"the vendor's package":              "package kalix;\nmessage M { string a = 1 [(field).jwt = {claim: INCLUDE}]; }",
		"service in the vendor's package":   "package kalix;\nservice /* s */ S { option (service).jwt = {validate: BEARER_TOKEN}; }",
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"api/x.proto", "kalix/x.proto"} {
				tree, err := Scan(t.Context(), testkit.Folder(t, map[string]string{path: text, "other/y.proto": plain}))
				if err != nil {
					t.Fatal(err)
				}
				if got := tree.Annotated(); !slices.Equal(got, []string{path}) {
					t.Errorf("%s: found %v", path, got)
				}
			}
		})
	}
	for name, text := range map[string]string{
		"plain": plain, "vendor's field number": "message M { int32 extend = 1080; }", "other option": "extend google.protobuf.FieldOptions { string mine = 51081; }",
		"an extension of a message": "extend M { string mine = 1080; }",
	} {
		tree, err := Scan(t.Context(), testkit.Folder(t, map[string]string{"x.proto": text}))
		if err != nil || tree.Annotated() != nil || tree.Len() != 1 {
			t.Errorf("%s: got %v, %v", name, tree.Annotated(), err)
		}
	}
}

// TestPassesOverTheSchema: a copy of the annotations' schema is not annotated.
func TestPassesOverTheSchema(t *testing.T) {
	t.Parallel()
	all := map[string]string{}
	paths, err := filepath.Glob("../descset/kalix/*.proto")
	if err != nil || len(paths) == 0 {
		t.Fatal(err)
	}
	for _, path := range append(paths, "../../proto/jwtctl/v1/annotations.proto") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		to := "vendor/kalix/" + filepath.Base(path)
		if strings.Contains(path, "jwtctl/v1") {
			to = "vendor/jwtctl/v1/annotations.proto"
		}
		all[to] = string(text)
	}
	tree, err := Scan(t.Context(), testkit.Folder(t, all))
	if err != nil || tree.Annotated() != nil || tree.Len() != len(all) {
		t.Errorf("found %v, %v", tree.Annotated(), err)
	}
}

// TestUnreadableFilesCount: files that are unreadable or too large are left to the
// compiler.
func TestUnreadableFilesCount(t *testing.T) {
	t.Parallel()
	dir := testkit.Folder(t, map[string]string{"large.proto": strings.Repeat(" ", MaxSource+1)})
	if err := os.Symlink("nowhere", filepath.Join(dir, "link.proto")); err != nil {
		t.Fatal(err)
	}
	tree, err := Scan(t.Context(), dir)
	if err != nil || !slices.Equal(tree.Annotated(), []string{"large.proto", "link.proto"}) {
		t.Errorf("got %v, %v", tree.Annotated(), err)
	}
	if _, err := Scan(t.Context(), filepath.Join(dir, "none")); !fault.Has(err, fault.DescriptorUnreadable) {
		t.Errorf("got %v", err)
	}
}

// TestSelect: annotated files are selected, those next to them, those that declare or are
// part of the other version; and all import paths that these need, inner ones first.
func TestSelect(t *testing.T) {
	t.Parallel()
	const types = "import \"shop/v1/types.proto\";\n"
	for name, c := range map[string]struct {
		files         map[string]string
		names, paths  []string
		protos, roots string
	}{
		"next to it":          {map[string]string{"proto/shop/v1/a.proto": annotated, "proto/shop/v1/b.proto": plain, "proto/shop/v2/c.proto": plain}, nil, nil, "proto/shop/v1/a.proto proto/shop/v1/b.proto", "proto"},
		"imports of imports":  {map[string]string{"proto/shop/v1/a.proto": annotated + types, "lib/shop/v1/types.proto": "import \"deep/x.proto\";", "lib2/deep/x.proto": plain, "lib3/none.proto": plain}, nil, nil, "proto/shop/v1/a.proto", "proto lib lib2"},
		"nearest copy":        {map[string]string{"one/shop/v1/a.proto": header + types + "message M { string a = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }", "one/shop/v1/types.proto": plain, "a/shop/v1/types.proto": plain}, nil, nil, "one/shop/v1/a.proto one/shop/v1/types.proto", "one"},
		"from the root":       {map[string]string{"svc/a.proto": annotated + "import \"svc/b.proto\";", "svc/b.proto": plain}, nil, nil, "svc/a.proto svc/b.proto", "."},
		"declares":            {map[string]string{"a/b.proto": "service /* x */ Orders {}", "a2/c.proto": "message Orders2 {}", "a3/d.proto": "// service\nmessage\n// m\nItem {}"}, []string{"Orders", "Item"}, nil, "a/b.proto a3/d.proto", "a a3"},
		"by path":             {map[string]string{"a/b.proto": plain, "c/d.proto": plain}, nil, []string{"c/d.proto", "gone.proto"}, "c/d.proto", "c"},
		"nothing":             {map[string]string{"a/b.proto": plain}, nil, nil, "", ""},
		"inner folders first": {map[string]string{"x.proto": annotated, "in/shop/v1/a.proto": annotated}, nil, nil, "in/shop/v1/a.proto x.proto", "in ."},
	} {
		t.Run(name, func(t *testing.T) {
			dir := testkit.Folder(t, c.files)
			tree, err := Scan(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			got := tree.Select(c.names, c.paths...)
			inside := func(list []string) string {
				var all []string
				for _, p := range list {
					relative, _ := filepath.Rel(dir, p)
					all = append(all, relative)
				}
				return strings.Join(all, " ")
			}
			if inside(got.Protos) != c.protos || inside(got.ImportPaths) != c.roots || got.Total != len(c.files) {
				t.Errorf("got files %q, want %q; import paths %q, want %q; %d in all", inside(got.Protos), c.protos, inside(got.ImportPaths), c.roots, got.Total)
			}
		})
	}
}

// TestDeclared: only services and messages of annotated files are returned.
func TestDeclared(t *testing.T) {
	t.Parallel()
	tree, err := Scan(t.Context(), testkit.Folder(t, map[string]string{"a/a.proto": annotated + "service S {} message M { message Inner {} }", "b/b.proto": plain}))
	if err != nil || !slices.Equal(tree.Declared(), []string{"Inner", "M", "S"}) {
		t.Errorf("got %v, %v", tree.Declared(), err)
	}
}

// TestRootHoldsItsFiles: the root of a folder is that folder or a parent, whatever the
// files contain.
func TestRootHoldsItsFiles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tree := New(".")
		name := rapid.StringMatching(`([ab]/){0,3}[xy]\.proto`)
		for _, path := range rapid.SliceOfN(name, 1, 6).Draw(t, "files") {
			text := "package " + rapid.SampledFrom([]string{"a", "a.b", "b.a", "c"}).Draw(t, "package") + ";\n"
			for _, dep := range rapid.SliceOfN(name, 0, 3).Draw(t, "imports") {
				text += "import \"" + dep + "\";\n"
			}
			tree.Add(path, []byte(text+"// kalix\n"))
		}
		for _, path := range tree.Annotated() {
			if root := tree.Root(path); root != "." && !strings.HasPrefix(path, root+"/") {
				t.Fatalf("root of %s: got %s", path, root)
			}
		}
		for _, root := range tree.Roots() {
			if root == "" || strings.HasPrefix(root, "/") {
				t.Fatalf("root %q", root)
			}
		}
	})
}
