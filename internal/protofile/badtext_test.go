package protofile

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

const latin1 = "caf\xe9"

// latin1Source has body in a file where both spellings are imported.
func latin1Source(body string) string {
	return "syntax = \"proto3\";\npackage t;\nimport \"kalix/annotations.proto\";\nimport \"jwtctl/v1/annotations.proto\";\nimport \"google/protobuf/descriptor.proto\";\n" + body
}

// TestRefusesAnnotationThatIsNotUTF8: it is an error with a position, in sources and in
// protoc's output, and U+FFFD is never read instead (A48, S45).
func TestRefusesAnnotationThatIsNotUTF8(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, at, want string }{
		"in a literal":        {`message M { string a = 1 [(kalix.field).jwt = {claim: INCLUDE, name: "` + latin1 + `"}]; }`, ":6:64", "(kalix.field).jwt.name of t.M.a"},
		"separate option":     {`message M { string a = 1 [(kalix.field).jwt.name = "` + latin1 + `"]; }`, ":6:27", "(kalix.field).jwt.name of t.M.a"},
		"whole message":       {`message M { string a = 1 [(kalix.field) = {jwt {name: "` + latin1 + `"}}]; }`, ":6:49", "(kalix.field).jwt.name of t.M.a"},
		"split in two":        {`message M { string a = 1 [(kalix.field).jwt = {name: "ca" 'f` + "\xe9" + `'}]; }`, ":6:48", "(kalix.field).jwt.name of t.M.a"},
		"as an escape":        {`message M { string a = 1 [(kalix.field).jwt = {name: "caf\xe9"}]; }`, ":6:48", "(kalix.field).jwt.name of t.M.a"},
		"as an octal escape":  {`message M { string a = 1 [(kalix.field).jwt = {name: "caf\351"}]; }`, ":6:48", "(kalix.field).jwt.name of t.M.a"},
		"lone surrogate":      {`message M { string a = 1 [(kalix.field).jwt = {name: "\ud800"}]; }`, ":6:48", "(kalix.field).jwt.name of t.M.a"},
		"static claim":        {`service S { option (kalix.service).jwt = {static_claim {claim: "a" value: ["b", "` + latin1 + `"]}}; }`, ":6:81", "(kalix.service).jwt.static_claim.value of t.S"},
		"issuer":              {`service S { rpc A(M) returns (M) { option (kalix.method).jwt = {bearer_token_issuer: "` + latin1 + `"}; } } message M {}`, ":6:65", "(kalix.method).jwt.bearer_token_issuer of t.S.A"},
		"jwtctl.v1":           {`message M { string a = 1 [(jwtctl.v1.field) = {name: "` + latin1 + `"}]; }`, ":6:48", "(jwtctl.v1.field).name of t.M.a"},
		"static claim, other": {`service S { option (jwtctl.v1.service) = {static_claim {claim: "` + latin1 + `"}}; }`, ":6:57", "(jwtctl.v1.service).static_claim.claim of t.S"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := testkit.Folder(t, map[string]string{"t.proto": latin1Source(c.body)})
			refusedText := func(src Sources, where string) {
				t.Helper()
				_, err := Load(t.Context(), src)
				var f *fault.Error
				if !errors.As(err, &f) || f.Code != fault.AnnotationUnreadable || !strings.HasSuffix(f.What, where) ||
					!strings.Contains(f.Reason, c.want+" is not valid UTF-8") || !strings.Contains(f.Hint, "UTF-8") {
					t.Errorf("got %v, want %s at %s", err, c.want, where)
				}
			}
			refusedText(Sources{Protos: []string{dir}}, "t.proto"+c.at)
			refusedText(Sources{DescriptorSets: []string{latin1Set(t, dir)}}, "t.proto")
		})
	}
}

// latin1Set returns protoc's output for t.proto in dir, which it writes with a warning.
func latin1Set(t *testing.T, dir string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "set.binpb")
	cmd := exec.CommandContext(t.Context(), "protoc", "-o", out, "--include_imports", "-I"+dir, "-I"+own, "-I../../proto", "t.proto")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("protoc (installed by make tools): %v\n%s", err, text)
	}
	return out
}

