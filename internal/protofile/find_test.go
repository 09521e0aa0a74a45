package protofile

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestFindsFilesFoldersAndPatterns: files, folders and patterns are found, with their
// import names.
func TestFindsFilesFoldersAndPatterns(t *testing.T) {
	const empty = "syntax = 'proto3';"
	dir := testkit.Folder(t, map[string]string{
		"proto/a.proto": empty, "proto/x/b.proto": empty, "proto/x/y/c.proto": empty, "proto/readme.txt": "text", "lib/d.proto": empty,
		"proto/.hidden/e.proto": "broken", "proto/node_modules/f.proto": "broken",
	})
	t.Chdir(dir)
	abs := filepath.Join(dir, "proto")
	tests := map[string]struct {
		paths, protos []string
		want          string
		code          fault.Code
	}{
		"file":                        {nil, []string{"proto/a.proto"}, "proto/a.proto", ""},
		"file, with import path":      {[]string{"proto"}, []string{"proto/a.proto"}, "a.proto", ""},
		"file, absolute":              {nil, []string{abs + "/a.proto"}, "a.proto", ""},
		"file in another folder":      {nil, []string{"../" + filepath.Base(dir) + "/lib/d.proto"}, "d.proto", ""},
		"folder":                      {nil, []string{"proto"}, "a.proto x/b.proto x/y/c.proto", ""},
		"folder, trailing slash":      {nil, []string{"proto/"}, "a.proto x/b.proto x/y/c.proto", ""},
		"folder in an import path":    {[]string{"proto"}, []string{"proto/x"}, "x/b.proto x/y/c.proto", ""},
		"**":                          {nil, []string{"proto/**/*.proto"}, "a.proto x/b.proto x/y/c.proto", ""},
		"** below an import path":     {[]string{"."}, []string{"proto/**/*.proto"}, "proto/a.proto proto/x/b.proto proto/x/y/c.proto", ""},
		"leading **":                  {[]string{"."}, []string{"**/c.proto"}, "proto/x/y/c.proto", ""},
		"two **":                      {nil, []string{"proto/**/**/c.proto"}, "x/y/c.proto", ""},
		"*":                           {nil, []string{"proto/*.proto"}, "a.proto", ""},
		"* for a folder":              {nil, []string{"proto/*/*.proto"}, "x/b.proto", ""},
		"? and []":                    {nil, []string{"proto/x/[a-b].prot?"}, "b.proto", ""},
		"absolute pattern":            {nil, []string{abs + "/**/b.proto"}, "x/b.proto", ""},
		"overlapping":                 {nil, []string{"proto", "proto/a.proto", "proto/**"}, "", fault.ProtoSyntax}, // ** includes readme.txt
		"overlapping, all .proto":     {nil, []string{"proto", "proto/a.proto"}, "a.proto x/b.proto x/y/c.proto", ""},
		"two folders":                 {nil, []string{"lib", "proto"}, "a.proto d.proto x/b.proto x/y/c.proto", ""},
		"file in a later import path": {[]string{"lib", "proto"}, []string{"proto/a.proto"}, "a.proto", ""},
		"missing":                     {nil, []string{"nowhere.proto"}, "", fault.DescriptorUnreadable},
		"nothing matches":             {nil, []string{"proto/**/z*.proto"}, "", fault.DescriptorUnreadable},
		"invalid pattern":             {nil, []string{"proto/[.proto"}, "", fault.DescriptorUnreadable},
		"folder without .proto files": {nil, []string{t.TempDir()}, "", fault.DescriptorUnreadable},
		"outside the import paths":    {[]string{"lib"}, []string{"proto/a.proto"}, "", fault.ImportNotAllowed},
		"no such import path":         {[]string{"nowhere"}, []string{"proto/a.proto"}, "", fault.DescriptorUnreadable},
		"import path that is a file":  {[]string{"proto/a.proto"}, []string{"proto/a.proto"}, "", fault.DescriptorUnreadable},
		"no inputs":                   {nil, nil, "", fault.UsageError},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			set, err := Load(context.Background(), Sources{ImportPaths: c.paths, Protos: c.protos})
			if fault.CodeOf(err) != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			if err != nil {
				return
			}
			var names []string
			for _, f := range set.Files() {
				names = append(names, f.Descriptor.Path())
				if _, err := os.Stat(f.Location); err != nil {
					t.Errorf("%s: got path %s", f.Descriptor.Path(), f.Location)
				}
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestRefusesShadowedFiles: a file whose name belongs to another one is an error, rather
// than replaced by it.
func TestRefusesShadowedFiles(t *testing.T) {
	dir := testkit.Folder(t, map[string]string{"one/a.proto": "syntax = 'proto3'; message One {}", "two/a.proto": "syntax = 'proto3'; message Two {}"})
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	refused(t, Sources{ImportPaths: []string{one, two}, Protos: []string{two + "/a.proto"}}, fault.ImportNotAllowed, "taken by "+one)
}

// TestFileNames: a file is named relative to the working folder, or else to an import
// path; a file found by neither, or by two names, is an error that gives the reason.
func TestFileNames(t *testing.T) {
	const one = "syntax = 'proto3'; package one; message One {}"
	dir := testkit.Folder(t, map[string]string{
		"api/kalix2/x.proto": one, "api/y.proto": "syntax = 'proto3'; import 'kalix2/x.proto';", "own.proto": one, "api/own.proto": one, "api/lib/own.proto": one,
		"api/twice.proto": "syntax = 'proto3'; import 'kalix2/x.proto'; import 'api/kalix2/x.proto';", "api/lost.proto": "syntax = 'proto3'; import 'lost/a.proto';",
	})
	t.Chdir(dir)
	for link, to := range map[string]string{"here.proto": "nowhere.proto", "api/gone.proto": "away.proto", "api/lost": "away", "api/link.proto": "kalix2/x.proto", "api/lib/again.proto": "own.proto"} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		paths, protos []string
		want          string // files, or the error
		code          fault.Code
	}{
		"from an import path":         {[]string{"api"}, []string{"kalix2/x.proto"}, "kalix2/x.proto", ""},
		"from the second import path": {[]string{"api/lib", "api"}, []string{"y.proto"}, "kalix2/x.proto y.proto", ""},
		"both":                        {[]string{"api"}, []string{"kalix2/x.proto", "./api/kalix2/x.proto", "api/lib/../kalix2/x.proto"}, "kalix2/x.proto", ""},
		"working folder first":        {[]string{".", "api"}, []string{"own.proto"}, "own.proto", ""},
		"other file of that name":     {[]string{"api"}, []string{"own.proto"}, "own.proto: is not under any import path", fault.ImportNotAllowed},
		"in neither":                  {[]string{"api"}, []string{"nowhere/x.proto"}, "nowhere/x.proto: no such file", fault.DescriptorUnreadable},
		"dangling link":               {nil, []string{"here.proto"}, "here.proto: is a link to nowhere.proto, which does not exist", fault.DescriptorUnreadable},
		"dangling, in an import path": {[]string{"api"}, []string{"gone.proto"}, "api/gone.proto: is a link to away.proto, which does not exist", fault.DescriptorUnreadable},
		"dangling folder":             {[]string{"api"}, []string{"lost.proto"}, "import of lost/a.proto: api/lost is a link to away, which does not exist", fault.ImportNotFound},
		"imported by two names":       {[]string{"api", "."}, []string{"twice.proto"}, "two names, api/kalix2/x.proto (api/kalix2/x.proto) and kalix2/x.proto (api/kalix2/x.proto)", fault.ImportNotAllowed},
		"link and its file":           {nil, []string{"api/link.proto", "api/kalix2/x.proto"}, "two names, api/kalix2/x.proto (api/kalix2/x.proto) and api/link.proto (api/link.proto)", fault.ImportNotAllowed},
		"folder with both":            {nil, []string{"api/lib"}, "own.proto", ""},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := Load(t.Context(), Sources{ImportPaths: c.paths, Protos: c.protos})
			if fault.CodeOf(err) != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			if err != nil {
				if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "already defined") {
					t.Errorf("got %v, want %s", err, c.want)
				}
				return
			}
			var names []string
			for _, f := range set.Files() {
				names = append(names, f.Descriptor.Path())
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestReportsEveryErrorWithItsPosition: every error of a file is reported with its
// position.
func TestReportsEveryErrorWithItsPosition(t *testing.T) {
	dir := testkit.Folder(t, map[string]string{
		"a.proto": "syntax = \"proto3\";\nimport \"kalix/annotations.proto\";\nmessage M {\n  Lost a = 1;\n  string b = 2 [(kalix.field).jwt.tokn = true];\n  string c = 3 [(kalix.field).jwt = {claim: INCLUDED}];\n}\n",
		"b.proto": "syntax = \"proto3\";\nmessage M {\n  string a 1;\n}\n",
	})
	_, err := Load(context.Background(), Sources{Protos: []string{filepath.Join(dir, "a.proto")}})
	for _, want := range []string{"a.proto:4:3: ", "Lost"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s in %v", want, err)
		}
	}
	refused(t, Sources{Protos: []string{filepath.Join(dir, "b.proto")}}, fault.ProtoSyntax, filepath.Join(dir, "b.proto")+":3:12: ")
}

// TestStableOrder: the order of inputs does not affect the set.
func TestStableOrder(t *testing.T) {
	all, err := filepath.Glob(fixtures + "/*.proto")
	if err != nil {
		t.Fatal(err)
	}
	want := model(load(t, Sources{ImportPaths: []string{fixtures}, Protos: all}), true)
	slices.Reverse(all)
	for range 5 {
		if got := model(load(t, Sources{ImportPaths: []string{fixtures}, Protos: all}), true); got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// TestEndedContextStopsTheCompiler: a context that has ended stops the compiler.
func TestEndedContextStopsTheCompiler(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Load(ctx, Sources{Protos: []string{fixtures}}); !fault.Has(err, fault.Interrupted) {
		t.Errorf("got %v", err)
	}
}
