package policycmd

import (
	"bytes"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/diff"
	"github.com/jwtctl/jwtctl/internal/explain"
	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/page"
	"github.com/jwtctl/jwtctl/internal/policy"
)

func diffFormats() []string { return append(finding.Formats(), "html") }

// writeDiffPage writes both versions side by side. Keys are those of the current version
// and not included.
func writeDiffPage(d command.Deps, o diffOptions, old *oldVersion, now *descset.Set, changes []diff.Change, inputs []string) error {
	c := page.Comparison{Changes: changes, OldName: o.against, NewName: "this version", Position: old.name}
	for set, view := range map[*descset.Set]**explain.View{old.set: &c.Old, now: &c.New} {
		v, err := explain.New(policy.Read(set), nil, explain.Options{})
		if err != nil {
			return err
		}
		*view = v
	}
	var text bytes.Buffer
	if err := page.Diff(&text, c, page.Options{Line: sourceLines(now, old.set)}); err != nil {
		return err
	}
	return d.WriteResult(o.out, text.Bytes(), 0o644, inputs)
}
