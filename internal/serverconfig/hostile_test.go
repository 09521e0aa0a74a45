package serverconfig

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// TestTemplatesAreBounded: a template of a few bytes that would take much time or memory
// is an error at once, without a crash. S11, S50.
func TestTemplatesAreBounded(t *testing.T) {
	t.Parallel()
	const long = `{{ $x := "aaaaaaaaaaaaaaaa" }}`
	double := strings.Repeat(`{{ $x = print $x $x }}`, 14)
	var nested strings.Builder
	for i := range 40 {
		fmt.Fprintf(&nested, `{{ define "t%d" }}{{ template "t%d" }}{{ template "t%d" }}{{ end }}`, i, i+1, i+1)
	}
	for name, text := range map[string]string{
		"doubled string":                    long + strings.Repeat(`{{ $x = print $x $x }}`, 60),
		"doubled list":                      `{{ $l := list 1 }}` + strings.Repeat(`{{ $l = concat $l $l }}`, 60),
		"list nested in itself, twice each": `{{ $l := list 1 }}` + strings.Repeat(`{{ $l = list $l $l }}`, 60) + `{{ $l }}`,
		"map in itself":                     `{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ $d }}`,
		"nested templates, twice each":      nested.String() + `{{ define "t40" }}{{ end }}{{ template "t0" }}`,
		"nested ranges":                     `{{ $l := list 1 2 3 4 5 6 7 8 9 }}` + strings.Repeat(`{{ range $l }}`, 12) + strings.Repeat(`{{ end }}`, 12),
		"range over a number":               `{{ range 2000000000 }}{{ end }}`,
		"indent":                            `{{ indent 2000000000 "x" }}`,
		"indent of many lines":              long + double + `{{ nindent 1000000 (replace "a" "\n" $x) }}`,
		"width":                             `{{ printf "%999999d" 1 }}`,
		"width as an argument":              `{{ printf "%*d" 999999 1 }}`,
		"replace":                           long + double + `{{ replace "a" $x $x }}`,
		"regex replacement":                 long + double + `{{ regexReplaceAll "a" $x $x }}`,
		"mustRegex replacement":             long + double + `{{ mustRegexReplaceAllLiteral "a" $x $x }}`,
		"join":                              long + double + `{{ join $x (list 1 2 3) }}`,
		"variables":                         long + double + `{{ expandenv (replace "a" "$X" $x) }}`,
		"panic":                             `{{ substr -5 2 "x" }}`,
	} {
		if out, _, err := render("t", []byte("# enable-template\n"+text), map[string]string{"X": strings.Repeat("x", 1000)}); err == nil {
			t.Errorf("%s: got %d bytes", name, len(out))
		}
	}
	dockerized := `{{ .Env.X }}` + strings.Repeat(`{{ replace (replace .Env.X "x" .Env.X -1) "x" .Env.X -1 }}`, 2)
	if out, _, err := render("t", []byte(dockerized), map[string]string{"X": strings.Repeat("x", 1000)}); err == nil {
		t.Errorf("dockerize's replace: got %d bytes", len(out))
	}
	usual := `{{ range splitList "," (env "LIST") }}{{ . | quote | indent 4 | replace "a" "b" }}{{ end }}{{ join "," (list 1 2) }}{{ printf "%05d" 7 }}{{ regexReplaceAll "a+" "caat" "u" }}`
	out, _, err := render("t", []byte("# enable-template\n"+usual), map[string]string{"LIST": "a,b"})
	if want := `    "b"    "b"1,200007cut`; err != nil || !strings.HasSuffix(string(out), want) {
		t.Errorf("ordinary template: got %q, %v", out, err)
	}
}

// TestComposeIsBounded: variables of variables expand to no more than a container could be
// given. S11.
func TestComposeIsBounded(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("services: {temporal: {image: temporalio/server, environment: {")
	for i := range 200 {
		fmt.Fprintf(&text, "A%d: %q, ", i, strings.Repeat("$X", 400))
	}
	text.WriteString("B: b}}}")
	c, err := Read(Input{".env", []byte("X=" + strings.Repeat("x", 100_000))}, Input{"compose.yaml", []byte(text.String())})
	if err != nil || c.Problem == nil || c.expanded > maxExpanded+maxRendered {
		t.Errorf("%v, %+v", err, c)
	}
}

// TestComposeOfTheUIAlone: the error names the file that has no server.
func TestComposeOfTheUIAlone(t *testing.T) {
	t.Parallel()
	ui := Input{"compose.yaml", []byte("services: {ui: {image: temporalio/ui}}")}
	for _, inputs := range [][]Input{{ui}, {ui, ui}, {{".env", nil}, ui}} {
		_, err := Read(inputs...)
		if !fault.Has(err, fault.UsageError) || !strings.Contains(err.Error(), inputs[0].Name+": configures only the Web UI, not a server") {
			t.Errorf("%v", err)
		}
	}
}
