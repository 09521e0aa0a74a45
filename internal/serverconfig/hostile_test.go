package serverconfig

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// TestTemplatesAreBounded: what a template of a few bytes could make of this machine's
// time and memory is an error at once, and no crash. S11, S50.
func TestTemplatesAreBounded(t *testing.T) {
	t.Parallel()
	const long = `{{ $x := "aaaaaaaaaaaaaaaa" }}`
	double := strings.Repeat(`{{ $x = print $x $x }}`, 14)
	var nested strings.Builder
	for i := range 40 {
		fmt.Fprintf(&nested, `{{ define "t%d" }}{{ template "t%d" }}{{ template "t%d" }}{{ end }}`, i, i+1, i+1)
	}
	for name, text := range map[string]string{
		"a text doubled":               long + strings.Repeat(`{{ $x = print $x $x }}`, 60),
		"a list doubled":               `{{ $l := list 1 }}` + strings.Repeat(`{{ $l = concat $l $l }}`, 60),
		"a list in itself, twice each": `{{ $l := list 1 }}` + strings.Repeat(`{{ $l = list $l $l }}`, 60) + `{{ $l }}`,
		"a map in itself":              `{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ $d }}`,
		"templates, twice each":        nested.String() + `{{ define "t40" }}{{ end }}{{ template "t0" }}`,
		"ranges in ranges":             `{{ $l := list 1 2 3 4 5 6 7 8 9 }}` + strings.Repeat(`{{ range $l }}`, 12) + strings.Repeat(`{{ end }}`, 12),
		"a range over a number":        `{{ range 2000000000 }}{{ end }}`,
		"an indent":                    `{{ indent 2000000000 "x" }}`,
		"an indent of lines":           long + double + `{{ nindent 1000000 (replace "a" "\n" $x) }}`,
		"a width":                      `{{ printf "%999999d" 1 }}`,
		"a width that is given":        `{{ printf "%*d" 999999 1 }}`,
		"a replacement":                long + double + `{{ replace "a" $x $x }}`,
		"a pattern's":                  long + double + `{{ regexReplaceAll "a" $x $x }}`,
		"a pattern's, that must":       long + double + `{{ mustRegexReplaceAllLiteral "a" $x $x }}`,
		"a join":                       long + double + `{{ join $x (list 1 2 3) }}`,
		"variables":                    long + double + `{{ expandenv (replace "a" "$X" $x) }}`,
		"a panic":                      `{{ substr -5 2 "x" }}`,
	} {
		if out, _, err := render("t", []byte("# enable-template\n"+text), map[string]string{"X": strings.Repeat("x", 1000)}); err == nil {
			t.Errorf("%s makes %d bytes", name, len(out))
		}
	}
	dockerized := `{{ .Env.X }}` + strings.Repeat(`{{ replace (replace .Env.X "x" .Env.X -1) "x" .Env.X -1 }}`, 2)
	if out, _, err := render("t", []byte(dockerized), map[string]string{"X": strings.Repeat("x", 1000)}); err == nil {
		t.Errorf("dockerize's replacement makes %d bytes", len(out))
	}
	usual := `{{ range splitList "," (env "LIST") }}{{ . | quote | indent 4 | replace "a" "b" }}{{ end }}{{ join "," (list 1 2) }}{{ printf "%05d" 7 }}{{ regexReplaceAll "a+" "caat" "u" }}`
	out, _, err := render("t", []byte("# enable-template\n"+usual), map[string]string{"LIST": "a,b"})
	if want := `    "b"    "b"1,200007cut`; err != nil || !strings.HasSuffix(string(out), want) {
		t.Errorf("the usual: %q, %v", out, err)
	}
}

// TestComposeIsBounded: variables of variables make no more than a container could be
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

// TestComposeOfTheUIAlone names the file that has no server.
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
