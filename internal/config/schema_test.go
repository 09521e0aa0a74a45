package config

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// compiledSchema returns docs/jwtctl.schema.json, which internal/docs compares with the
// output of `jwtctl config schema`.
func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../docs/jwtctl.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource("jwtctl.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("jwtctl.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestConfigSchema: the schema and the strict loader accept the same files.
func TestConfigSchema(t *testing.T) {
	t.Parallel()
	schema := compiledSchema(t)
	agree := func(text string) (accepted bool) {
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if value == nil {
			value = map[string]any{} // an empty file
		}
		_, loads := Parse([]byte(text), Name)
		if fits := schema.Validate(value); (fits == nil) != (loads == nil) {
			t.Errorf("schema: %v\nloader: %v\n%s", fits, loads, text)
		}
		return loads == nil
	}
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"empty":                       {"", true},
		"example of cli.md":           {documented, true},
		"empty sections":              {"token:\nserve: {}\n", true},
		"no keys":                     {"keys: []", false}, // S87
		"rules":                       {"keys: [{file: a, audiences: [x, y], type: at+jwt, max_lifetime: 1h, max_age: 90s, require_expiry: true}]", true},
		"rules for a set":             {"key_sets: [{jwks: a, issuer: b, audiences: [x], type: at+jwt, max_lifetime: 1h, max_age: 90s, require_expiry: false}]", true},
		"no audience":                 {"keys: [{file: a, audiences: []}]", false},
		"empty audience":              {"keys: [{file: a, audiences: [\"\"]}]", false},
		"one audience":                {"keys: [{file: a, audiences: x}]", false},
		"no token type":               {"keys: [{file: a, type: \"\"}]", false},
		"no lifetime":                 {"keys: [{file: a, max_lifetime: 0s}]", false},
		"negative age":                {"key_sets: [{jwks: a, max_age: -1h}]", false},
		"number as age":               {"key_sets: [{jwks: a, max_age: 60}]", false},
		"string as require_exp":       {"key_sets: [{jwks: a, require_expiry: \"yes\"}]", false},
		"no algorithm":                {"key_sets: [{jwks: a, allowed_algorithms: []}]", false},
		"empty issuer":                {"keys: [{file: a, issuer: \"\"}]", false},
		"any issuer":                  {"inspect: {iss: []}", false},
		"empty type":                  {"inspect: {typ: \"\"}", false},
		"no messages":                 {"messages: []", false},
		"string for a list":           {"protos: a.proto\nlint: {strict: true}\n", true},
		"claims":                      {"token: {claims: {a.B: [1, {c: null}]}}", true},
		"unknown":                     {"keyz: []", false},
		"dotted key, incomplete":      {"\"color\\tstring\": always", false},
		"dotted key":                  {"\"a\\ncolor\": always", false},
		"dot in a key":                {"token.ttl: 5m", false},
		"unknown key in section":      {"token: {tll: 5m}", false},
		"unknown key in list":         {"keys: [{file: a, alg: ES256}]", false},
		"two locations":               {"keys: [{file: a, secret: \"env:A\"}]", false},
		"no location":                 {"keys: [{id: a}]", false},
		"secret in plain text":        {"keys: [{secret: hunter2}]", false},
		"bad algorithm":               {"keys: [{file: a, algorithm: es256}]", false},
		"number as duration":          {"leeway: 5", false},
		"bad duration":                {"leeway: 5 minutes", false},
		"zero interval":               {"key_sets: [{jwks: a, refresh_interval: 0s}]", false},
		"negative interval":           {"key_sets: [{jwks: a, refresh_interval: -5s}]", false},
		"interval":                    {"key_sets: [{jwks: a, refresh_interval: 1h30m}]", true},
		"discovery":                   {"key_sets: [{oidc_discovery: true, issuer: \"https://a.test\"}]", true},
		"discovery without an issuer": {"key_sets: [{oidc_discovery: true}]", false},
		"discovery and url":           {"key_sets: [{oidc_discovery: true, issuer: a, jwks: b}]", false},
		"no discovery":                {"key_sets: [{oidc_discovery: false, issuer: a}]", false},
		"method and type":             {"messages: [{files: a, method: b/C, type: d}]", false},
		"no type":                     {"messages: [{files: a}]", false},
		"number as bool":              {"lint: {strict: 1}", false},
		"list as text":                {"token: {sub: [a]}", false},
		"text as int":                 {"keygen: {rsa_bits: \"2048\"}", false},
		"list as document":            {"- a", false},
		"users and clients":           {"idp: {users: [{name: a, permissions: [\"b:read\"], roles: [c], groups: [d], claims: {e: 1}}], clients: [{id: f, secret: g, redirects: [h], audiences: [i], faults: [expired]}]}", true},
		"user without a name":         {"idp: {users: [{roles: [a]}]}", false},
		"no users":                    {"idp: {users: []}", false},
		"client without an id":        {"idp: {clients: [{secret: a}]}", false},
		"empty secret":                {"idp: {clients: [{id: a, secret: \"\"}]}", false},
		"one redirect":                {"idp: {clients: [{id: a, redirects: b}]}", false},
		"unknown key in client":       {"idp: {clients: [{id: a, redirect: [b]}]}", false},
		"one of the allowed words":    {"verify: {format: junit}\ncolor: never\n", true},
		"word of another option":      {"verify: {format: sarif}", false},
		"empty word":                  {"proxy: {log_format: \"\"}", false},
		"no word":                     {"color: true", false},
	} {
		if got := agree(c.text); got != c.want {
			t.Errorf("%s: got accepted %v, want %v", name, got, c.want)
		}
	}

	accepted := 0
	r := rand.New(rand.NewPCG(1, 2))
	g := configGen{r, allKeys()}
	for range 5000 {
		text, err := yaml.Marshal(g.file())
		if err != nil {
			t.Fatal(err)
		}
		if agree(string(text)) {
			accepted++
		}
	}
	if accepted < 500 || accepted > 4500 {
		t.Errorf("%d of 5000 random files accepted: too few to prove anything", accepted)
	}
}

