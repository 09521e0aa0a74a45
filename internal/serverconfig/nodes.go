package serverconfig

import (
	"go.yaml.in/yaml/v3"

	"github.com/jwtctl/jwtctl/internal/finding"
)

// members yields the keys and values of a mapping, its own before those from merge keys
// (<<).
func members(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		_ = eachMember(n, map[string]bool{}, map[*yaml.Node]bool{}, yield)
	}
}

// eachMember visits each mapping once: merge keys can be circular.
func eachMember(n *yaml.Node, seen map[string]bool, taken map[*yaml.Node]bool, yield func(key, value *yaml.Node) bool) bool {
	if n == nil || n.Kind != yaml.MappingNode || taken[n] {
		return true
	}
	taken[n] = true
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i], resolved(n.Content[i+1])
		switch {
		case key.Tag == "!!merge" && v.Kind == yaml.SequenceNode:
			merged = append(merged, v.Content...)
		case key.Tag == "!!merge":
			merged = append(merged, v)
		case !seen[key.Value]:
			seen[key.Value] = true
			if !yield(key, v) {
				return false
			}
		}
	}
	for _, m := range merged {
		if !eachMember(resolved(m), seen, taken, yield) {
			return false
		}
	}
	return true
}

func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// child returns the value of a key, or nil.
func child(n *yaml.Node, name string) *yaml.Node {
	for key, value := range members(n) {
		if key.Value == name {
			return value
		}
	}
	return nil
}

// document is a file whose YAML is read.
type document struct {
	file     string
	rendered bool // by a template, so that its line numbers mean nothing
}

func (d document) pos(n *yaml.Node) finding.Position {
	if d.rendered {
		return finding.Position{File: d.file}
	}
	return finding.Position{File: d.file, Line: n.Line, Column: n.Column}
}

func (d document) value(n *yaml.Node) Value {
	if n == nil || n.Kind != yaml.ScalarNode {
		return Value{}
	}
	v := Value{Text: n.Value, Set: true, Pos: d.pos(n)}
	if n.Tag == "!!null" {
		v.Text = ""
	}
	return v
}
