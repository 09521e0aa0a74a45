package diff

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// knobs are the choices that define a random policy, as texts.
type knobs map[string]string

// choices returns the possible values of each knob.
func choices() map[string][]string {
	statics := []string{"", `static_claim: {claim: "role" value: "admin"}`, `static_claim: {claim: "role" value: "admin" value: "auditor"}`,
		`static_claim: {claim: "role" value: "${ROLE}"}`, `static_claim: {claim: "role" pattern: "a.*"}`, `static_claim: {claim: "role" pattern: "admin|auditor"}`,
		`static_claim: {claim: "role" pattern: "[a-z]+"} static_claim: {claim: "role" value: "auditor"}`, `static_claim: {claim: "role" pattern: ".*"}`,
		`static_claim: {claim: "level" pattern: "5"}`, `static_claim: {claim: "level" value: "5"}`}
	issuers := func(option string) []string {
		return []string{"", option + `: "one"`, option + `: "one" ` + option + `: "two"`, option + `: "two" ` + option + `: "one"`, option + `: "${ISSUER}"`}
	}
	claims := []string{"", "claim: INCLUDE", "claim: EXTRACT", `claim: INCLUDE name: "k"`, `claim: EXTRACT name: "k"`, `claim: INCLUDE name: "a"`}
	return map[string][]string{
		"service":           {"", "{validate: BEARER_TOKEN %s}"},
		"service issuers":   issuers("bearer_token_issuer"),
		"service static":    statics,
		"method":            {"", "{}", "{validate: BEARER_TOKEN %s}", "{validate: MESSAGE}", "{validate: BEARER_TOKEN validate: MESSAGE %s}", "{validate: BEARER_TOKEN validate: MESSAGE %s}", "{validate: BEARER_TOKEN validate: MESSAGE sign: MESSAGE %s}"},
		"method issuers":    issuers("bearer_token_issuer"),
		"method static":     statics,
		"M by bearer token": {"", "", "", "option (kalix.message).jwt = {validate_bearer_token: true};"},
		"M token":           {"tok", "tok", "tok", "tok", "tok2", ""},
		"M issuers":         issuers("issuer"),
		"M static":          statics,
		"M bearer claim":    {"", "", `include_bearer_token_claim: "sub"`},
		"M expires":         {"", "", "expires_seconds: 60", "expires_seconds: -1"},
		"M.a":               claims,
		"M.b":               {"", "claim: INCLUDE", "claim: EXTRACT"},
		"M.b type":          {"int64", "int64", "optional int64", "int32"},
		"M.c":               {"", "claim: INCLUDE", "claim: DESCEND", "claim: NEST"},
		"M.list":            {"", "claim: NEST", "claim: INCLUDE"},
		"M.raw":             {"", "claim: RAW", "claim: INCLUDE"},
		"M.items":           {"", "token: true", "token: true"},
		"C.x":               claims,
		"N parent":          {"", "include_parent_claims: true", "include_parent_claims: true"},
		"N static":          {"", `static_claim: {claim: "a" value: "1"}`},
		"N.y":               claims,
	}
}

// usual returns choices with which most samples are accepted, so that a change has an
// effect.
func usual() knobs {
	return knobs{
		"method": "{validate: BEARER_TOKEN validate: MESSAGE %s}", "M token": "tok", "M.a": "claim: INCLUDE", "M.b": "claim: INCLUDE", "M.b type": "int64",
		"M.c": "claim: NEST", "M.items": "token: true", "C.x": "claim: INCLUDE", "N parent": "include_parent_claims: true", "N.y": "claim: INCLUDE",
	}
}

// drawKnobs returns the usual choices with some changed.
func drawKnobs(r *rand.Rand) knobs {
	k, all := usual(), choices()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if r.IntN(5) == 0 {
			k[name] = all[name][r.IntN(len(all[name]))]
		}
	}
	return k
}

// turned returns k with one or two knobs turned.
func (k knobs) turned(r *rand.Rand) knobs {
	all, other := choices(), maps.Clone(k)
	names := slices.Sorted(maps.Keys(all))
	for range 1 + r.IntN(2) {
		name := names[r.IntN(len(names))]
		other[name] = all[name][r.IntN(len(all[name]))]
	}
	return other
}

