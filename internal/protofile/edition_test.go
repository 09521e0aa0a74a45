package protofile

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

const edition2023 = `edition = "2023";
package t;
import "kalix/annotations.proto";
message M { string a = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }
`

// TestNamesEditionThatCannotBeCompiled: a source of a newer edition is refused for its
// edition, not for new features in it, and the hint says how to make a descriptor set if
// that can be read (A4, S9a, S51).
func TestNamesEditionThatCannotBeCompiled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, at string }{
		"plain":           {strings.Replace(edition2023, "2023", "2024", 1), ":1:12"},
		"import option":   {strings.NewReplacer("2023", "2024", "import", "import option", "message", "export message").Replace(edition2023), ":1:12"},
		"after comments":  {"// edition = \"2023\";\n/* x */ " + strings.Replace(edition2023, "\"2023\"", "'2024'", 1), ":2:20"},
		"byte order mark": {"\ufeff" + strings.Replace(edition2023, "2023", "2024", 1), ":1:"},
		"unknown":         {strings.Replace(edition2023, "2023", "99999_TEST_ONLY", 1), ":1:12"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := testkit.Folder(t, map[string]string{"t.proto": c.text, "by.proto": "syntax = 'proto3'; import 't.proto';"})
			for _, file := range []string{"t.proto", "by.proto"} {
				_, err := Load(t.Context(), Sources{Protos: []string{filepath.Join(dir, file)}})
				var f *fault.Error
				if !errors.As(err, &f) || f.Code != fault.ProtoSyntax || !strings.Contains(f.Error(), "t.proto"+c.at) || !strings.Contains(f.Error(), "sources of edition ") || strings.Contains(f.Hint, "buf build -o - | jwtctl lint -") == (name == "unknown") {
					t.Errorf("%s: got %v", file, err)
				}
			}
		})
	}
	load(t, Sources{Protos: []string{testkit.Folder(t, map[string]string{"t.proto": edition2023, "u.proto": "syntax = 'proto3'; // edition = \"2024\"\nmessage U { string edition = 1 [json_name = \"2024\"]; }"})}})
}

// TestNamesUTF16: there is one error, rather than one per character.
func TestNamesUTF16(t *testing.T) {
	t.Parallel()
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		file := testkit.File(t, filepath.Join(t.TempDir(), "t.proto"), []byte(mark+"s\x00y\x00"))
		_, err := Load(t.Context(), Sources{Protos: []string{file}})
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.ProtoSyntax || f.Error() != file+": is UTF-16 text" || f.Hint == "" {
			t.Errorf("got %v", err)
		}
	}
}

// TestReadsSetsOfEdition2024: sets are read even with an import for options only, new in
// that edition.
func TestReadsSetsOfEdition2024(t *testing.T) {
	t.Parallel()
	dir := testkit.Folder(t, map[string]string{"t.proto": strings.Replace(edition2023, `edition = "2023"`, `syntax = "proto3"`, 1)})
	set := readSet(t, protoc(t, dir, []string{"t.proto"}))
	one := set.GetFile()[0]
	one.Syntax, one.Edition = ptr("editions"), descriptorpb.Edition_EDITION_2024.Enum()
	one.OptionDependency, one.Dependency = one.GetDependency(), nil
	got := load(t, Sources{DescriptorSets: []string{testkit.File(t, filepath.Join(dir, "set.binpb"), marshal(t, set))}})
	if f := got.Message("t.M").Fields().Get(0); got.Annotation(f) == nil || !f.HasPresence() {
		t.Errorf("got annotation %v, presence %t", got.Annotation(f), f.HasPresence())
	}
}

func ptr[T any](v T) *T { return &v }
