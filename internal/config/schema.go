package config

import (
	"encoding/json"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// object is a JSON object to be.
type object = map[string]any

// Schema returns the JSON Schema (2020-12) of the file, as indented JSON: what
// Parse accepts of the keys that flags have, and of the lists. What a schema
// cannot say, such as whether a key can be read, is for `jwtctl
// config check`.
func Schema() ([]byte, error) { return SchemaOf(table) }

// SchemaOf is Schema for a table of other flags.
func SchemaOf(rows string) ([]byte, error) {
	properties := object{"keys": listOfEntries(keyEntrySchema()), "key_sets": listOfEntries(keySetEntrySchema()), "messages": listOfEntries(messageEntrySchema())}
	for key, kind := range keysOf(rows) {
		section, name, nested := strings.Cut(key, ".")
		switch {
		case properties[key] != nil: // a list, which is more than its flag
		case !nested:
			properties[key] = kind.schema()
		default:
			if properties[section] == nil {
				properties[section] = mapping(object{})
				properties[section].(object)["description"] = "what jwtctl " + strings.ReplaceAll(section, "_", "-") + " does unless a flag or variable says otherwise"
			}
			properties[section].(object)["properties"].(object)[name] = kind.schema()
		}
	}
	properties["token"].(object)["properties"].(object)["claims"] = object{
		"type": []string{"object", "null"}, "description": "claims of every token, by their names",
	}
	if idp, ok := properties["idp"].(object); ok {
		lists := idp["properties"].(object)
		lists["users"], lists["clients"] = listOfEntries(userEntrySchema()), listOfEntries(clientEntrySchema())
	}
	schema := mapping(properties)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = Name
	schema["description"] = "configuration of jwtctl; paths in it are relative to its folder"
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fault.New(fault.Internal, "schema", "%w", err)
	}
	return append(text, '\n'), nil
}

// mapping is a YAML mapping with these properties and no other; it may be empty.
func mapping(properties object) object {
	return object{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
}

func listOfEntries(entry object) object {
	return object{"type": "array", "minItems": 1, "items": entry}
}

// durationPattern is what time.ParseDuration takes.
const durationPattern = `^[+-]?(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`

func (k Kind) schema() object {
	s := object{"description": k.Usage}
	text := object{"type": "string", "minLength": 1}
	switch {
	case k.Words != nil:
		s["enum"] = k.Words
	case k.Type == "bool":
		s["type"] = "boolean"
	case k.Type == "int":
		s["type"] = "integer"
	case k.Type == "duration":
		s["type"], s["pattern"] = "string", durationPattern
	case k.Type == "stringArray":
		s["oneOf"] = []object{text, {"type": "array", "minItems": 1, "items": text}}
	default:
		s["type"], s["minLength"] = "string", 1
	}
	return s
}

func algorithmSchema() object { return object{"enum": keys.Algorithms()} }

func keyEntrySchema() object {
	entry := mapping(withRules(object{
		"id":        object{"type": "string", "minLength": 1, "description": "key id; by default the file's own, else the RFC 7638 thumbprint"},
		"algorithm": algorithmSchema(),
		"issuer":    object{"type": "string", "minLength": 1, "description": "the issuer whose tokens it signs and verifies"},
		"file":      object{"type": "string", "minLength": 1, "description": "PEM, JWK or JWKS"},
		"secret":    object{"type": "string", "pattern": "^env:.", "description": "env:NAME, the variable that holds the secret of HS256, HS384 or HS512"},
	}))
	entry["type"] = "object"
	entry["oneOf"] = []object{{"required": []string{"file"}}, {"required": []string{"secret"}}}
	return entry
}

// positiveSchema is that of a duration greater than 0.
func positiveSchema(description string) object {
	return object{"type": "string", "pattern": durationPattern, "not": object{"pattern": "^-|^[^1-9]*$"}, "description": description}
}

// withRules adds the rules for the tokens of an issuer to the properties of an
// entry.
func withRules(properties object) object {
	text := object{"type": "string", "minLength": 1}
	properties["audiences"] = object{"type": "array", "minItems": 1, "items": text, "description": "audiences of which aud must hold one, in every token of the issuer"}
	properties["type"] = object{"type": "string", "minLength": 1, "description": "typ that every token of the issuer must have, such as at+jwt"}
	properties["max_lifetime"] = positiveSchema("how far exp may be from iat; both are then required")
	properties["max_age"] = positiveSchema("how long ago iat may be; it is then required")
	properties["require_expiry"] = object{"type": "boolean", "description": "refuse tokens of the issuer without exp"}
	return properties
}

func keySetEntrySchema() object {
	yes := object{"const": true}
	entry := mapping(withRules(object{
		"issuer":             object{"type": "string", "minLength": 1, "description": "the issuer whose tokens it verifies"},
		"jwks":               object{"type": "string", "minLength": 1, "description": "file or URL of the JWK set"},
		"oidc_discovery":     object{"type": "boolean", "description": "take the set that the issuer's OpenID configuration names"},
		"allowed_algorithms": object{"type": "array", "minItems": 1, "items": algorithmSchema()},
		"refresh_interval":   positiveSchema("age at which the set is fetched again"),
	}))
	entry["type"] = "object"
	discovered := object{"required": []string{"oidc_discovery"}, "properties": object{"oidc_discovery": yes}}
	located := object{"required": []string{"jwks"}}
	entry["oneOf"] = []object{discovered, located}
	entry["if"] = discovered
	entry["then"] = object{"required": []string{"issuer"}}
	return entry
}

func messageEntrySchema() object {
	entry := mapping(object{
		"files":  object{"type": "string", "minLength": 1, "description": "pattern of paths, with * and **"},
		"method": object{"type": "string", "minLength": 1, "description": "pkg.Service/Method whose policy applies"},
		"type":   object{"type": "string", "minLength": 1, "description": "pkg.Message whose annotations apply"},
	})
	entry["type"] = "object"
	entry["required"] = []string{"files"}
	entry["oneOf"] = []object{
		{"required": []string{"method"}},
		{"required": []string{"type"}},
	}
	return entry
}
