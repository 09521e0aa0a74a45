package template_test

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"
	std "text/template"

	sprig "github.com/go-task/slim-sprig/v3"
	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/template"
)

type inner struct {
	Name  string
	Count int
	Tags  []string
}

// data is the data of the templates in tests: maps, lists, structs, nils and numbers.
func data() map[string]any {
	return map[string]any{
		"Env": map[string]string{"A": "1", "B": "x <&'\">", "E": ""}, "Nil": nil, "Yes": true, "No": false, "N": 3, "U": uint8(7), "F": 2.5,
		"List": []string{"a", "b", "c"}, "Any": []any{1, "two", nil, []int{3}}, "None": []string{}, "In": inner{"in", 2, []string{"t"}}, "To": &inner{Name: "to"},
		"Nested": map[string]any{"a": map[string]any{"b": "deep"}}, "Numbers": map[int]string{2: "two", 1: "one"}, "Bytes": []byte("raw"),
	}
}

// both runs text here and in text/template.
func both(text string) (ours, theirs string, oursErr, theirsErr error) {
	funcs := sprig.FuncMap()
	maps.DeleteFunc(funcs, func(name string, _ any) bool { return strings.HasPrefix(name, "rand") || name == "now" })
	values := data()
	var a, b bytes.Buffer
	t, oursErr := template.Parse("t", text, "", "", template.Functions(funcs))
	if oursErr == nil {
		oursErr = t.Execute(&a, values)
	}
	s, theirsErr := std.New("t").Funcs(funcs).Option("missingkey=zero").Parse(text)
	if theirsErr == nil {
		theirsErr = s.Execute(&b, values)
	}
	return a.String(), b.String(), oursErr, theirsErr
}

