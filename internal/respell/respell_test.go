package respell

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/lint"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/protofile"
	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

// head begins a file whose import is only needed for annotations.
const head = "syntax = \"proto3\";\npackage x;\nimport \"kalix/annotations.proto\";\n"

const ours = "syntax = \"proto3\";\npackage x;\nimport \"jwtctl/v1/annotations.proto\";\n"

const both = "syntax = \"proto3\";\npackage x;\nimport \"kalix/annotations.proto\";\nimport \"jwtctl/v1/annotations.proto\";\n"

// TestSource has each form of an annotation, and the rewritten text.
func TestSource(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"path to a literal": {
			head + `service S { rpc M(A) returns (A) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; } } message A {}`,
			ours + `service S { rpc M(A) returns (A) { option (jwtctl.v1.method) = {validate: BEARER_TOKEN}; } } message A {}`,
		},
		"path to a member": {
			head + `service S { rpc M(A) returns (A) { option (kalix.method).jwt.validate = BEARER_TOKEN; option (.kalix.method).jwt.bearer_token_issuer = "i"; } } message A {}`,
			ours + `service S { rpc M(A) returns (A) { option (jwtctl.v1.method).validate = BEARER_TOKEN; option (jwtctl.v1.method).bearer_token_issuer = "i"; } } message A {}`,
		},
		"comments in a path are kept": {
			head + "message A { string t = 1 [ ( kalix . field /* a */ ) /* b */ . /* c */ jwt /* d */ .token = true ]; } // (kalix.field).jwt",
			ours + "message A { string t = 1 [ ( jwtctl.v1.field /* a */ ) /* b */  /* c */  /* d */ .token = true ]; } // (kalix.field).jwt",
		},
		"literal with only jwt": {
			head + "service S {\n  option (kalix.service) = {\n    jwt: {\n      validate: BEARER_TOKEN // why\n      /* a\n          b */\n    };\n  };\n}",
			ours + "service S {\n  option (jwtctl.v1.service) = {\n    validate: BEARER_TOKEN // why\n    /* a\n          b */\n  };\n}",
		},
		"literal in one line, in angle brackets": {
			head + "message A { string t = 1 [(kalix.field) = {jwt <token: true; issuer: ['a', \"b\"], static_claim < claim: 'r' value: \"<\" >>,}, deprecated = false]; }",
			ours + "message A { string t = 1 [(jwtctl.v1.field) = {token: true; issuer: ['a', \"b\"], static_claim < claim: 'r' value: \"<\" >}, deprecated = false]; }",
		},
		"comments around jwt are kept": {
			head + "message A { string t = 1 [(kalix.field) = { /* a */ jwt /* b */ : /* c */ {token: true} // d\n }]; }",
			ours + "message A { string t = 1 [(jwtctl.v1.field) =  /* a */  /* b */  /* c */ {token: true} // d\n ]; }",
		},
		"literal with more than jwt, of a method": {
			head + "service S {\n  rpc M(A) returns (A) {\n    option (kalix.method) = {\n      eventing: {in: {topic: \"t\"}}\n      // who may call\n      jwt: {\n        validate: BEARER_TOKEN\n      } // so\n      acl: {allow: {service: \"*\"}}\n    }; // end\n  }\n}\nmessage A {}",
			both + "service S {\n  rpc M(A) returns (A) {\n    option (kalix.method) = {\n      eventing: {in: {topic: \"t\"}}\n      acl: {allow: {service: \"*\"}}\n    }; // end\n    // who may call\n    // so\n    option (jwtctl.v1.method) = {\n      validate: BEARER_TOKEN\n    };\n  }\n}\nmessage A {}",
		},
		"literal with more than jwt, of a field": {
			head + "message A { string t = 1 [(kalix.field) = {entity_key: true, jwt {token: true}}]; string u = 2 [(kalix.field) = {jwt {token: true}; entity_key: true}, deprecated = true]; }",
			both + "message A { string t = 1 [(kalix.field) = {entity_key: true}, (jwtctl.v1.field) = {token: true}]; string u = 2 [(kalix.field) = {entity_key: true}, (jwtctl.v1.field) = {token: true}, deprecated = true]; }",
		},
		"moved angle brackets": {
			head + "message A { string t = 1 [(kalix.field) = {entity_key: true jwt <token: true>}]; }",
			both + "message A { string t = 1 [(kalix.field) = {entity_key: true}, (jwtctl.v1.field) = {token: true}]; }",
		},
		"field over several lines": {
			head + "message A {\n  string t = 1 [\n    (kalix.field) = {\n      entity_key: true\n      jwt: {\n        claim: INCLUDE\n      }\n    },\n    deprecated = true\n  ];\n}",
			both + "message A {\n  string t = 1 [\n    (kalix.field) = {\n      entity_key: true\n    },\n    (jwtctl.v1.field) = {\n      claim: INCLUDE\n    },\n    deprecated = true\n  ];\n}",
		},
		"other options of the vendor keep the import": {
			head + "message A { string t = 1 [(kalix.field).entity_key = true, (kalix.field).jwt.token = true]; }",
			both + "message A { string t = 1 [(kalix.field).entity_key = true, (jwtctl.v1.field).token = true]; }",
		},
		"the import is not added twice": {
			head + "import \"jwtctl/v1/annotations.proto\";\nmessage A { string t = 1 [(kalix.field).jwt.token = true]; string u = 2 [(jwtctl.v1.field).claim = INCLUDE]; }",
			ours + "message A { string t = 1 [(jwtctl.v1.field).token = true]; string u = 2 [(jwtctl.v1.field).claim = INCLUDE]; }",
		},
		"a public import is kept": {
			"syntax = \"proto3\";\nimport public \"kalix/annotations.proto\"; // for all\nmessage A { string t = 1 [(kalix.field).jwt.token = true]; }",
			"syntax = \"proto3\";\nimport public \"kalix/annotations.proto\"; // for all\nimport \"jwtctl/v1/annotations.proto\";\nmessage A { string t = 1 [(jwtctl.v1.field).token = true]; }",
		},
		"package name with jwtctl in it": {
			strings.Replace(head, "package x", "package com.jwtctl.x", 1) + "message A { string t = 1 [(kalix.field).jwt.token = true]; }",
			strings.Replace(ours, "package x", "package com.jwtctl.x", 1) + "message A { string t = 1 [(.jwtctl.v1.field).token = true]; }",
		},
		"nothing to do": {
			head + "message A { string t = 1 [(kalix.field).entity_key = true]; string jwt = 2; }",
			head + "message A { string t = 1 [(kalix.field).entity_key = true]; string jwt = 2; }",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for form, change := range map[string]func(string) string{
				"unchanged":               func(s string) string { return s },
				"CRLF":                    func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
				"with a BOM":              func(s string) string { return "\xef\xbb\xbf" + s },
				"without a final newline": func(s string) string { return strings.TrimRight(s, "\n") },
			} {
				out, _, err := Source("x.proto", []byte(change(c.in)), false)
				if err != nil {
					t.Fatalf("%s: %v", form, err)
				}
				if got, want := string(out), change(c.want); got != want {
					t.Errorf("%s: got\n%s\nwant\n%s", form, got, want)
				}
			}
			check(t, t.TempDir(), c.in)
		})
	}
}

