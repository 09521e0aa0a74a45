package protofile

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestS53_SameFaultsEachTime: for sources with more errors than are reported, the same
// ones are reported in the same order, however the sources are named and whichever file
// compiles first; likewise for descriptor sets.
func TestS53_SameFaultsEachTime(t *testing.T) {
	const head = "syntax = \"proto3\"; package t; import \"kalix/annotations.proto\";\n"
	many := func(text func(i int) string) map[string]string {
		files := map[string]string{}
		for i := range 15 {
			files[fmt.Sprintf("%c.proto", 'a'+i)] = head + text(i)
		}
		return files
	}
	tests := map[string]map[string]string{
		"names defined by two files": many(func(i int) string {
			return fmt.Sprintf("message M%d { string a = 1; } message N%d { string a = 1; }", i/2, i/3)
		}),
		"syntax": many(func(int) string { return "message M { string a = ; } message { }" }),
		"options": many(func(i int) string {
			return fmt.Sprintf("message M%d { string a = 1 [(kalix.field).jwt.clam = INCLUDE]; Gone b = 2; }", i)
		}),
		"missing imports": many(func(i int) string { return fmt.Sprintf("import \"none%d.proto\"; message M%d { }", i, i) }),
		"import cycles":   many(func(i int) string { return fmt.Sprintf("import \"%c.proto\"; message M%d { }", 'a'+(i+i%2*2+14)%15, i) }),
		"through an import": many(func(i int) string {
			return fmt.Sprintf("import \"%c.proto\"; message M%d { }", 'a'+min(i+1, 14), i/14*7)
		}),
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			dir := testkit.Folder(t, files)
			paths, err := filepath.Glob(filepath.Join(dir, "*.proto"))
			if err != nil || len(paths) != len(files) {
				t.Fatal(err)
			}
			same(t, Sources{ImportPaths: []string{dir}, Protos: paths})
		})
	}
	t.Run("descriptor sets", func(t *testing.T) {
		set := setOf(t, file("b.proto", imports("x.proto")), file("a.proto", imports("y.proto", "z.proto")), file("c.proto", imports("a.proto", "no.proto")))
		dir := t.TempDir()
		var src Sources
		for i := range 3 {
			src.DescriptorSets = append(src.DescriptorSets, testkit.File(t, filepath.Join(dir, fmt.Sprintf("%d.binpb", i)), bytes.Repeat(set, i+1)))
		}
		same(t, src)
	})
}

// same loads src 100 times, with its sources in a different order each time.
func same(t *testing.T, src Sources) {
	t.Helper()
	want := ""
	for i := range 100 {
		rand.Shuffle(len(src.Protos), func(i, j int) { src.Protos[i], src.Protos[j] = src.Protos[j], src.Protos[i] })
		set, err := Load(context.Background(), src)
		switch {
		case set != nil || fault.CodeOf(err) == "":
			t.Fatalf("loaded: %v", err)
		case want == "":
			want = err.Error()
		case err.Error() != want:
			t.Fatalf("run %d:\n%s\nbefore:\n%s", i+1, err, want)
		}
	}
}
