package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// reader walks the nodes of a YAML document, so that every error has a line and nothing
// is converted silently.
type reader struct {
	path   string
	out    *File
	faults []error
}

// maxFaults is the maximum number of errors that are reported.
const maxFaults = 20

// Parse is Read for the content of a file called path.
func Parse(data []byte, path string) (*File, error) {
	r := &reader{path: path, out: &File{Path: path, values: map[string]any{}, lines: map[string]int{}}}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return r.out, nil // an empty file says nothing
	case err != nil:
		f := fault.New(fault.ConfigInvalid, path, "not valid YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
		if bytes.Contains(data, []byte("\n\t")) {
			f = f.WithHint("YAML indents with spaces, not tabs")
		}
		return nil, f
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.ConfigInvalid, path, "more than one YAML document")
	}
	r.root(doc.Content[0])
	r.shareRules()
	if len(r.faults) > 0 {
		return nil, errors.Join(r.faults...)
	}
	return r.out, nil
}

// fail records an error at the line of n.
func (r *reader) fail(n *yaml.Node, key, format string, args ...any) {
	r.failHint(n, key, "", format, args...)
}

// failHint is fail with a hint.
func (r *reader) failHint(n *yaml.Node, key, hint, format string, args ...any) {
	if len(r.faults) == maxFaults {
		return
	}
	where := fmt.Sprintf("%s:%d", r.path, n.Line)
	if key != "" {
		where += ": " + quote.Printable(key)
	}
	f := fault.New(fault.ConfigInvalid, where, format, args...)
	if hint != "" {
		f = f.WithHint("%s", hint)
	}
	r.faults = append(r.faults, f)
}

// fields calls fn with each key and value of the mapping n.
func (r *reader) fields(n *yaml.Node, key string, fn func(name string, at, value *yaml.Node)) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, key, "must be a mapping (name: value)")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		switch {
		case name.Kind != yaml.ScalarNode || name.Tag == "!!merge":
			r.fail(name, key, "names must be plain text")
		case value.Kind == yaml.AliasNode:
			r.fail(value, join(key, name.Value), "aliases are not allowed; write the value out")
		case seen[name.Value]:
			r.fail(name, join(key, name.Value), "duplicate key")
		default:
			seen[name.Value] = true
			fn(name.Value, name, value)
		}
	}
}

// items calls fn with each element of the sequence n.
func (r *reader) items(n *yaml.Node, key string, fn func(key string, item *yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, key, "must be a list")
		return
	}
	if len(n.Content) == 0 {
		r.failHint(n, key, "remove it, or add entries", "the list is empty")
	}
	for i, item := range n.Content {
		fn(fmt.Sprintf("%s[%d]", key, i), item)
	}
}

// text returns the string n, which must not be empty: an empty value would look like a
// restriction but permit anything (S87).
func (r *reader) text(n *yaml.Node, key string) string {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		hint := ""
		if n.Kind == yaml.ScalarNode {
			hint = "put it in quotes if it is meant as text"
		}
		r.failHint(n, key, hint, "must be a string")
		return ""
	}
	if n.Value == "" {
		r.failHint(n, key, "remove it, or give it a value", "must not be empty")
	}
	return n.Value
}

// unknown refuses a key, suggesting the one that was probably meant.
func (r *reader) unknown(at *yaml.Node, key string, known []string) {
	hint := "allowed here: " + strings.Join(known, ", ")
	name := strings.ReplaceAll(at.Value, "-", "_")
	var nested []string
	for other := range keysOf(table) {
		if key == at.Value && strings.HasSuffix(other, "."+name) {
			nested = append(nested, other)
		}
	}
	section, inner, _ := strings.Cut(key, ".")
	_, dotted := lookup(at.Value)
	switch like := Nearest(at.Value, known); {
	case dotted && key == at.Value:
		hint = fmt.Sprintf("write %s: {%s: …}", section, inner)
	case slices.Contains([]string{"force", "no_expiry", "now", "dev", "at"}, name) && key != at.Value:
		hint = "--" + strings.ReplaceAll(name, "_", "-") + " can only be set on the command line"
	case name == "gen_and_serve":
		hint = "its settings are under keygen and serve"
	case like != "":
		hint = "did you mean " + like + "?"
	case len(nested) > 0 && len(nested) <= 6:
		hint = "did you mean " + strings.Join(nested, " or ") + "?"
	}
	r.failHint(at, key, hint, "unknown key")
}