// documented is the file of cli.md.
const documented = `
proto_paths: [proto]
protos: ["proto/**/*.proto"]
descriptor_sets: [build/api.binpb]
keys:
  - {id: my-key, algorithm: ES256, issuer: my-issuer, file: key.priv.pem}
  - {id: shared, algorithm: HS256, issuer: partner, secret: "env:PARTNER_SECRET"}
key_sets:
  - {issuer: "https://example.com", jwks: "https://example.com/.well-known/jwks.json", allowed_algorithms: [ES256], refresh_interval: 30m}
  - {issuer: "https://accounts.example.org", oidc_discovery: true}
messages:
  - {files: "requests/*.json", method: com.example.JwtServiceAction/JwtInMessage}
  - {files: "tokens/*.json", type: com.example.MyRequestWithToken}
leeway: 30s
`

func allKeys() (list []string) {
	for key := range keysOf(table) {
		list = append(list, key)
	}
	return list
}

// configGen generates files that are valid, or invalid in one or two places.
type configGen struct {
	*rand.Rand
	keys []string
}

func (g configGen) one(list ...any) any { return list[g.IntN(len(list))] }

// value returns a value of any type; "5m", true, 7 and lists are each valid for some
// flag.
func (g configGen) value() any {
	return g.one("5m", "5m", "x", "x", "json", true, 7, []any{"a", "b"}, "", "1h2", "-3s", 1.5, nil, []any{1}, map[string]any{})
}

func (g configGen) file() map[string]any {
	out := map[string]any{}
	for range g.IntN(3) {
		section, name, nested := strings.Cut(g.keys[g.IntN(len(g.keys))], ".")
		if g.IntN(20) == 0 {
			name += "x"
		}
		if !nested {
			out[section] = g.value()
		} else if inner, ok := out[section].(map[string]any); ok {
			inner[name] = g.value()
		} else {
			out[section] = map[string]any{name: g.value()}
		}
	}
	for list, fields := range map[string]map[string][]any{
		"keys":     {"id": {"a", 5}, "algorithm": {"ES256", "HMD5", ""}, "file": {"k.pem"}, "secret": {"env:A", "plain"}},
		"key_sets": {"issuer": {"i", ""}, "jwks": {"j", "https://a.test/j"}, "oidc_discovery": {true, false, "yes"}, "allowed_algorithms": {[]any{"ES256"}, []any{"x"}, "ES256"}, "refresh_interval": {"5m", "0s", "soon", 5}},
		"messages": {"files": {"*.json", ""}, "method": {"a.B/C", ""}, "type": {"a.B", ""}, "x": {1}},
	} {
		if g.IntN(3) > 0 {
			continue
		}
		entry := map[string]any{}
		for name, values := range fields {
			if g.IntN(2) == 0 {
				entry[name] = values[g.IntN(len(values))]
			}
		}
		out[list] = []any{entry}
	}
	return out
}