// TestTakesOtherTextThatIsNotUTF8: such text outside of annotations, which protoc
// compiles, is accepted: in comments, and in other options.
func TestTakesOtherTextThatIsNotUTF8(t *testing.T) {
	t.Parallel()
	const extend = "extend google.protobuf.FieldOptions { string text = 50001; bytes data = 50002; }\n"
	for name, body := range map[string]string{
		"comment":          "// " + latin1 + "\nmessage M { /* " + latin1 + " */ string a = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }",
		"string":           extend + `message M { string a = 1 [(text) = "` + latin1 + `", (kalix.field).jwt = {claim: INCLUDE}]; }`,
		"escape":           extend + `message M { string a = 1 [(text) = "\xe9", (kalix.field).jwt = {claim: INCLUDE}]; }`,
		"bytes":            extend + `message M { string a = 1 [(data) = "` + latin1 + `", (kalix.field).jwt = {claim: INCLUDE}]; }`,
		"file option":      `option go_package = "` + latin1 + `"; message M { string a = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }`,
		"next to jwt":      `message M { string a = 1 [(kalix.field).jwt = {claim: INCLUDE}]; } service S { option (kalix.service) = {component: "` + latin1 + `" jwt {}}; }`,
		"literal U+FFFD":   "message M { string a = 1 [(kalix.field).jwt = {claim: INCLUDE, name: \"\ufffd\"}]; }",
		"U+FFFD in octal":  `message M { string a = 1 [(kalix.field).jwt = {claim: INCLUDE, name: "\357\277\275"}]; }`,
		"U+FFFD as escape": `message M { string a = 1 [(kalix.field).jwt = {claim: INCLUDE, name: "\ufffd"}]; }`,
		"byte order mark":  "message M { string a = 1 [(kalix.field).jwt = {claim: INCLUDE, name: \"é\"}]; }",
	} {
		t.Run(name, func(t *testing.T) {
			source := latin1Source(body)
			if name == "byte order mark" {
				source = "\ufeff" + strings.ReplaceAll(source, "\n", "\r\n")
			}
			dir := testkit.Folder(t, map[string]string{"t.proto": source})
			for _, src := range []Sources{{Protos: []string{dir}}, {DescriptorSets: []string{latin1Set(t, dir)}}} {
				set := load(t, src)
				if set.Annotation(set.Message("t.M").Fields().Get(0)) == nil {
					t.Errorf("%+v: the annotation was dropped", src)
				}
			}
		})
	}
}

// TestReadsSurrogatePairAsProtocDoes: two escapes for one character are that character,
// as in protoc.
func TestReadsSurrogatePairAsProtocDoes(t *testing.T) {
	t.Parallel()
	dir := testkit.Folder(t, map[string]string{"t.proto": latin1Source(`message M { string a = 1 [(kalix.field).jwt = {claim: INCLUDE, name: "\ud83d\ude00\U0001F600\\ud83d\t"}]; }`)})
	for _, src := range []Sources{{Protos: []string{dir}}, {DescriptorSets: []string{latin1Set(t, dir)}}} {
		set := load(t, src)
		a := set.Annotation(set.Message("t.M").Fields().Get(0))
		name := a.JWT.Get(a.JWT.Descriptor().Fields().ByName("name")).String()
		if name != "\U0001F600\U0001F600\\ud83d\t" {
			t.Errorf("got %q", name)
		}
	}
}

// TestRefusesJSONImageThatIsNotUTF8: bytes that are not UTF-8, or a lone surrogate, are
// refused in JSON too.
func TestRefusesJSONImageThatIsNotUTF8(t *testing.T) {
	t.Parallel()
	dir := testkit.Folder(t, map[string]string{"t.proto": latin1Source(`message M { string a = 1 [(kalix.field).jwt = {claim: INCLUDE, name: "here"}]; }`)})
	source := load(t, Sources{Protos: []string{dir}})
	image := imageJSON(t, latin1Set(t, dir), source.Types(), "t.proto")
	load(t, Sources{DescriptorSets: []string{testkit.File(t, filepath.Join(t.TempDir(), "image.json"), image)}})
	for _, text := range []string{latin1, `\ud800`} {
		changed := bytes.ReplaceAll(image, []byte(`"here"`), []byte(`"`+text+`"`))
		if bytes.Equal(changed, image) {
			t.Fatal("the image lacks the name")
		}
		refused(t, Sources{DescriptorSets: []string{testkit.File(t, filepath.Join(t.TempDir(), "image.json"), changed)}}, fault.DescriptorInvalid, "not a Buf image in JSON")
	}
}

// TestUnquoteAgreesWithTheParser: a valid literal without surrogates is read the same by
// both.
func TestUnquoteAgreesWithTheParser(t *testing.T) {
	t.Parallel()
	part := rapid.OneOf(
		rapid.StringMatching(`[^"\\\n\x00]{0,3}`),
		rapid.StringMatching(`\\[abfnrtv\\'"?]`), rapid.StringMatching(`\\[xX][0-9a-fA-F]{1,2}`),
		rapid.StringMatching(`\\[0-3]?[0-7]{1,2}`), rapid.StringMatching(`\\u[0-9a-cA-C][0-9a-fA-F]{3}`), rapid.StringMatching(`\\U000[0-9a-f][0-9a-c][0-9a-f]{3}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		literal := `"` + strings.Join(rapid.SliceOfN(part, 0, 6).Draw(t, "parts"), "") + `"`
		tree, err := parser.Parse("t.proto", strings.NewReader(`option a = `+literal+`;`), reporter.NewHandler(nil))
		if err != nil {
			t.Skip(err) // the parts together form another escape
		}
		for _, d := range tree.Decls {
			if option, is := d.(*ast.OptionNode); is {
				if want := option.Val.Value().(string); unquote(literal) != want {
					t.Fatalf("%s: got %q, the parser reads %q", literal, unquote(literal), want)
				}
			}
		}
	})
}