// root reads the top level of the file: the lists, then the settings of flags.
func (r *reader) root(n *yaml.Node) {
	r.fields(n, "", func(name string, at, value *yaml.Node) {
		kind, known := lookup(name)
		switch {
		case r.readList(name, value):
		case known && !strings.Contains(name, "."):
			r.value(name, kind, at, value)
		case hasSection(name):
			r.section(name, value)
		default:
			r.unknown(at, name, namesIn(""))
		}
	})
}

// namesIn returns the names in a section; "" is the top level.
func namesIn(section string) []string {
	var names []string
	add := func(key string) {
		outer, name, nested := strings.Cut(key, ".")
		switch {
		case section == "":
			names = append(names, outer)
		case nested && outer == section:
			names = append(names, name)
		}
	}
	for key := range lists() {
		add(key)
	}
	for key := range keysOf(table) {
		add(key)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// section reads the settings of one command.
func (r *reader) section(section string, n *yaml.Node) {
	r.fields(n, section, func(name string, at, value *yaml.Node) {
		key := join(section, name)
		kind, known := lookup(key)
		switch {
		case key == "token.claims":
			r.claims(value, key)
		case r.readList(key, value):
		case known:
			r.value(key, kind, at, value)
		default:
			r.unknown(at, key, namesIn(section))
		}
	})
}

// value reads the value of a flag's key, which must be of exactly the flag's type.
func (r *reader) value(key string, kind Kind, at, n *yaml.Node) {
	r.out.lines[key] = at.Line
	switch t := kind.Type; {
	case t == "stringArray" && n.Kind == yaml.SequenceNode:
		list := []string{}
		r.items(n, key, func(key string, item *yaml.Node) { list = append(list, r.text(item, key)) })
		r.out.values[key] = list
	case t == "bool" && n.Tag == "!!bool", t == "int" && n.Tag == "!!int":
		r.out.values[key] = []string{n.Value}
	case t == "duration" && n.Tag == "!!str":
		if _, err := time.ParseDuration(n.Value); err != nil {
			r.failHint(n, key, durationHint(n.Value), "%q: %s", quote.Printable(n.Value), kind.Needed())
		}
		r.out.values[key] = []string{n.Value}
	case (t == "string" || t == "stringArray") && n.Tag == "!!str":
		if kind.Choices != nil && !slices.Contains(kind.Choices, n.Value) {
			r.fail(n, key, "%q %s", quote.Printable(n.Value), kind.Needed())
			return
		}
		r.out.values[key] = []string{r.text(n, key)}
	case t == "duration":
		r.failHint(n, key, durationHint(n.Value), "%s", kind.Needed())
	case key == "token.claim" && n.Kind == yaml.MappingNode:
		r.failHint(n, key, "token.claims takes a mapping", "must be a string or a list of strings")
	case t == "string" || t == "stringArray":
		r.text(n, key)
	default:
		r.fail(n, key, "%s", kind.Needed())
	}
}

// algorithm returns the algorithm that n names.
func (r *reader) algorithm(n *yaml.Node, key string) keys.Algorithm {
	before := len(r.faults)
	name := r.text(n, key)
	if len(r.faults) > before {
		return ""
	}
	alg, err := keys.ParseAlgorithm(name)
	if err != nil {
		hint := ""
		if f, ok := errors.AsType[*fault.Error](err); ok {
			hint = f.Hint
		}
		r.failHint(n, key, cmp.Or(hint, "use an algorithm such as ES256, RS256 or EdDSA"), "unknown algorithm %q", quote.Printable(name))
	}
	return alg
}

func join(section, name string) string {
	if section == "" {
		return name
	}
	return section + "." + name
}