// source returns the policy as .proto text.
func (k knobs) source() string {
	option := func(kind, what string) string {
		text := k[what]
		if text == "" {
			return ""
		}
		if strings.Contains(text, "%s") {
			text = fmt.Sprintf(text, k[what+" issuers"]+" "+k[what+" static"])
		}
		return "option (kalix." + kind + ").jwt = " + text + ";"
	}
	field := func(text string) string {
		if strings.TrimSpace(text) == "" {
			return ""
		}
		return " [(kalix.field).jwt = {" + text + "}]"
	}
	token := func(name string) string {
		if k["M token"] != name {
			return ""
		}
		return field("token: true " + k["M issuers"] + k["M static"] + k["M bearer claim"] + k["M expires"])
	}
	return strings.NewReplacer(
		"SERVICE", option("service", "service"), "METHOD", option("method", "method"),
		"BEARER", k["M by bearer token"], "TOK2", token("tok2"), "TOK", token("tok"),
		"BTYPE", k["M.b type"], "MA", field(k["M.a"]), "MB", field(k["M.b"]), "MC", field(k["M.c"]), "ML", field(k["M.list"]), "MR", field(k["M.raw"]), "MI", field(k["M.items"]),
		"CX", field(k["C.x"]), "NT", field("token: true "+k["N parent"]+" "+k["N static"]), "NY", field(k["N.y"]),
	).Replace(`
service S { SERVICE rpc Do(M) returns (M) { METHOD } rpc Other(E) returns (E); }
message E {}
message M {
  BEARER
  string tok = 1TOK;
  string tok2 = 2TOK2;
  string a = 3MA;
  BTYPE b = 4MB;
  C c = 5MC;
  repeated C list = 6ML;
  map<string, string> raw = 7MR;
  repeated N items = 8MI;
}
message C { string x = 1CX; }
message N { string tok = 1NT; string y = 2NY; }
`)
}

// sample is one call: a message with tokens, and a bearer token.
type sample struct{ bearer, message string }

// drawSample draws a call that mostly matches: tokens have the same claims as the message,
// except for one or two. sign signs claims.
func drawSample(r *rand.Rand, sign func(claims string) string) sample {
	pick := func(usual string, others ...string) string {
		if r.IntN(12) > 0 {
			return usual
		}
		return others[r.IntN(len(others))]
	}
	roles := []string{``, `"role":"admin",`, `"role":"auditor",`, `"role":["admin","auditor"],`, `"role":["admin","z9"],`, `"role":"a9",`, `"role":"",`, `"role":5,`}
	mine := pick(pick("1", "2"), "2") // M's value of a, usually the same as in its token
	claims := func(a string) string {
		return "{" + pick(`"iss":"one",`, `"iss":"two",`, `"iss":"three",`, "") + pick(`"role":["admin","auditor"],`, roles...) +
			pick(`"level":"5",`, `"level":5,`, `"level":"x",`, "") + pick(`"sub":"s",`, `"sub":"t",`, "") + pick(`"a":"`+a+`",`, `"a":"2",`, "") + pick(`"k":"1",`, `"k":"2",`, "") +
			pick(`"b":1,`, `"b":0,`, `"b":2,`, "") + pick(`"c":{"x":"1","k":"1","a":"1"},`, `"c":{"x":"2"},`, "") + pick(`"list":[{"x":"1","k":"1","a":"1"}],`, `"list":[],`, `"list":[{}]`+",", "") +
			pick(`"raw":{"q":"1"},`, "") + pick(`"x":"1",`, `"x":"2",`, "") + pick(`"y":"1",`, `"y":"2",`, "") + `"z":1}`
	}
	token := func(name, a string) string { return pick(`"`+name+`":"`+sign(claims(a))+`",`, "") }
	return sample{
		bearer: pick(sign(claims(mine)), ""),
		message: "{" + token("tok", mine) + token("tok2", mine) + pick(`"a":"`+mine+`",`, "") + pick(`"b":1,`, `"b":0,`, `"b":2,`, "") +
			pick(`"c":{"x":"1"},`, `"c":{"x":"2"},`, `"c":{},`, "") + pick(`"list":[{"x":"1"}],`, `"list":[{"x":"2"}],`, `"list":[{},{}],`, "") + pick("", `"raw":{"q":"1"},`) +
			pick(`"items":[{`+token("tok", "1")+pick(`"y":"1"`, `"y":"2"`, `"y":""`)+`}]`, `"items":[]`) + "}",
	}
}
