package verify_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// static returns a message type whose token must have these static claims.
func static(claims ...string) string {
	return `message M { string tok = 1 [(kalix.field).jwt = {token: true static_claim: {` + strings.Join(claims, `} static_claim: {`) + `}}]; }`
}

// staticRow is a schema and the claims of its token.
type staticRow struct {
	schema, claims string
	ok             bool
}

func checkStatic(t *testing.T, rows map[string]staticRow) {
	t.Helper()
	worlds := map[string]*policytest.World{}
	for name, c := range rows {
		t.Run(name, func(t *testing.T) {
			w := worlds[c.schema]
			if w == nil {
				w = policytest.New(t, c.schema, policytest.Setup{})
				worlds[c.schema] = w
			}
			_, err := w.Verify("M", inField(w.Token(c.claims)), nil)
			if !c.ok {
				refused(t, err, fault.StaticClaimMismatch, "tok")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestA70_A75_Values(t *testing.T) {
	one, several := static(`claim: "role" value: "admin"`), static(`claim: "role" value: "admin" value: "editor"`)
	twice := static(`claim: "role" value: "admin"`, `claim: "role" value: "editor"`, `claim: "aud" value: "a"`)
	mixed := static(`claim: "role" value: "admin"`, `claim: "role" pattern: "ad.*"`, `claim: "org" pattern: "\\S+"`)
	checkStatic(t, map[string]staticRow{
		"A70 value":                        {schema: one, claims: `{"role":"admin"}`, ok: true},
		"A70 value, escaped":               {schema: one, claims: `{"role":"\u0061dmin"}`, ok: true},
		"A70 wrong value":                  {schema: one, claims: `{"role":"user"}`},
		"A70 value in upper case":          {schema: one, claims: `{"role":"Admin"}`},
		"A70 value with a suffix":          {schema: one, claims: `{"role":"admin "}`},
		"A70 no claim":                     {schema: one, claims: `{}`},
		"A70 null":                         {schema: one, claims: `{"role":null}`},
		"A70 object":                       {schema: one, claims: `{"role":{"admin":"admin"}}`},
		"A70 array with the value":         {schema: one, claims: `{"role":["user","admin",1]}`, ok: true},
		"A70 array without the value":      {schema: one, claims: `{"role":["user",["admin"],{"admin":1}]}`},
		"A70 empty array":                  {schema: one, claims: `{"role":[]}`},
		"A70 both values":                  {schema: several, claims: `{"role":["editor","x","admin"]}`, ok: true},
		"A70 first of two values":          {schema: several, claims: `{"role":["admin"]}`},
		"A70 second of two values":         {schema: several, claims: `{"role":["editor","editor"]}`},
		"A70 string is one value":          {schema: several, claims: `{"role":"admin"}`},
		"A70 string of all values":         {schema: static(`claim: "role" value: "admin" value: "admin"`), claims: `{"role":"admin"}`, ok: true},
		"A70 string is not split":          {schema: several, claims: `{"role":"admin editor"}`},
		"A70 number for a string":          {schema: static(`claim: "n" value: "1"`), claims: `{"n":1}`},
		"A70 string for a number":          {schema: static(`claim: "n" value: "1"`), claims: `{"n":"1"}`, ok: true},
		"A75 all entries of one claim":     {schema: twice, claims: `{"role":["admin","editor"],"aud":"a"}`, ok: true},
		"A75 last entry has another claim": {schema: twice, claims: `{"role":["admin","editor"]}`},
		"A75 second entry missing":         {schema: twice, claims: `{"role":["admin"],"aud":"a"}`},
		"A75 value and pattern":            {schema: mixed, claims: `{"role":"admin","org":"x"}`, ok: true},
		"A75 pattern does not match":       {schema: mixed, claims: `{"role":"admin","org":" "}`},
		"S54 values are not patterns":      {schema: static(`claim: "c" value: "a.c"`), claims: `{"c":"abc"}`},
	})
}

func TestA71_S54_Patterns(t *testing.T) {
	pattern := static(`claim: "sub" pattern: "my-subject-\\d+"`)
	some, role := static(`claim: "c" pattern: ".*"`), static(`claim: "c" pattern: "^(admin|editor)$"`)
	checkStatic(t, map[string]staticRow{
		"A71 whole value":                       {schema: pattern, claims: `{"sub":"my-subject-456"}`, ok: true},
		"A71 prefix":                            {schema: pattern, claims: `{"sub":"not-my-subject-456"}`},
		"A71 suffix":                            {schema: pattern, claims: `{"sub":"my-subject-456x"}`},
		"A71 trailing line break":               {schema: pattern, claims: `{"sub":"my-subject-456\n"}`},
		"A71 leading line":                      {schema: static(`claim: "c" pattern: "(?m)^a$"`), claims: `{"c":"x\na"}`},
		"A71 alternatives are whole":            {schema: static(`claim: "c" pattern: "a|b"`), claims: `{"c":"ab"}`},
		"A71 one alternative":                   {schema: static(`claim: "c" pattern: "a|b"`), claims: `{"c":"b"}`, ok: true},
		"A71 role in the user's document":       {schema: role, claims: `{"c":"editor"}`, ok: true},
		"A71 other role in the user's document": {schema: role, claims: `{"c":"owner"}`},
		"A71 one element":                       {schema: role, claims: `{"c":["owner",null,"admin"]}`, ok: true},
		"A71 no element":                        {schema: role, claims: `{"c":["owner","administrator",["admin"],{"admin":1}]}`},
		"A71 empty array":                       {schema: some, claims: `{"c":[]}`},
		"A71 number":                            {schema: static(`claim: "c" pattern: "\\d+"`), claims: `{"c":42}`, ok: true},
		"A71 text of a number":                  {schema: static(`claim: "c" pattern: "1\\.0"`), claims: `{"c":1.0}`, ok: true},
		"A71 text of another number":            {schema: static(`claim: "c" pattern: "1\\.0"`), claims: `{"c":1}`},
		"A71 true":                              {schema: static(`claim: "c" pattern: "true"`), claims: `{"c":true}`, ok: true},
		"A71 false":                             {schema: static(`claim: "c" pattern: "true"`), claims: `{"c":false}`},
		"A71 number in an array":                {schema: static(`claim: "c" pattern: "\\d+"`), claims: `{"c":["x",42]}`, ok: true},
		"A71 object never matches":              {schema: some, claims: `{"c":{"a":1}}`},
		"A71 null never matches":                {schema: some, claims: `{"c":null}`},
		"A71 null in an array never matches":    {schema: some, claims: `{"c":[null,{}]}`},
		"A71 no claim":                          {schema: some, claims: `{}`},
		"A71 empty string":                      {schema: some, claims: `{"c":""}`, ok: true},
		"A71 not empty":                         {schema: static(`claim: "c" pattern: "^\\S+$"`), claims: `{"c":""}`},
		"A71 escaped":                           {schema: static(`claim: "c" pattern: "a\\\\\"b"`), claims: `{"c":"a\\\"b"}`, ok: true},
		"S54 admin is not not-admin":            {schema: static(`claim: "c" pattern: "admin"`), claims: `{"c":"not-admin"}`},
		"S54 long, up to 8 KiB":                 {schema: some, claims: `{"c":"` + strings.Repeat("x", 8<<10-2) + `"}`, ok: true},
		"S54 longer than 8 KiB":                 {schema: some, claims: `{"c":"` + strings.Repeat("x", 8<<10-1) + `"}`},
		"S54 longer element of an array":        {schema: some, claims: `{"c":["` + strings.Repeat("x", 8<<10) + `","x"]}`},
	})
}

// TestA72_VariablesComeFromTheEnvironment: variables in values and issuers of fields, methods and services
// are expanded. A72.
func TestA72_VariablesComeFromTheEnvironment(t *testing.T) {
	const schema = `
message M { string tok = 1 [(kalix.field).jwt = {token: true issuer: "${ISS}" static_claim: {claim: "aud" value: "${AUD}.kalix.io" value: "${AUD}-${ISS}"}}]; }
service S {
  option (kalix.service).jwt = {validate: BEARER_TOKEN bearer_token_issuer: "https://${ISS}/" static_claim: {claim: "aud" value: "$AUD ${AUD}"}};
  rpc Any(M) returns (M);
}`
	w := policytest.New(t, schema, policytest.Setup{Env: map[string]string{"ISS": "me", "AUD": "orders ${ISS}"}})
	check(t, w, map[string]row{
		"replaced":                 {in: `{"tok":$({"iss":"me","aud":["orders ${ISS}.kalix.io","orders ${ISS}-me"]})}`, want: `{"tok":"…"}`},
		"values are expanded once": {in: `{"tok":$({"iss":"me","aud":["orders me.kalix.io","orders me-me"]})}`, code: fault.StaticClaimMismatch, path: "tok"},
		"issuer":                   {in: `{"tok":$({"iss":"${ISS}"})}`, code: fault.IssuerNotAllowed, path: "tok"},
	})
	if _, err := bearer(t, w, "Any", "Bearer "+w.Token(`{"iss":"https://me/","aud":"$AUD orders ${ISS}"}`)); err != nil {
		t.Error(err)
	}
	_, err := bearer(t, w, "Any", "Bearer "+w.Token(`{"iss":"https://me/","aud":"orders ${ISS} orders ${ISS}"}`))
	refused(t, err, fault.StaticClaimMismatch, "bearer token")

	for name, c := range map[string]struct {
		env  map[string]string
		want []string // parts of each error
	}{
		"not set":      {env: map[string]string{"AUD": "a"}, want: []string{"ISS is not set", "t.proto:", `issuer of t.M.tok`, `static_claim "aud" of t.M.tok`, "bearer_token_issuer of t.S/Any"}},
		"set, empty":   {env: map[string]string{"AUD": "a", "ISS": ""}, want: []string{"ISS is empty", "issuer of t.M.tok"}},
		"both not set": {env: nil, want: []string{"ISS is not set", "AUD is not set"}},
	} {
		p, err := policytest.Compile(policytest.Load(t, schema), c.env)
		if p != nil || !fault.Has(err, fault.ConfigInvalid) || fault.ClassOf(err) != fault.Usage {
			t.Fatalf("%s: got %v %v", name, p, err)
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: want %q in\n%v", name, part, err)
			}
		}
	}
	// Patterns have no variables, and a dollar sign alone is not one.
	if _, err := policytest.Compile(policytest.Load(t, static(`claim: "c" pattern: "\\$x"`, `claim: "d" value: "$X {X} $"`)), nil); err != nil {
		t.Error(err)
	}
	if _, err := policytest.Compile(policytest.Load(t, static(`claim: "d" value: "${X"`)), map[string]string{"X": "x"}); !fault.Has(err, fault.PolicyInvalid) {
		t.Errorf("unterminated reference: %v", err)
	}
}

// TestA73_A74_S54_LintErrorsPreventAPlan: a policy with a lint error does not compile, and the error has
// the position. A73, A74, S54.
func TestA73_A74_S54_LintErrorsPreventAPlan(t *testing.T) {
	for name, c := range map[string]struct {
		claim string
		ok    bool
	}{
		"A73 value":                {claim: `claim: "c" value: "a"`, ok: true},
		"A73 pattern":              {claim: `claim: "c" pattern: "a"`, ok: true},
		"A73 both":                 {claim: `claim: "c" value: "a" pattern: "a"`},
		"A73 neither":              {claim: `claim: "c"`},
		"A73 no name":              {claim: `value: "a"`},
		"A73 iss is a warning":     {claim: `claim: "iss" value: "a"`, ok: true},
		"A74 look-ahead":           {claim: `claim: "c" pattern: "(?=a)a"`},
		"A74 back-reference":       {claim: `claim: "c" pattern: "(a)\\1"`},
		"A74 possessive":           {claim: `claim: "c" pattern: "a++"`},
		"A74 does not compile":     {claim: `claim: "c" pattern: "a)(b"`},
		"A74 named group":          {claim: `claim: "c" pattern: "(?P<x>a)"`, ok: true},
		"S54 longer than 4 KiB":    {claim: fmt.Sprintf(`claim: "c" pattern: "%s"`, strings.Repeat("a", 5000))},
		"S54 too large to compile": {claim: `claim: "c" pattern: "((a{1000}){1000}){1000}"`},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := policytest.Compile(policytest.Load(t, static(c.claim)), nil)
			if c.ok {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var f *fault.Error
			if p != nil || !errors.As(err, &f) || f.Code != fault.PolicyInvalid || fault.ClassOf(err) != fault.Undecided || !strings.Contains(f.What, "t.proto:4:") {
				t.Errorf("got %v %v", p, err)
			}
		})
	}
}
