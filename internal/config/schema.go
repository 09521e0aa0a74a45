package config

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// object is a JSON object.
type object = map[string]any

// Schema returns the JSON Schema (2020-12) of the file, indented: what Parse accepts for
// the keys of flags, and for the lists. `jwtctl config check` checks what a schema cannot
// express, such as whether a key can be read.
func Schema() ([]byte, error) { return SchemaOf(table) }

// SchemaOf is Schema for a table of other flags.
func SchemaOf(rows string) ([]byte, error) {
	properties := object{}
	in := func(section string) object { return properties[section].(object)["properties"].(object) }
	for key, kind := range keysOf(rows) {
		section, name, nested := strings.Cut(key, ".")
		if !nested {
			properties[key] = kind.schema()
			continue
		}
		if properties[section] == nil {
			properties[section] = mapping(object{})
			properties[section].(object)["description"] = "what jwtctl " + strings.ReplaceAll(section, "_", "-") + " does by default: its flags"
		}
		in(section)[name] = kind.schema()
	}
	for key, begin := range lists() { // instead of what their flags accept
		section, name, nested := strings.Cut(key, ".")
		switch {
		case !nested:
			properties[key] = listOf(begin(&reader{}).schema())
		case properties[section] != nil:
			in(section)[name] = listOf(begin(&reader{}).schema())
		}
	}
	claims := claimsSchema()
	claims["description"] = "claims of every token, by name"
	in("token")["claims"] = claims
	schema := mapping(properties)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = Name
	schema["description"] = "configuration of jwtctl; paths in it are relative to its directory"
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fault.New(fault.Internal, "schema", "%w", err)
	}
	return append(text, '\n'), nil
}

// mapping returns the schema of a YAML mapping with only these properties; it may be
// empty.
func mapping(properties object) object {
	return object{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
}

func (e entry) schema() object {
	properties := object{}
	for name, m := range e.members {
		s := m.schema()
		if m.description != "" {
			s["description"] = m.description
		}
		properties[name] = s
	}
	whole := mapping(properties)
	whole["type"] = "object"
	maps.Copy(whole, e.extraSchema)
	return whole
}

// required requires a property.
func required(name string) object { return object{"required": []string{name}} }

func listOf(item object) object { return object{"type": "array", "minItems": 1, "items": item} }

func textSchema() object      { return object{"type": "string", "minLength": 1} }
func secretSchema() object    { return object{"type": "string", "pattern": "^env:."} }
func algorithmSchema() object { return object{"enum": keys.Algorithms()} }
func claimsSchema() object    { return object{"type": []string{"object", "null"}} }

// positiveSchema returns the schema of a duration greater than 0.
func positiveSchema() object {
	return object{"type": "string", "pattern": durationPattern, "not": object{"pattern": "^-|^[^1-9]*$"}}
}

// durationPattern matches what time.ParseDuration accepts.
const durationPattern = `^[+-]?(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`

func (k Kind) schema() object {
	s := object{"description": k.Usage}
	switch {
	case k.Choices != nil:
		s["enum"] = k.Choices
	case k.Type == "bool":
		s["type"] = "boolean"
	case k.Type == "int":
		s["type"] = "integer"
	case k.Type == "duration":
		s["type"], s["pattern"] = "string", durationPattern
	case k.Type == "stringArray":
		s["oneOf"] = []object{textSchema(), listOf(textSchema())}
	default:
		s["type"], s["minLength"] = "string", 1
	}
	return s
}
