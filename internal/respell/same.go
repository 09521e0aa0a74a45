package respell

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/explain"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/lint"
	"github.com/jwtctl/jwtctl/internal/policy"
)

// Same returns an error unless two policies are the same: explain's JSON is the same,
// byte for byte, except positions and the spelling of options, and so are lint's
// findings.
func Same(before, after *policy.Policy) error {
	var texts [2]string
	for i, p := range []*policy.Policy{before, after} {
		text, err := plain(p)
		if err != nil {
			return err
		}
		texts[i] = text
	}
	if texts[0] == texts[1] {
		return nil
	}
	was, ok := strings.Split(texts[0], "\n"), strings.Split(texts[1], "\n")
	for i := range was {
		if i >= len(ok) || was[i] != ok[i] {
			got := "nothing"
			if i < len(ok) {
				got = strings.TrimSpace(ok[i])
			}
			return fault.New(fault.Internal, "the rewritten files", "their policy would differ: %s would become %s", strings.TrimSpace(was[i]), got)
		}
	}
	return fault.New(fault.Internal, "the rewritten files", "their policy would differ: %s would be added", strings.TrimSpace(ok[len(was)]))
}

// plain returns p without positions, in our spelling.
func plain(p *policy.Policy) (string, error) {
	v, err := explain.New(p, nil, explain.Options{})
	if err != nil {
		return "", err
	}
	data, err := v.JSON()
	if err != nil {
		return "", err
	}
	var tree any
	reader := json.NewDecoder(bytes.NewReader(data))
	reader.UseNumber()
	if err := reader.Decode(&tree); err != nil {
		return "", err
	}
	withoutPlaces(tree)
	if data, err = json.MarshalIndent(tree, "", " "); err != nil {
		return "", err
	}
	var found []string
	for _, f := range lint.Check(p, lint.Options{}) {
		found = append(found, fmt.Sprintf("%s %s %s", f.Severity, f.Rule, f.Subject))
	}
	slices.Sort(found)
	text := string(data) + "\n" + strings.Join(found, "\n")
	for _, kind := range descset.Kinds {
		text = strings.ReplaceAll(text, "(kalix."+kind+").jwt", "(jwtctl.v1."+kind+")")
	}
	return text, nil
}

// withoutPlaces clears the members of explain's JSON that are positions.
func withoutPlaces(value any) {
	switch value := value.(type) {
	case []any:
		for _, one := range value {
			withoutPlaces(one)
		}
	case map[string]any:
		for name, one := range value {
			switch name {
			case "from", "at", "token_from", "name_from", "replaces":
				value[name] = ""
			default:
				withoutPlaces(one)
			}
		}
	}
}
