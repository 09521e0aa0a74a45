package template

import (
	"strings"
	"testing"
)

// TestWork: an execution ends when it has used up its work, wherever that was spent, and
// data that contains itself ends it.
func TestWork(t *testing.T) {
	t.Parallel()
	loop := map[string]any{}
	loop["a"] = []any{loop}
	data := map[string]any{"Loop": loop, "Text": strings.Repeat("x", 100), "List": []int{1, 2, 3}}
	for text, cost := range map[string]int{
		`text`:                       2 * nodeCost, // the list of nodes and the node
		`{{ .Text }}`:                2*nodeCost + 100,
		`{{ len .Text }}`:            2*nodeCost + 100,
		`{{ print .Text }}`:          2*nodeCost + 300, // given, returned and printed
		`{{ len .List }}`:            2*nodeCost + 3*elementCost,
		`{{ range .List }}{{ end }}`: 5 * nodeCost,
	} {
		for _, less := range []int{0, 1} {
			p, err := Parse("t", text, "", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			p.Work = cost - less
			if err := p.Execute(&strings.Builder{}, data); (err != nil) != (less == 1) {
				t.Errorf("%s for %d: %v", text, p.Work, err)
			}
		}
	}
	for _, text := range []string{`{{ .Loop }}`, `{{ len .Loop }}`} {
		p, err := Parse("t", text, "", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		p.Work = 1 << 60
		if err := p.Execute(&strings.Builder{}, data); err == nil {
			t.Errorf("%s passes", text)
		}
	}
}