// TestTemplateIsThatOfGo: each construct has the same output, or the same failure, as in
// text/template.
func TestTemplateIsThatOfGo(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "text", "{{ .Env.A }} {{ $.Env.Missing }}|{{ .Missing }}", "{{- /* comment */ -}} x",
		"{{ if .Yes }}a{{ else if .No }}b{{ else }}c{{ end }}", "{{ if and .Yes (or .No .Env.E) }}a{{ else }}c{{ end }}",
		"{{ with .Nested.a }}{{ .b }}{{ $.N }}{{ else with .N }}{{ . }}{{ end }}", "{{ with .None }}x{{ else }}y{{ end }}",
		"{{ range .List }}{{ . }},{{ end }}", "{{ range $i, $x := .List }}{{ $i }}={{ $x }} {{ end }}", "{{ range $i, $x := .Numbers }}{{ $i }}={{ $x }} {{ end }}",
		"{{ range $k, $v := .Env }}{{ $k }}{{ $v }}{{ end }}", "{{ range .None }}x{{ else }}none{{ end }}", "{{ range .N }}{{ . }}{{ end }}", "{{ range $i, $j := .N }}{{ end }}",
		"{{ range $x := .List }}{{ if eq $x \"b\" }}{{ continue }}{{ end }}{{ $x }}{{ end }}", "{{ range .List }}{{ if eq . \"b\" }}{{ break }}{{ end }}{{ . }}{{ end }}",
		"{{ $x := 1 }}{{ if .Yes }}{{ $x = 2 }}{{ $x := 3 }}{{ $x }}{{ end }}{{ $x }}", "{{ $x := 0 }}{{ range $x = .List }}{{ end }}{{ $x }}",
		"{{ define \"d\" }}<{{ . }}{{ $ }}>{{ end }}{{ template \"d\" .N }}{{ template \"d\" }}", "{{ block \"b\" .List }}{{ len . }}{{ end }}", "{{ template \"missing\" }}",
		"{{ define \"loop\" }}{{ template \"loop\" . }}{{ end }}{{ if .No }}{{ template \"loop\" . }}{{ end }}",
		"{{ .In.Name }}{{ .To.Name }}{{ .In.Count }}{{ .In.Missing }}", "{{ .In }}{{ .To }}", "{{ (index .Any 3) }}{{ index .Any 3 0 }}{{ index .Nested \"a\" \"b\" }}", "{{ index .Any 9 }}",
		"{{ index .Numbers 1 }}{{ index .Env \"none\" }}|{{ index .Nil }}", "{{ slice .List 1 }}{{ slice .List 0 2 }}{{ slice .Env.B 2 }}{{ slice .List 0 1 3 }}", "{{ slice .Env.A 3 1 }}",
		"{{ len .List }}{{ len .Env }}{{ len .Env.B }}{{ len .Nil }}", "{{ len .N }}", "{{ print 1 2 \"x\" }}{{ println .F }}{{ printf \"%d %q %v\" .N .Env.B .Nil }}",
		"{{ eq .N 3 }}{{ eq .N 1 2 3 }}{{ ne .N 3 }}{{ lt .N 4 }}{{ le .U 7 }}{{ gt .F 1.5 }}{{ ge .Env.A \"0\" }}{{ eq .U 7 }}{{ lt -1 .U }}", "{{ eq .N .F }}", "{{ eq .Nil .N }}{{ eq .Nil nil }}{{ eq .N nil }}",
		"{{ eq .List .List }}", "{{ eq .Yes true }}{{ not .Yes }}{{ not .Nil }}", "{{ lt .Yes .No }}", "{{ html .Env.B }}{{ js .Env.B }}{{ urlquery .Env.B }}",
		"{{ .Env.B | upper | quote }}", "{{ \"a\" | printf \"%s-%s\" \"b\" }}", "{{ .N | .Env }}", "{{ .Env 1 }}", "{{ nil }}", "{{ nil | print }}", "{{ 1 2 }}", "{{ true }}{{ 'a' }}{{ 0x1F }}{{ 1e3 }}{{ 1.0 }}{{ -2 }}{{ 1i }}{{ 0x1p4 }}",
		"{{ 18446744073709551615 }}", "{{ default \"d\" .Env.E }}{{ .Env.E | default \"e\" }}{{ default 3 .Nil }}", "{{ fail \"no\" }}", "{{ add 1 .N }}{{ mul .N 2 }}{{ int \"4\" }}{{ splitList \",\" \"a,b\" }}",
		"{{ join \"-\" .List }}{{ list 1 2 \"x\" | join \",\" }}{{ dict \"a\" 1 \"b\" .List }}{{ (dict \"a\" 1).a }}{{ get (dict \"x\" 2) \"x\" }}", "{{ empty .Nil }}{{ coalesce .Nil .Env.E .N }}{{ ternary 1 2 .Yes }}",
		"{{ trim 5 }}", "{{ upper }}", "{{ upper \"a\" \"b\" }}", "{{ repeat 2.5 \"a\" }}", "{{ repeat .N \"ab\" }}", "{{ .Missing.Deeper }}", "{{ .Nil.Deeper }}", "{{ .N.Deeper }}", "{{ .Nested.none.none }}", "{{ and }}", "{{ and .Yes }}{{ or 0 \"\" .N }}{{ .N | and .Yes }}{{ .No | or .No }}",
		"{{ if .Yes }}", "{{ .Env.A", "{{ nofunction }}", "{{ $undefined }}", "{{ break }}", "{{ first .List }}{{ last .Any }}{{ rest .List }}", "{{ toJson .Nested }}{{ .Bytes }}{{ b64enc .Env.B }}",
		"{{ range .Any }}[{{ . }}]{{ end }}", "{{ range $i, $_ := .Any }}{{ if $i }},{{ end }}{{ $i }}{{ end }}", "{{ with $x := .N }}{{ $x }}{{ . }}{{ end }}", "{{ not (eq .N 3) | not }}", "{{ (1) }}{{ ((.List)) }}", "{{ 1 | add 2 | printf \"%03d\" }}", "{{ printf }}",
		"{{ html }}", "{{ eq 1 }}", "{{ ne 1 2 3 }}", "{{ eq }}", "{{ .Env.A.B }}", "{{ range .Yes }}{{ end }}", "{{ range .Nil }}x{{ else }}nil{{ end }}", "{{ trunc 2 .Env.B }}{{ trunc .F .Env.B }}", "{{ nil.A }}", "{{ (nil).A }}", "{{ substr 0 1 true }}",
	} {
		ours, theirs, oursErr, theirsErr := both(text)
		if ours != theirs || (oursErr == nil) != (theirsErr == nil) {
			t.Errorf("%s\ngot  %q, %v\nwant %q, %v", text, ours, oursErr, theirs, theirsErr)
		}
	}
}

