package finding

import (
	"encoding/json"
	"os"
	"path"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// sarifValidator validates a log against the SARIF 2.1.0 schema of OASIS.
type sarifValidator func(log string) error

func newSARIFValidator(t testing.TB) sarifValidator {
	t.Helper()
	file, err := os.Open("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	document, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("sarif.json", document); err != nil {
		t.Fatal(err)
	}
	compiler.AssertFormat()
	schema, err := compiler.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(log string) error {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(log))
		if err != nil {
			return err
		}
		return schema.Validate(value)
	}
}

func checkSARIF(t *testing.T, text string, want []Finding, schema sarifValidator) {
	t.Helper()
	if err := schema(text); err != nil {
		t.Fatalf("sarif: %v:\n%s", err, text)
	}
	run := parseSARIF(t, text)
	if len(run.Results) != len(want) {
		t.Fatalf("sarif: %d results, want %d", len(run.Results), len(want))
	}
	prints := map[string]bool{}
	for i, f := range want {
		got := run.Results[i]
		prints[got.PartialFingerprints["jwtctlFinding/v1"]] = true
		if got.RuleID != valid(f.Rule) || got.Level != f.Severity.String() {
			t.Fatalf("sarif: got %+v of %+v", got, f)
		}
		if got.RuleIndex != nil && run.Tool.Driver.Rules[*got.RuleIndex].ID != got.RuleID {
			t.Fatalf("sarif: rule %d is not %q", *got.RuleIndex, got.RuleID)
		}
		if strings.Contains(got.Message.Text, "](") {
			t.Fatalf("sarif: a link in %q", got.Message.Text)
		}
	}
	if len(prints) != len(want) {
		t.Fatalf("sarif: %d fingerprints for %d findings", len(prints), len(want))
	}
}

func parseSARIF(t *testing.T, text string) sarifRun {
	t.Helper()
	var log sarifLog
	if err := json.Unmarshal([]byte(text), &log); err != nil || len(log.Runs) != 1 {
		t.Fatalf("sarif: %v in:\n%s", err, text)
	}
	return log.Runs[0]
}

// TestSARIFSchemaRefuses shows that the validator works.
func TestSARIFSchemaRefuses(t *testing.T) {
	t.Parallel()
	schema := newSARIFValidator(t)
	good := render(t, sample(), "sarif")
	if err := schema(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"unknown member": {`"results":`, `"result":`},
		"unknown level":  {`"level": "error"`, `"level": "fatal"`},
		"line 0":         {`"startLine": 12`, `"startLine": 0`},
		"no URI":         {`a%20b.proto`, `a%zzb.proto`},
		"version":        {`"version": "2.1.0"`, `"version": "2.2"`},
	} {
		bad := strings.ReplaceAll(good, change[0], change[1])
		if bad == good || schema(bad) == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}

func TestSARIFArtifactURI(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]sarifArtifact{
		"a/b.proto":       {"a/b.proto", "%SRCROOT%"},
		"./a//b.proto":    {"a/b.proto", "%SRCROOT%"},
		"a b/ü%.proto":    {"a%20b/%C3%BC%25.proto", "%SRCROOT%"},
		"a:b.proto":       {"./a:b.proto", "%SRCROOT%"},
		"a?b#c.proto":     {"a%3Fb%23c.proto", "%SRCROOT%"},
		"\xff.proto":      {"%FF.proto", "%SRCROOT%"},
		"..a/b.proto":     {"..a/b.proto", "%SRCROOT%"},
		"a/../../b.proto": {"../b.proto", ""},
		"..":              {"..", ""},
		"/abs/a b.proto":  {"file:///abs/a%20b.proto", ""},
		"//host/b.proto":  {"file:///host/b.proto", ""},
	} {
		if got := artifact(file); got != want {
			t.Errorf("%q: got %+v, want %+v", file, got, want)
		}
	}
}

func TestSARIFMessageIsPlainText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain":               "plain",
		"needs ${NAME}":       "needs ${{NAME}}",
		"(.*){1,32}[bc]":      "(.*){{1,32}}[bc]",
		"[click](http://x.y)": "[click] (http://x.y)",
	} {
		if got := sarifMessage(text).Text; got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestSARIFFingerprints moves every line, like an import added at the top of each file
// does, and changes each part that makes a finding a different one.
func TestSARIFFingerprints(t *testing.T) {
	t.Parallel()
	prints := func(r Report) (all []string) {
		for _, result := range parseSARIF(t, render(t, r, "sarif")).Results {
			all = append(all, result.PartialFingerprints["jwtctlFinding/v1"])
		}
		return all
	}
	r := sample()
	before := prints(r)
	for i := range r.Findings {
		if r.Findings[i].Pos.Line > 0 {
			r.Findings[i].Pos.Line += 100
		}
		r.Findings[i].Message = strings.ReplaceAll(r.Findings[i].Message, ":40:3", ":140:3")
	}
	if after := prints(r); !reflect.DeepEqual(after, before) {
		t.Errorf("lines moved: got %q, want %q", after, before)
	}
	base := Finding{Rule: "r", Message: "m", Pos: Position{File: "f"}, Subject: "s"}
	for name, change := range map[string]func(*Finding){
		"rule":    func(f *Finding) { f.Rule = "x" },
		"message": func(f *Finding) { f.Message = "x" },
		"file":    func(f *Finding) { f.Pos.File = path.Join("x", f.Pos.File) },
		"subject": func(f *Finding) { f.Subject = "x" },
		"borders": func(f *Finding) { f.Pos.File, f.Subject = "fs", "" },
	} {
		other := base
		change(&other)
		if fingerprint(base) == fingerprint(other) {
			t.Errorf("%s: the fingerprint is the same", name)
		}
	}
}
