package explain

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

// TestNamesSelectWhatIsExplained: names select what is explained.
func TestNamesSelectWhatIsExplained(t *testing.T) {
	t.Parallel()
	p := protokit.File(t, fixtures+"/nested.proto")
	rows := map[string]struct {
		names             []string
		methods, messages []string
		hint              string
	}{
		"all":                         {nil, []string{"Receive", "Send", "Ship"}, []string{"Parcel", "Seal", "Container", "Label"}, ""},
		"a service":                   {[]string{"examples.nested.Parcels"}, []string{"Receive", "Send", "Ship"}, []string{"Parcel", "Seal", "Container", "Label"}, ""},
		"a method":                    {[]string{"examples.nested.Parcels/Ship"}, []string{"Ship"}, []string{"Container", "Label"}, ""},
		"a message":                   {[]string{"examples.nested.Seal"}, nil, []string{"Seal"}, ""},
		"message without annotations": {[]string{"examples.nested.Address"}, nil, []string{"Address"}, ""},
		"two names in any order":      {[]string{"examples.nested.Seal", "examples.nested.Parcels/Receive"}, []string{"Receive"}, []string{"Parcel", "Seal"}, ""},
		"typo":                        {[]string{"examples.nested.Parcels/Shop"}, nil, nil, "did you mean examples.nested.Parcels/Ship?"},
		"dot instead of slash":        {[]string{"examples.nested.Parcels.Send"}, nil, nil, "did you mean examples.nested.Parcels/Send?"},
		"leading slash":               {[]string{"/examples.nested.Parcels/Send"}, nil, nil, "did you mean examples.nested.Parcels/Send?"},
		"only the last part":          {[]string{"label"}, nil, nil, "did you mean examples.nested.Label?"},
		"only the method":             {[]string{"Receive"}, nil, nil, "did you mean examples.nested.Parcels/Receive?"},
		"no similar name":             {[]string{"zzz"}, nil, nil, "use full names: pkg.Service/Method, pkg.Service or pkg.Message"},
		"empty":                       {[]string{""}, nil, nil, "use full names: pkg.Service/Method, pkg.Service or pkg.Message"},
		"far too long":                {[]string{strings.Repeat("examples.", 1e6)}, nil, nil, "use full names: pkg.Service/Method, pkg.Service or pkg.Message"},
		"one known, one unknown":      {[]string{"examples.nested.Seal", "examples.nested.Sael"}, nil, nil, "did you mean examples.nested.Seal?"},
		"escapes are shortened":       {[]string{"\x1b[31m"}, nil, nil, "use full names: pkg.Service/Method, pkg.Service or pkg.Message"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := New(p, row.names, Options{})
			if row.hint != "" {
				var e *fault.Error
				if !errors.As(err, &e) || e.Code != fault.UsageError || e.Hint != row.hint || len(e.Error()) > 300 || strings.Contains(e.Error(), "\x1b") {
					t.Errorf("got %#v, want the hint %q", err, row.hint)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var methods, messages []string
			for _, m := range v.Methods {
				methods = append(methods, strings.TrimPrefix(m.Name, "examples.nested.Parcels/"))
			}
			for _, m := range v.Messages {
				messages = append(messages, strings.TrimPrefix(m.Name, "examples.nested."))
			}
			if !slices.Equal(methods, row.methods) || !slices.Equal(messages, row.messages) {
				t.Errorf("got %v and %v, want %v, %v", methods, messages, row.methods, row.messages)
			}
		})
	}
}

// TestA20_NamesKeysThatMayValidate: the keys that may validate a token are listed, and the
// one that signs it (A23).
func TestA20_NamesKeysThatMayValidate(t *testing.T) {
	t.Parallel()
	a, b, free := Key{ID: "a", Issuer: "A"}, Key{ID: "b", Issuer: "B", CanSign: true}, Key{ID: "free", CanSign: true}
	set := Key{Source: "https://a", Issuer: "A"}
	rows := map[string]struct {
		keys             []Key
		issuers          []Text
		validate, signer string // the IDs, with ";" between issuers; null if unknown
	}{
		"any issuer":                        {[]Key{a, b, free, set}, nil, "a b free set", "b"},
		"bound keys and sets":               {[]Key{a, b, free, set}, []Text{{Value: "A"}}, "a set", "free"},
		"unbound key only if none is bound": {[]Key{a, b, free}, []Text{{Value: "C"}}, "free", "free"},
		"several":                           {[]Key{a, b, free}, []Text{{Value: "B"}, {Value: "C"}}, "b;free", "b"},
		"no key for the issuer":             {[]Key{a, b}, []Text{{Value: "C"}}, "", ""},
		"no key":                            {[]Key{}, nil, "", ""},
		"not known":                         {nil, nil, "null", "null"},
		"from the environment":              {[]Key{a, b, free}, []Text{{Value: "${X}", Environment: []string{"X"}}}, "null", "null"},
	}
	ids := func(list ...KeyChoice) string {
		var all []string
		for _, c := range list {
			var one []string
			for _, k := range c.Keys {
				one = append(one, map[bool]string{true: "set"}[k.ID == ""]+k.ID)
			}
			if c.Keys == nil {
				one = []string{"null"}
			}
			if c.Rule == "" || strings.Contains(c.Rule, "refused") == (len(one) > 0) {
				all = append(all, "wrong rule: "+c.Rule)
			}
			all = append(all, strings.Join(one, " "))
		}
		return strings.Join(all, ";")
	}
	for name, row := range rows {
		o := Options{Keys: row.keys, HaveKeys: row.keys != nil}
		if got := ids(o.validating(row.issuers)...); got != row.validate {
			t.Errorf("%s: validated by %q, want %q", name, got, row.validate)
		}
		if got := ids(o.signing(row.issuers)); got != row.signer {
			t.Errorf("%s: signed by %q, want %q", name, got, row.signer)
		}
	}
}

// TestA49_TokenMayBeAbsent: if a request may have no token, the output for the
// method reports it, and no claim is described as required without one.
func TestA49_TokenMayBeAbsent(t *testing.T) {
	t.Parallel()
	const text = `syntax = "proto2"; package x; import "kalix/annotations.proto";
service S { rpc Do(A) returns (A) { option (kalix.method).jwt = {validate: MESSAGE}; } }
message A { CARDINALITY B b = 1 [(kalix.field).jwt = {token: true}]; optional string a = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }
message B { optional string tok = 1 [(kalix.field).jwt = {token: true}]; optional string c = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }`
	for cardinality, optional := range map[string]bool{"optional": true, "repeated": true, "required": false} {
		v := view(t, source(t, strings.Replace(text, "CARDINALITY", cardinality, 1)), Options{})
		got := squeeze(textOf(t, v, TextOptions{Width: 300}))
		if has := strings.Contains(got, "no token required"); has != optional || v.Methods[0].Request.TokenOptional != optional {
			t.Errorf("%s: got optional %v, %v, in\n%s", cardinality, has, v.Methods[0].Request.TokenOptional, got)
		}
		if !strings.Contains(v.Messages[0].Claims[0].Meaning, "and there is a token") {
			t.Errorf("%s: A.a %s, want %q in it", cardinality, v.Messages[0].Claims[0].Meaning, "and there is a token")
		}
		if strings.Contains(v.Messages[1].Claims[0].Meaning, "there is a token") {
			t.Errorf("%s: B.c %s", cardinality, v.Messages[1].Claims[0].Meaning)
		}
	}
}

// TestA100_CyclesAreReported: cycles are described and drawn in red, and recursion through
// token: true ends and is not reported as one.
func TestA100_CyclesAreReported(t *testing.T) {
	t.Parallel()
	v := view(t, source(t, loop), Options{})
	text := squeeze(textOf(t, v, TextOptions{Width: 300, Paint: func(style, text string) string {
		if style == StyleBad {
			return "RED(" + text + ")"
		}
		return text
	}}))
	for _, want := range []string{
		"CYCLE 2 steps RED(x.A.child (DESCEND) → x.B)", "RED(x.B.back (NEST) → x.A)", "CYCLE 1 step RED(x.B.me (NEST) → x.B)",
		"RED(leads back to x.A; lint reports an error)", "nested again: x.A, by its own token, if set", "x.A.again: back, self, x",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	if len(v.Cycles) != 2 {
		t.Errorf("%d cycles, want 2", len(v.Cycles))
	}
	for _, format := range []string{"mmd", "dot"} {
		if got := string(formats(t, v)[format]); !strings.Contains(got, "red") {
			t.Errorf("nothing is red in\n%s", got)
		}
		if got := string(formats(t, view(t, source(t, strings.ReplaceAll(hostile, "evil", "x")), Options{}))[format]); strings.Contains(got, "=red") || strings.Contains(got, ":red") {
			t.Errorf("without a cycle something is red in\n%s", got)
		}
	}
	if v := view(t, source(t, loop+`message C { string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }`), Options{}, "x.C"); len(v.Cycles) > 0 {
		t.Error("cycles of messages that were not selected")
	}
}

// TestHugePoliciesAreBounded explains a few messages with more claims than fit into
// memory.
func TestHugePoliciesAreBounded(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"NEST", "DESCEND"} {
		var b strings.Builder
		for i := range 20 {
			fmt.Fprintf(&b, "message M%d { string t = 4 [(kalix.field).jwt = {token: true include_parent_claims: true}]; M%d n = 5 [(kalix.field).jwt = {token: true}];\n", i, i+1)
			fmt.Fprintf(&b, "M%d a = 1 [(kalix.field).jwt = {claim: %s name: \"a%d\"}]; M%d b = 2 [(kalix.field).jwt = {claim: %s name: \"b%d\"}]; }\n", i+1, action, i, i+1, action, i)
		}
		b.WriteString("message M20 { string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; string y = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }\n")
		p := source(t, b.String())
		v := view(t, p, Options{})
		first, last := v.Messages[0], v.Messages[len(v.Messages)-1]
		if n := count(first.Claims); n < maxClaims/4 || n > maxClaims+2 {
			t.Errorf("%s: %d claims", action, n)
		}
		cut := func(n Note) bool { return strings.Contains(n.Text, "more claims than are listed here") }
		if !slices.ContainsFunc(first.Notes, cut) || slices.ContainsFunc(last.Notes, cut) {
			t.Errorf("%s: omission not reported, or reported wrongly: %+v, %+v", action, first.Notes, last.Notes)
		}
		// The total is used up, but a message's own fields are still listed.
		poor := builder{policy: p, uses: usesOf(p), onCycle: p.OnCycle(), left: 3, flat: policy.Flattener{Budget: 3}}
		if a, b := poor.message(p.Messages[0]), poor.message(p.Messages[18]); count(a.Claims)+count(b.Claims) > 7 || !slices.ContainsFunc(b.Notes, func(n Note) bool { return strings.Contains(n.Text, "gets more claims from its parents") }) {
			t.Errorf("%s: %d and %d claims, %+v", action, count(a.Claims), count(b.Claims), b.Notes)
		}
		if m := poor.message(p.Messages[20]); count(m.Claims) != 2 || slices.ContainsFunc(m.Notes, cut) {
			t.Errorf("%s: got %+v", action, m)
		}
	}
}

func count(list []Claim) int {
	n := len(list)
	for _, c := range list {
		n += count(c.Claims)
	}
	return n
}

// TestS70_HostileTextsStayInPlace: texts that a terminal would interpret, or that would
// end a statement, have no effect.
func TestS70_HostileTextsStayInPlace(t *testing.T) {
	t.Parallel()
	v := view(t, source(t, hostile), Options{HaveKeys: true, Keys: []Key{
		{ID: "k\x1b[31m\"]\n", Algorithm: "\x07", Issuer: "\u202e", Source: "\x1b]52;c;x\x07\n\u202e"},
		{Source: "https://x/\u009b\n-->"},
	}})
	statement := map[string]*regexp.Regexp{
		"txt": regexp.MustCompile(`^(KEYS|METHOD .*|MESSAGE .*|  .*|)$`),
		"mmd": regexp.MustCompile(strings.ReplaceAll(`^(flowchart LR|  n\d+(\{\{TEXT\}\}|\(\[TEXT\]\))|  subgraph g\d+\[TEXT\]|    n\d+(\[TEXT\]|\(\[TEXT\]\)|\(TEXT\)|\[/TEXT/\])|  end|  n\d+ -->(\|TEXT\|)? n\d+)$`,
			"TEXT", `"(<br/>|[A-Za-z0-9 ./,()=]|#\d+;)*"`)),
		"dot": regexp.MustCompile(`^(digraph policy \{|  (rankdir=LR|(node|edge) \[fontname="sans-serif"\])|  (  )?n\d+( -> n\d+)? \[label="([^"\\]|\\.)*"(, [a-z=, ]+)?\]|  subgraph cluster_\d+ \{|    label="[^"]*"|  \}|\})$`),
	}
	for format, text := range formats(t, v) {
		for _, r := range string(text) {
			if r != '\n' && (!unicode.IsPrint(r) || r == utf8.RuneError) {
				t.Errorf("%s holds %U", format, r)
			}
		}
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		for _, line := range lines {
			if re := statement[format]; re != nil && !re.MatchString(line) {
				t.Errorf("%s: not a statement: %s", format, line)
			}
		}
	}
	var back View
	if err := json.Unmarshal(formats(t, v)["json"], &back); err != nil || !reflect.DeepEqual(*v, back) {
		t.Errorf("JSON does not round-trip: %v\n%+v\n%+v", err, *v, back)
	}
	if text := textOf(t, v, TextOptions{Escape: func(s string) string { return s + "\n\tx" }}); strings.Contains(text, "\n\tx") {
		t.Errorf("an escaped line break is treated as ours:\n%s", text)
	}
}