// check verifies that the rewritten text has the meaning of text, and that rewriting it
// again changes nothing.
func check(t rapid.TB, dir, text string) {
	t.Helper()
	path := filepath.Join(dir, "x.proto")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	before := protokit.File(t, dir)
	var out []byte
	after := protokit.Read(t, protofile.Sources{Protos: []string{dir}, Rewrite: func(where string, text []byte) (_ []byte, err error) {
		out, _, err = Source(where, text, false)
		return out, err
	}})
	if err := Same(before, after); err != nil {
		t.Fatalf("%v\n%s\nbecame\n%s", err, text, out)
	}
	if was, is := commentsOf(t, text), commentsOf(t, string(out)); !slices.Equal(was, is) {
		t.Fatalf("comments: got %[2]q, want %[1]q", was, is)
	}
	for _, s := range after.Services {
		for _, m := range s.Methods {
			if r := m.EffectiveRules(); r != nil && !strings.HasPrefix(r.Option, "(jwtctl.v1.") {
				t.Fatalf("%s still has %s in\n%s", m.Name(), r.Option, out)
			}
		}
	}
	// Messages about such a file name no option that it does not have.
	for _, f := range lint.Check(after, lint.Options{RequireAll: true}) {
		if strings.Contains(f.Message+f.Hint, "(kalix.") {
			t.Fatalf("%s: got %s; %s\nin\n%s", f.Rule, f.Message, f.Hint, out)
		}
	}
	for _, m := range after.Messages {
		for _, f := range m.Fields {
			if !strings.HasPrefix(f.Option, "(jwtctl.v1.") {
				t.Fatalf("%s still has %s in\n%s", f.Desc.FullName(), f.Option, out)
			}
		}
	}
	if again, n, err := Source("x.proto", out, false); err != nil || n != 0 || string(again) != string(out) {
		t.Fatalf("again: got %d, %v, want 0\n%s", n, err, again)
	}
}

// commentsOf returns the comments of a source, sorted.
func commentsOf(t rapid.TB, text string) (list []string) {
	t.Helper()
	text = strings.TrimPrefix(text, string(bom))
	tree, err := parser.Parse("x.proto", strings.NewReader(text), reporter.NewHandler(nil))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	s := source{file: tree, text: text}
	s.readComments()
	for _, c := range s.comments {
		list = append(list, s.raw(c))
	}
	slices.Sort(list)
	return list
}