// TestTemplateIsThatOfGoForAny: any template of these parts has the same output as in
// text/template.
func TestTemplateIsThatOfGoForAny(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := body(t, 3)
		ours, theirs, oursErr, theirsErr := both(text)
		if ours != theirs || (oursErr == nil) != (theirsErr == nil) {
			t.Fatalf("%s\ngot  %q, %v\nwant %q, %v", text, ours, oursErr, theirs, theirsErr)
		}
	})
}

func body(t *rapid.T, depth int) string {
	var b strings.Builder
	for range rapid.IntRange(1, 3).Draw(t, "nodes") {
		kind := rapid.SampledFrom([]string{"print", "print", "if", "with", "range", "range2", "set", "def"}).Draw(t, "node")
		if depth == 0 {
			kind = "print"
		}
		p := func() string { return pipe(t, 2) }
		switch kind {
		case "print":
			fmt.Fprintf(&b, "[{{ %s }}]", p())
		case "if", "with":
			fmt.Fprintf(&b, "{{ %s %s }}%s{{ else }}%s{{ end }}", kind, p(), body(t, depth-1), body(t, depth-1))
		case "range":
			fmt.Fprintf(&b, "{{ range %s }}%s{{ %s }}{{ else }}%s{{ end }}", p(), body(t, depth-1), rapid.SampledFrom([]string{"break", "continue", "1"}).Draw(t, "end"), body(t, depth-1))
		case "range2":
			fmt.Fprintf(&b, "{{ range $x, $y := %s }}{{ $x }}:{{ $y }}%s{{ end }}", p(), body(t, depth-1))
		case "set":
			fmt.Fprintf(&b, "{{ $z := %s }}{{ if .Yes }}{{ $z = %s }}{{ end }}{{ $z }}", p(), p())
		case "def":
			fmt.Fprintf(&b, "{{ block \"d%d\" %s }}%s{{ end }}", rapid.IntRange(0, 999999).Draw(t, "name"), p(), body(t, depth-1))
		}
	}
	return b.String()
}

func pipe(t *rapid.T, depth int) string {
	parts := []string{command(t, depth)}
	for rapid.IntRange(0, 3).Draw(t, "more") == 0 {
		parts = append(parts, rapid.SampledFrom([]string{"print", "len", "not", "quote", "upper", "html", "index .List", "default 1", "eq 3", "printf \"%v\"", "and .Yes", "or .No"}).Draw(t, "filter"))
	}
	return strings.Join(parts, " | ")
}

func command(t *rapid.T, depth int) string {
	if depth == 0 || rapid.Bool().Draw(t, "operand") {
		return operand(t, depth)
	}
	name := rapid.SampledFrom([]string{"print", "len", "index", "slice", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "printf", "default", "upper", "add", "repeat", "list", "dict", "trunc", "join", "ternary", "coalesce", "first"}).Draw(t, "function")
	args := []string{name}
	for range rapid.IntRange(0, 3).Draw(t, "args") {
		args = append(args, operand(t, depth))
	}
	return strings.Join(args, " ")
}

func operand(t *rapid.T, depth int) string {
	if depth > 0 && rapid.IntRange(0, 3).Draw(t, "parentheses") == 0 {
		return "(" + pipe(t, depth-1) + ")"
	}
	return rapid.SampledFrom([]string{
		".", "$", ".Env", ".Env.A", ".Env.B", ".Env.E", ".Nil", ".Yes", ".No", ".N", ".U", ".F", ".List", ".Any", ".None", ".In", ".In.Tags", ".In.Count", ".To.Name", ".Nested", ".Nested.a.b", ".Numbers", ".Bytes", ".Missing",
		"1", "0", "-3", "2.5", "'x'", "\"s\"", "\"\"", "true", "false", "nil", "$.N",
	}).Draw(t, "operand")
}
