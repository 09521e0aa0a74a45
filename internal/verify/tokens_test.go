package verify_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

func TestA49_S47_NestedTokens(t *testing.T) {
	w := policytest.New(t, `
message C { string tok = 1 [(kalix.field).jwt = {token: true issuer: "me"}]; string name = 2 [(kalix.field).jwt = {claim: INCLUDE}]; repeated C cs = 3 [(kalix.field).jwt = {token: true}]; }
message M { repeated C cs = 1 [(kalix.field).jwt = {token: true}]; C c = 2 [(kalix.field).jwt = {token: true}]; oneof one { C left = 3 [(kalix.field).jwt = {token: true}]; string right = 4; } W w = 5 [(kalix.field).jwt = {token: true}]; C plain = 6; }
message W { C c = 1 [(kalix.field).jwt = {token: true}]; string name = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }
`, policytest.Setup{})
	a, b := `{"tok":$({"iss":"me","name":"a"}),"name":"a"}`, `{"tok":$({"iss":"me","name":"b"}),"name":"b"}`
	wrong, bare := `{"tok":$({"iss":"you"})}`, `{"name":"x"}`
	expired := `{"tok":$({"iss":"me","exp":` + past + `})}`
	clean := func(in string) string { // the content of an accepted message
		for strings.Contains(in, "$(") {
			before, rest, _ := strings.Cut(in, "$(")
			_, after, _ := strings.Cut(rest, ")")
			in = before + `"…"` + after
		}
		return in
	}
	pass := func(in string) row { return row{in: in, want: clean(in)} }
	check(t, w, map[string]row{
		"no fields set":                     pass(`{}`),
		"no elements":                       {in: `{"cs":[]}`, want: `{}`},
		"all valid":                         pass(`{"cs":[` + a + `,` + b + `],"c":` + a + `,"left":` + b + `,"w":{"c":` + a + `}}`),
		"deeper":                            pass(`{"c":{"tok":$({"iss":"me","name":"a"}),"name":"a","cs":[` + a + `,` + b + `]}}`),
		"last of many invalid":              {in: `{"cs":[` + a + `,` + b + `,` + wrong + `]}`, code: fault.IssuerNotAllowed, path: "cs[2].tok"},
		"first of many invalid":             {in: `{"cs":[` + bare + `,` + b + `,` + a + `]}`, code: fault.TokenMissing, path: "cs[0].tok"},
		"empty element":                     {in: `{"cs":[` + a + `,{}]}`, code: fault.TokenMissing, path: "cs[1].tok"},
		"singular message":                  {in: `{"cs":[` + a + `],"c":` + expired + `}`, code: fault.TokenExpired, path: "c.tok"},
		"set and empty":                     {in: `{"c":{}}`, code: fault.TokenMissing, path: "c.tok"},
		"in a oneof":                        {in: `{"c":` + a + `,"left":` + wrong + `}`, code: fault.IssuerNotAllowed, path: "left.tok"},
		"other member of the oneof":         pass(`{"c":` + a + `,"right":"x"}`),
		"through a message without a token": {in: `{"w":{"c":` + wrong + `}}`, code: fault.IssuerNotAllowed, path: "w.c.tok"},
		"one of many, nested":               {in: `{"c":{"tok":$({"iss":"me"}),"cs":[` + a + `,{"tok":$({"iss":"me"}),"cs":[` + wrong + `]}]}}`, code: fault.IssuerNotAllowed, path: "c.cs[1].cs[0].tok"},
		"wrong claims":                      {in: `{"cs":[` + a + `,{"tok":$({"iss":"me","name":"a"}),"name":"b"}]}`, code: fault.ClaimMismatch, path: "cs[1].name"},
		"elements swapped":                  {in: `{"cs":[{"tok":$({"iss":"me","name":"b"}),"name":"a"},{"tok":$({"iss":"me","name":"a"}),"name":"b"}]}`, code: fault.ClaimMismatch, path: "cs[0].name"},
		"token of another level":            {in: `{"c":{"tok":$({"iss":"me","name":"a"}),"cs":[{"name":"a"}]}}`, code: fault.TokenMissing, path: "c.cs[0].tok"},
		"not annotated":                     pass(`{"plain":{"name":"x"}}`),
	})
	p, m := w.Message("M", strings.ReplaceAll(`{"cs":[T,T],"w":{"c":T},"c":T}`, "T", inField(w.Token(`{"iss":"me"}`))))
	tokens, err := w.Verifier.Message(context.Background(), p, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, one := range tokens {
		paths = append(paths, one.Path)
	}
	if got := strings.Join(paths, " "); got != "cs[0].tok cs[1].tok c.tok w.c.tok" {
		t.Error(got)
	}
}

// TestS47_AnyOfUnknownTypeIsUnprotected: an Any is protected only if its type is known. S47.
func TestS47_AnyOfUnknownTypeIsUnprotected(t *testing.T) {
	w := policytest.New(t, `
message P { string s = 1; }
message M { string tok = 1 [(kalix.field).jwt = {token: true}]; google.protobuf.Any any = 2 [(kalix.field).jwt = {claim: INCLUDE}]; google.protobuf.Any got = 3 [(kalix.field).jwt = {claim: EXTRACT}]; }
`, policytest.Setup{})
	const known, other = `{"@type":"type.googleapis.com/t.P","s":"x"}`, `{"@type":"type.googleapis.com/t.P","s":"y"}`
	const unknown = `{"@type":"type.googleapis.com/t.Q","s":"x"}`
	check(t, w, map[string]row{
		"known":                 {in: `{"tok":$({"any":` + known + `}),"any":` + known + `}`, want: `{"tok":"…","any":` + known + `}`},
		"other content":         {in: `{"tok":$({"any":` + known + `}),"any":` + other + `}`, code: fault.ClaimMismatch, path: "any"},
		"unknown in the token":  {in: `{"tok":$({"any":` + unknown + `}),"any":` + known + `}`, code: fault.ClaimMismatch, path: "any"},
		"unknown, to be filled": {in: `{"tok":$({"got":` + unknown + `})}`, code: fault.ClaimMismatch, path: "got"},
		"known, to be filled":   {in: `{"tok":$({"got":` + known + `})}`, want: `{"tok":"…","got":` + known + `}`},
	})
	p, m := w.Message("M", inField(w.Token(`{"any":`+unknown+`}`)))
	if _, err := w.Codec.Read([]byte(`{"any":`+unknown+`}`), p.Desc); !fault.Has(err, fault.MessageMalformed) {
		t.Errorf("unknown type in a message: %v", err)
	}
	// As it arrives in protobuf.
	fd := p.Desc.Fields().ByName("any")
	inner := m.Mutable(fd).Message()
	inner.Set(inner.Descriptor().Fields().ByName("type_url"), stringValue("type.googleapis.com/t.Q"))
	_, err := w.Verifier.Message(context.Background(), p, m, nil)
	refused(t, err, fault.MessageMalformed, "message")
}

func TestA51_BearerClaims(t *testing.T) {
	w := policytest.New(t, `message M { string tok = 1 [(kalix.field).jwt = {token: true include_bearer_token_claim: "sub" include_bearer_token_claim: "org"}]; string sub = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }`, policytest.Setup{})
	check(t, w, map[string]row{
		"equal":                       {in: `{"tok":$({"sub":"a","org":{"x":[1,2]}})}`, bearer: `{"sub":"a","org":{"x":[1,2.0]},"z":1}`, want: `{"tok":"…"}`},
		"wrong value":                 {in: `{"tok":$({"sub":"a","org":1})}`, bearer: `{"sub":"secret","org":1}`, code: fault.ClaimMismatch, path: "tok"},
		"other type":                  {in: `{"tok":$({"sub":"a","org":"1"})}`, bearer: `{"sub":"a","org":1}`, code: fault.ClaimMismatch, path: "tok"},
		"second value differs":        {in: `{"tok":$({"sub":"a","org":2})}`, bearer: `{"sub":"a","org":1}`, code: fault.ClaimMismatch, path: "tok"},
		"missing in the token":        {in: `{"tok":$({"sub":"a"})}`, bearer: `{"sub":"a","org":1}`, code: fault.ClaimMissing, path: "tok"},
		"missing in the bearer token": {in: `{"tok":$({"sub":"a","org":1})}`, bearer: `{"sub":"a"}`, code: fault.ClaimMissing, path: "tok"},
		"missing in both":             {in: `{"tok":$({"sub":"a"})}`, bearer: `{"sub":"a"}`, code: fault.ClaimMissing, path: "tok"},
		"no bearer token":             {in: `{"tok":$({"sub":"a","org":1})}`, code: fault.TokenMissing, path: "tok"},
		"message token too":           {in: `{"tok":$({"sub":"a","org":1}),"sub":"b"}`, bearer: `{"sub":"a","org":1}`, code: fault.ClaimMismatch, path: "sub"},
	})
}

func TestA52_ParentClaims(t *testing.T) {
	w := policytest.New(t, `
message M {
  string tok = 1 [(kalix.field).jwt = {token: true}];
  string user = 2 [(kalix.field).jwt = {claim: INCLUDE}];
  string org = 3 [(kalix.field).jwt = {claim: EXTRACT}];
  D d = 4 [(kalix.field).jwt = {claim: DESCEND}];
  D n = 5 [(kalix.field).jwt = {claim: NEST name: "nested"}];
  string iss = 6 [(kalix.field).jwt = {claim: INCLUDE}];
  int64 exp = 7 [(kalix.field).jwt = {claim: INCLUDE}];
  repeated C cs = 8 [(kalix.field).jwt = {token: true}];
  map<string,string> raw = 9 [(kalix.field).jwt = {claim: RAW}];
}
message D { string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }
message C {
  string tok = 1 [(kalix.field).jwt = {token: true include_parent_claims: true issuer: "me" expires_seconds: 60 static_claim: {claim: "role" value: "admin"} static_claim: {claim: "kind" pattern: "c.*"}}];
  string user = 2 [(kalix.field).jwt = {claim: INCLUDE}];
  D nested = 3 [(kalix.field).jwt = {claim: NEST}];
  G g = 4 [(kalix.field).jwt = {token: true}];
  L l = 5 [(kalix.field).jwt = {token: true}];
  string d = 6 [(kalix.field).jwt = {claim: INCLUDE}];
  string x = 7 [(kalix.field).jwt = {claim: INCLUDE}];
}
message G { string tok = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; string org = 2 [(kalix.field).jwt = {claim: EXTRACT}]; }
message L { string tok = 1 [(kalix.field).jwt = {token: true}]; }
message Open { string user = 1 [(kalix.field).jwt = {claim: INCLUDE}]; repeated C cs = 2 [(kalix.field).jwt = {token: true}]; }
`, policytest.Setup{})
	c := func(claims, more string) string {
		return `{"tok":$({"iss":"me","role":"admin","kind":"c",` + claims + `})` + more + `}`
	}
	m := func(claims, fields, child string) string {
		return `{"tok":$({` + claims + `}),` + fields + `,"cs":[` + child + `]}`
	}
	org := func(child string) string { return m(`"org":"o"`, `"org":"o"`, child) }
	check(t, w, map[string]row{
		"INCLUDE":                                 {in: m(`"user":"u"`, `"user":"u"`, c(`"user":"u"`, ``)), want: `{"tok":"…","user":"u","cs":[{"tok":"…"}],"raw":{"user":"u"}}`},
		"INCLUDE, wrong value":                    {in: m(`"user":"u"`, `"user":"u"`, c(`"user":"v"`, ``)), code: fault.ClaimMismatch, path: "cs[0].tok"},
		"INCLUDE, missing":                        {in: m(`"user":"u"`, `"user":"u"`, c(`"z":1`, ``)), code: fault.ClaimMissing, path: "cs[0].tok"},
		"EXTRACT":                                 {in: org(c(`"org":"o"`, ``)), want: `{"tok":"…","org":"o","cs":[{"tok":"…"}],"raw":{"org":"o"}}`},
		"EXTRACT, wrong value":                    {in: org(c(`"org":"p"`, ``)), code: fault.ClaimMismatch, path: "cs[0].tok"},
		"EXTRACT, filled":                         {in: m(`"org":"o"`, `"user":""`, c(`"org":"o"`, ``)), want: `{"tok":"…","org":"o","cs":[{"tok":"…"}],"raw":{"org":"o"}}`},
		"EXTRACT, filled, missing":                {in: m(`"org":"o"`, `"user":""`, c(`"z":1`, ``)), code: fault.ClaimMissing, path: "cs[0].tok"},
		"EXTRACT, filled, wrong value":            {in: m(`"org":"o"`, `"user":""`, c(`"org":"p"`, ``)), code: fault.ClaimMismatch, path: "cs[0].tok"},
		"DESCEND":                                 {in: m(`"x":"1"`, `"d":{"x":"1"}`, c(`"x":"1"`, ``)), want: `{"tok":"…","d":{"x":"1"},"cs":[{"tok":"…"}],"raw":{"x":"1"}}`},
		"DESCEND, wrong value":                    {in: m(`"x":"1"`, `"d":{"x":"1"}`, c(`"x":"2"`, ``)), code: fault.ClaimMismatch, path: "cs[0].tok"},
		"DESCEND, child's claim takes precedence": {in: m(`"x":"1"`, `"d":{"x":"1"}`, c(`"x":"2"`, `,"x":"2"`)), want: `{"tok":"…","d":{"x":"1"},"cs":[{"tok":"…","x":"2"}],"raw":{"x":"1"}}`},
		"DESCEND has no own name":                 {in: m(`"x":"1"`, `"d":{"x":"1"}`, c(`"x":"2","d":"q"`, `,"d":"q"`)), code: fault.ClaimMismatch, path: "cs[0].tok"},
		"DESCEND, then the child's claim":         {in: m(`"x":"1"`, `"d":{"x":"1"}`, c(`"x":"1","user":"u"`, `,"user":"v"`)), code: fault.ClaimMismatch, path: "cs[0].user"},
		"NEST":                                    {in: m(`"nested":{"x":"1"}`, `"n":{"x":"1"}`, c(`"nested":{"x":"1"}`, ``)), want: `{"tok":"…","n":{"x":"1"},"cs":[{"tok":"…"}]}`},
		"NEST, wrong value":                       {in: m(`"nested":{"x":"1"}`, `"n":{"x":"1"}`, c(`"nested":{"x":"2"}`, ``)), code: fault.ClaimMismatch, path: "cs[0].tok"},
		"child's claim takes precedence":          {in: m(`"user":"u"`, `"user":"u"`, c(`"user":"v"`, `,"user":"v"`)), want: `{"tok":"…","user":"u","cs":[{"tok":"…","user":"v"}],"raw":{"user":"u"}}`},
		"child's NEST takes precedence":           {in: m(`"nested":{"x":"1"}`, `"n":{"x":"1"}`, c(`"nested":{"x":"2"}`, `,"nested":{"x":"2"}`)), want: `{"tok":"…","n":{"x":"1"},"cs":[{"tok":"…","nested":{"x":"2"}}]}`},
		"child's empty NEST does not":             {in: m(`"nested":{"x":"1"}`, `"n":{"x":"1"}`, c(`"nested":{"x":"2"}`, `,"nested":{}`)), code: fault.ClaimMismatch, path: "cs[0].tok"},
		"token option sets iss":                   {in: m(`"iss":"u"`, `"iss":"u"`, c(`"z":1`, ``)), want: `{"tok":"…","iss":"u","cs":[{"tok":"…"}],"raw":{"iss":"u"}}`},
		"token option sets exp":                   {in: m(`"exp":`+future, `"exp":"`+future+`"`, c(`"exp":1769870001`, ``)), want: `{"tok":"…","exp":"1769870000","cs":[{"tok":"…"}]}`},
		"token option without exp":                {in: m(`"exp":`+future, `"exp":"`+future+`"`, c(`"z":1`, `,"g":{"tok":$({"exp":1769870001})}`)), code: fault.ClaimMismatch, path: "cs[0].g.tok"},
		"second element":                          {in: m(`"user":"u"`, `"user":"u"`, c(`"user":"u"`, ``)+`,`+c(`"user":"v"`, ``)), code: fault.ClaimMismatch, path: "cs[1].tok"},
		"parent without a token":                  {of: "Open", in: `{"user":"u","cs":[` + c(`"user":"u"`, ``) + `]}`, want: `{"user":"u","cs":[{"tok":"…"}]}`},
		"parent without a token, wrong value":     {of: "Open", in: `{"user":"u","cs":[` + c(`"user":"v"`, ``) + `]}`, code: fault.ClaimMismatch, path: "cs[0].tok"},
		"claim of the grandparent":                {in: org(c(`"org":"o"`, `,"g":{"tok":$({"org":"o"})}`)), want: `{"tok":"…","org":"o","cs":[{"tok":"…","g":{"tok":"…","org":"o"}}],"raw":{"org":"o"}}`},
		"claim of the grandparent, missing":       {in: org(c(`"org":"o"`, `,"g":{"tok":$({"z":1})}`)), code: fault.ClaimMissing, path: "cs[0].g.tok"},
		"over the grandparent, filled":            {in: org(c(`"org":"o"`, `,"g":{"tok":$({"org":"p"})}`)), want: `{"tok":"…","org":"o","cs":[{"tok":"…","g":{"tok":"…","org":"p"}}],"raw":{"org":"o"}}`},
		"over the grandparent":                    {in: org(c(`"org":"o"`, `,"g":{"tok":$({"org":"p"}),"org":"p"}`)), want: `{"tok":"…","org":"o","cs":[{"tok":"…","g":{"tok":"…","org":"p"}}],"raw":{"org":"o"}}`},
		"nearer parent takes precedence":          {in: m(`"user":"u"`, `"user":"u"`, c(`"user":"v"`, `,"user":"v","g":{"tok":$({"user":"v"})}`)), want: `{"tok":"…","user":"u","cs":[{"tok":"…","user":"v","g":{"tok":"…"}}],"raw":{"user":"u"}}`},
		"not the farther parent":                  {in: m(`"user":"u"`, `"user":"u"`, c(`"user":"v"`, `,"user":"v","g":{"tok":$({"user":"u"})}`)), code: fault.ClaimMismatch, path: "cs[0].g.tok"},
		"child without the claim":                 {in: org(c(`"org":"o"`, `,"l":{"tok":$({})}`)), want: `{"tok":"…","org":"o","cs":[{"tok":"…","l":{"tok":"…"}}],"raw":{"org":"o"}}`},
	})
	// The error names the field and the message.
	for field, in := range map[string]string{
		"d.x":        m(`"x":"1"`, `"d":{"x":"1"}`, c(`"x":"2"`, ``)),
		"cs[0].user": m(`"user":"u"`, `"user":"u"`, c(`"user":"v"`, `,"user":"v","g":{"tok":$({"user":"u"})}`)),
	} {
		if _, err := w.Verify("M", in, nil); err == nil || !strings.Contains(err.Error(), "but "+field+": ") {
			t.Errorf("%s: got %v, want %q in it", field, err, "but "+field+": ")
		}
	}
}

// TestA44_TwoTokensFillOneMessage: if two tokens vouch for one message and both have a
// claim to fill in, they must agree (A44, A46).
func TestA44_TwoTokensFillOneMessage(t *testing.T) {
	w := policytest.New(t, `
message M { string tok = 1 [(kalix.field).jwt = {token: true}]; C c = 2 [(kalix.field).jwt = {token: true claim: DESCEND}]; }
message C { string tok = 1 [(kalix.field).jwt = {token: true}]; string x = 2 [(kalix.field).jwt = {claim: EXTRACT}]; repeated E es = 3 [(kalix.field).jwt = {claim: NEST}]; }
message E { string y = 1 [(kalix.field).jwt = {claim: EXTRACT}]; }
`, policytest.Setup{})
	m := func(outer, inner string) string { return `{"tok":$({` + outer + `}),"c":{"tok":$({` + inner + `})}}` }
	check(t, w, map[string]row{
		"agree":                 {in: m(`"x":"1"`, `"x":"1"`), want: `{"tok":"…","c":{"tok":"…","x":"1"}}`},
		"only one token has it": {in: m(`"x":"1"`, ``), want: `{"tok":"…","c":{"tok":"…","x":"1"}}`},
		"differ":                {in: m(`"x":"1"`, `"x":"2"`), code: fault.ClaimMismatch, path: "c.x"},
		"lists agree":           {in: m(`"es":[{"y":"1"}]`, `"es":[{"y":"1"}]`), want: `{"tok":"…","c":{"tok":"…","es":[{"y":"1"}]}}`},
		"longer list":           {in: m(`"es":[{"y":"1"}]`, `"es":[{"y":"1"},{"y":"2"}]`), code: fault.ClaimMismatch, path: "c.es"},
		"shorter list":          {in: m(`"es":[{"y":"1"},{"y":"2"}]`, `"es":[{"y":"1"}]`), code: fault.ClaimMismatch, path: "c.es"},
		"elements differ":       {in: m(`"es":[{"y":"1"}]`, `"es":[{"y":"2"}]`), code: fault.ClaimMismatch, path: "c.es[0].y"},
	})
}

// TestA47_RawThroughRecursion: a message that nests itself as a token is filled like any
// other, whichever plan is made first.
func TestA47_RawThroughRecursion(t *testing.T) {
	for name, order := range map[string]string{"A first": "ABC", "B first": "BAC", "C first": "CAB"} {
		text := ""
		for _, which := range order {
			text += map[rune]string{
				'A': "message A { string tok = 1 [(kalix.field).jwt = {token: true}]; repeated B bs = 2 [(kalix.field).jwt = {token: true}]; map<string,string> raw = 3 [(kalix.field).jwt = {claim: RAW}]; }\n",
				'B': "message B { string tok = 1 [(kalix.field).jwt = {token: true}]; A a = 2 [(kalix.field).jwt = {claim: NEST}]; }\n",
				'C': "message C { string tok = 1 [(kalix.field).jwt = {token: true}]; B b = 2 [(kalix.field).jwt = {claim: NEST}]; }\n",
			}[which]
		}
		w := policytest.New(t, text, policytest.Setup{})
		check(t, w, map[string]row{name: {of: "C", in: `{"tok":$({"b":{"a":{"k":"token"}}}),"b":{"a":{"raw":{"k":"body"}}}}`, want: `{"tok":"…","b":{"a":{"raw":{"k":"token"}}}}`}})
	}
}

// TestA52_MovedIntoAnotherParent: a message is refused in a parent that it was not signed
// for, even if the parent's claim is omitted and comes from its own token; and an
// accepted message verifies again after printing.
func TestA52_MovedIntoAnotherParent(t *testing.T) {
	w := policytest.New(t, `
message M { string tok = 1 [(kalix.field).jwt = {token: true}]; string tenant = 2 [(kalix.field).jwt = {claim: EXTRACT}]; W w = 3 [(kalix.field).jwt = {claim: DESCEND}]; repeated W ws = 4 [(kalix.field).jwt = {claim: NEST}]; Inner inner = 5 [(kalix.field).jwt = {token: true}]; }
message W { string deep = 1 [(kalix.field).jwt = {claim: EXTRACT}]; }
message Inner { string tok = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; int32 amount = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }
message Mine { option (kalix.message).jwt = {validate_bearer_token: true}; string tenant = 1 [(kalix.field).jwt = {claim: EXTRACT}]; Inner inner = 2 [(kalix.field).jwt = {token: true}]; }
`, policytest.Setup{})
	inner := func(claims string) string { return `"inner":{"tok":$({"amount":1,` + claims + `}),"amount":1}` }
	outer := func(claims, fields, in string) string {
		return `{"tok":$({` + claims + `})` + fields + `,` + inner(in) + `}`
	}
	check(t, w, map[string]row{
		"own parent":                  {in: outer(`"tenant":"a"`, `,"tenant":"a"`, `"tenant":"a"`), want: `{"tok":"…","tenant":"a","inner":{"tok":"…","amount":1}}`},
		"own parent, claim omitted":   {in: outer(`"tenant":"a"`, ``, `"tenant":"a"`), want: `{"tok":"…","tenant":"a","inner":{"tok":"…","amount":1}}`},
		"another's":                   {in: outer(`"tenant":"b"`, `,"tenant":"b"`, `"tenant":"a"`), code: fault.ClaimMismatch, path: "inner.tok"},
		"other parent, claim omitted": {in: outer(`"tenant":"b"`, ``, `"tenant":"a"`), code: fault.ClaimMismatch, path: "inner.tok"},
		"no parent":                   {in: outer(`"z":"a"`, ``, `"tenant":"a"`), want: `{"tok":"…","inner":{"tok":"…","amount":1}}`},
		"DESCEND created":             {in: outer(`"deep":"b"`, ``, `"deep":"a"`), code: fault.ClaimMismatch, path: "inner.tok"},
		"NEST created":                {in: outer(`"ws":[{"deep":"b"}]`, ``, `"ws":[{"deep":"a"}]`), code: fault.ClaimMismatch, path: "inner.tok"},
		"NEST, missing":               {in: outer(`"ws":[{"deep":"b"}]`, ``, `"z":1`), code: fault.ClaimMissing, path: "inner.tok"},
	})
	check(t, w, map[string]row{
		"of the bearer":     {of: "Mine", in: `{` + inner(`"tenant":"a"`) + `}`, bearer: `{"tenant":"a"}`, want: `{"tenant":"a","inner":{"tok":"…","amount":1}}`},
		"of another bearer": {of: "Mine", in: `{` + inner(`"tenant":"a"`) + `}`, bearer: `{"tenant":"b"}`, code: fault.ClaimMismatch, path: "inner.tok"},
	})
}
