package protofile

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/vendortest"
)

// unpublished are the fixtures that use what the vendor documents but does not publish on
// npm: jwt of a service, and static claims.
var unpublished = []string{"mixed.proto", "service.proto", "static_claim.proto"}

// published returns the fixtures that the vendor's own schema can compile.
func published(tb testing.TB) []string {
	return slices.DeleteFunc(all(tb), func(name string) bool { return slices.Contains(unpublished, name) })
}

// all returns the names of the fixtures.
func all(tb testing.TB) []string {
	tb.Helper()
	list, err := filepath.Glob(filepath.Join(fixtures, "*.proto"))
	if err != nil || len(list) < 9 {
		tb.Fatalf("%s: %d files, %v", fixtures, len(list), err)
	}
	for i := range list {
		list[i] = filepath.Base(list[i])
	}
	return list
}

// sources names fixtures, to be compiled with more import paths.
func sources(names []string, paths ...string) Sources {
	src := Sources{ImportPaths: append([]string{fixtures}, paths...)}
	for _, name := range names {
		src.Protos = append(src.Protos, filepath.Join(fixtures, name))
	}
	return src
}

// TestA1_VendorSchema: what the vendor publishes and we declare has the same names,
// numbers and types; the test lists everything that we add.
func TestA1_VendorSchema(t *testing.T) {
	ours := declared(load(t, Sources{ImportPaths: []string{own}, Protos: []string{own + "/kalix"}}))
	theirs := declared(load(t, Sources{Protos: []string{vendortest.Protos(t)}}))
	for _, name := range []string{"kalix.JwtFieldOptions.claim", "kalix.method", "kalix.Eventing.in", "kalix.JwtFieldOptions.RAW"} {
		if ours[name] == "" || theirs[name] == "" {
			t.Errorf("%s: got %q, the vendor has %q", name, ours[name], theirs[name])
		}
	}
	var added []string
	for name, what := range ours {
		switch got := theirs[name]; got {
		case what:
		case "":
			added = append(added, name)
		default:
			t.Errorf("%s: got %q, the vendor has %q", name, what, got)
		}
	}
	slices.Sort(added)
	if got := strings.Join(added, "\n"); got != strings.TrimSpace(beyondVendor) {
		t.Errorf("our additions: got\n%s", got)
	}
}

const beyondVendor = `
kalix.JwtFieldOptions.static_claim
kalix.JwtMethodOptions.static_claim
kalix.JwtServiceOptions
kalix.JwtServiceOptions.BEARER_TOKEN
kalix.JwtServiceOptions.UNSPECIFIED
kalix.JwtServiceOptions.bearer_token_issuer
kalix.JwtServiceOptions.static_claim
kalix.JwtServiceOptions.validate
kalix.JwtStaticClaim
kalix.JwtStaticClaim.claim
kalix.JwtStaticClaim.pattern
kalix.JwtStaticClaim.value
kalix.ServiceOptions.jwt
`

// declared lists the declarations in files of kalix/ that we have too.
func declared(set *descset.Set) map[string]string {
	list := map[string]string{}
	var messages func(protoreflect.MessageDescriptors)
	fields := func(fields interface {
		Len() int
		Get(int) protoreflect.FieldDescriptor
	}) {
		for i := range fields.Len() {
			f := fields.Get(i)
			list[string(f.FullName())] = fmt.Sprintf("%d of %s: %s", f.Number(), f.ContainingMessage().FullName(), typeOf(f))
		}
	}
	enums := func(enums protoreflect.EnumDescriptors) {
		for i := range enums.Len() {
			for j := range enums.Get(i).Values().Len() {
				v := enums.Get(i).Values().Get(j)
				list[string(v.FullName())] = fmt.Sprint(v.Number())
			}
		}
	}
	messages = func(all protoreflect.MessageDescriptors) {
		for i := range all.Len() {
			m := all.Get(i)
			list[string(m.FullName())] = "message"
			fields(m.Fields())
			enums(m.Enums())
			messages(m.Messages())
		}
	}
	for _, f := range set.Files() {
		if _, err := os.Stat(filepath.Join(own, f.Descriptor.Path())); err == nil {
			messages(f.Descriptor.Messages())
			enums(f.Descriptor.Enums())
			fields(f.Descriptor.Extensions())
		}
	}
	return list
}

// TestA2_VendorOnImportPath: with the vendor's files on the import path, the annotated
// samples are read as with our schema. Those that need more than the vendor publishes are
// refused, like by protoc.
func TestA2_VendorOnImportPath(t *testing.T) {
	dir := vendortest.Protos(t)
	for _, name := range all(t) {
		t.Run(name, func(t *testing.T) {
			want := model(load(t, sources([]string{name})), true)
			if !strings.Contains(want, "[") {
				t.Fatalf("no annotation:\n%s", want)
			}
			set, err := Load(t.Context(), sources([]string{name}, dir))
			if slices.Contains(unpublished, name) {
				if fault.CodeOf(err) != fault.ProtoSyntax {
					t.Errorf("got %v, want %s", err, fault.ProtoSyntax)
				}
				if f := (*fault.Error)(nil); !errors.As(err, &f) || !strings.Contains(f.Hint, dir) || !strings.Contains(f.Hint, "newer one") {
					t.Errorf("the error does not name the schema that lacks it: %#v", f)
				}
				cmd := exec.CommandContext(t.Context(), "protoc", "-I"+fixtures, "-I"+dir, "-o", os.DevNull, name)
				if text, err := cmd.CombinedOutput(); err == nil {
					t.Errorf("protoc accepts it: %s", text)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := model(set, true); got != want {
				t.Errorf("got\n%s\nwith our schema\n%s", got, want)
			}
		})
	}
}

// TestA3_VendorFiles: all files that the vendor publishes compile unchanged, including
// google/api.
func TestA3_VendorFiles(t *testing.T) {
	set := load(t, Sources{Protos: []string{vendortest.Protos(t)}})
	for _, name := range []string{"kalix/annotations.proto", "kalix/component/view/view.proto", "google/api/annotations.proto"} {
		if !slices.ContainsFunc(set.Files(), func(f descset.File) bool { return f.Descriptor.Path() == name && !f.Import }) {
			t.Errorf("missing file %s", name)
		}
	}
	if len(annotationsOf(set)) > 0 {
		t.Errorf("%d annotations", len(annotationsOf(set)))
	}
}