// TestA111_RespelledSchemasMakeTheSamePlan: whatever a schema is, and however its
// annotations are written, the policy of the rewritten text is the same.
func TestA111_RespelledSchemasMakeTheSamePlan(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		schema := policytest.RandomSchema(t, policytest.SchemaOptions{Depth: 3})
		check(t, dir, disguise(t, schema.Text))
	})
}

// disguise writes the annotations of text in other forms, with comments and line
// breaks in between.
func disguise(t *rapid.T, text string) string {
	kalix := regexp.MustCompile(`\((kalix\.(?:field|message|method|service))\)\.jwt = (\{)`)
	var b strings.Builder
	for {
		at := kalix.FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		name, open := text[at[2]:at[3]], at[4]
		end := closing(text, open)
		value := text[open : end+1]
		b.WriteString(text[:at[0]])
		gap := func() string {
			return rapid.SampledFrom([]string{"", " ", "\n    ", " /* (kalix.field).jwt { */ ", " // } jwt: <\n  "}).Draw(t, "gap")
		}
		other := map[string]string{"kalix.field": "entity_key: true", "kalix.service": `component: "c"`, "kalix.method": `eventing: {in: {topic: "}"}}`}[name]
		forms := []string{
			fmt.Sprintf("(%s)%s.%sjwt%s=%s%s", name, gap(), gap(), gap(), gap(), value),
			fmt.Sprintf("(.%s) = {%sjwt%s:%s%s%s}", name, gap(), gap(), gap(), value, gap()),
			fmt.Sprintf("(%s) = {jwt%s<%s>%s;}", name, gap(), value[1:len(value)-1], gap()),
		}
		if other != "" {
			forms = append(forms,
				fmt.Sprintf("(%s) = {%s%s,%sjwt:%s%s%s}", name, gap(), other, gap(), gap(), value, gap()),
				fmt.Sprintf("(%s) = {%sjwt%s%s;%s%s%s}", name, gap(), gap(), value, gap(), other, gap()),
				fmt.Sprintf("(%s) = {%s %sjwt%s<%s>%s}", name, other, gap(), gap(), value[1:len(value)-1], gap()))
		}
		b.WriteString(rapid.SampledFrom(forms).Draw(t, "form"))
		text = text[end+1:]
	}
	out := b.String() + text
	if rapid.Bool().Draw(t, "CRLF") {
		out = strings.ReplaceAll(out, "\n", "\r\n")
	}
	return out
}

// closing returns the brace that closes the one at open.
func closing(text string, open int) int {
	depth, quoted := 0, false
	for i := open; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(text) - 1
}

// TestSourceOfFixtures: the samples of every form keep their policy.
func TestSourceOfFixtures(t *testing.T) {
	t.Parallel()
	list, err := filepath.Glob("../../testdata/proto/*.proto")
	if err != nil || len(list) < 9 {
		t.Fatalf("%d fixtures: %v", len(list), err)
	}
	for _, file := range list {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		check(t, t.TempDir(), string(text))
	}
}

// TestSameSeesAnotherPolicy: the proof can fail.
func TestSameSeesAnotherPolicy(t *testing.T) {
	t.Parallel()
	of := func(options string) *policy.Policy {
		dir := t.TempDir()
		text := head + `service S { rpc M(A) returns (A) { option (kalix.method).jwt = {` + options + `}; } } message A { string t = 1 [(kalix.field).jwt = {token: true}]; }`
		if err := os.WriteFile(filepath.Join(dir, "x.proto"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return protokit.File(t, dir)
	}
	one := of("validate: BEARER_TOKEN")
	for _, options := range []string{"", "validate: MESSAGE", `validate: BEARER_TOKEN bearer_token_issuer: "i"`} {
		if Same(one, of(options)) == nil {
			t.Errorf("{%s} is treated as equal", options)
		}
	}
	if err := Same(one, of("validate: BEARER_TOKEN")); err != nil {
		t.Error(err)
	}
}

// TestA111_LintFixturesMeanTheSame: each rule of lint finds the same in the other
// spelling: its fixture is rewritten and read again.
func TestA111_LintFixturesMeanTheSame(t *testing.T) {
	t.Parallel()
	list, err := filepath.Glob("../../testdata/lint/*/*.proto")
	if err != nil || len(list) < 100 {
		t.Fatalf("%d fixtures: %v", len(list), err)
	}
	rules := map[string]bool{}
	for _, file := range list {
		rule := filepath.Base(filepath.Dir(file))
		if rule == "annotated-twice" { // it has both
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "(kalix.") {
			continue // a rule about a missing option
		}
		rules[rule] = true
		check(t, t.TempDir(), string(text))
	}
	if len(rules) < len(lint.Rules())-1 {
		t.Errorf("compared the fixtures of %d rules, want %d", len(rules), len(lint.Rules()))
	}
}
