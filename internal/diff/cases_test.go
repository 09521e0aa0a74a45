package diff

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// in returns a message M, with a token of these options and these fields, and a method
// that validates it.
func in(options, fields string) string {
	return `service S { rpc Do(M) returns (E) { option (kalix.method).jwt = {validate: MESSAGE}; } } message E {}
message M { string tok = 1 [(kalix.field).jwt = {token: true ` + options + `}]; ` + fields + ` } message C { string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }`
}

// out is like in, with a protected method that signs its response.
func out(options, fields string) string {
	return strings.Replace(strings.Replace(in(options, fields), "rpc Do(M) returns (E)", "rpc Do(E) returns (M)", 1), "validate: MESSAGE", "validate: BEARER_TOKEN sign: MESSAGE", 1)
}

// TestSameMeaning: a different spelling, or an option without effect, is not a change, in
// either direction.
func TestSameMeaning(t *testing.T) {
	rows := map[string][2]string{
		"A10 the service's rules on the method": {
			`service S { option (kalix.service).jwt = {validate: BEARER_TOKEN bearer_token_issuer: "a"}; rpc Do(E) returns (E); } message E {}`,
			`service S { rpc Do(E) returns (E) { option (kalix.method).jwt = {validate: BEARER_TOKEN bearer_token_issuer: "a"}; } } message E {}`},
		"A10 a method's rules that hide the service's": {
			`service S { rpc Do(E) returns (E) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; } } message E {}`,
			`service S { option (kalix.service).jwt = {validate: BEARER_TOKEN bearer_token_issuer: "a"}; rpc Do(E) returns (E) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; } } message E {}`},
		"an empty option": {
			`service S { rpc Do(E) returns (E); } message E {}`,
			`service S { rpc Do(E) returns (E) { option (kalix.method).jwt = {}; } } message E {}`},
		"order of issuers":          {one(`bearer_token_issuer: "a" bearer_token_issuer: "b"`), one(`bearer_token_issuer: "b" bearer_token_issuer: "a" bearer_token_issuer: "b"`)},
		"order, nothing signed":     {in(`issuer: "a" issuer: "b"`, ``), in(`issuer: "b" issuer: "a"`, ``)},
		"expiry, nothing signed":    {in(`expires_seconds: 5`, ``), in(`expires_seconds: -1`, ``)},
		"A62 the default":           {out(``, ``), out(`expires_seconds: 3600`, ``)},
		"A62 the default, unused":   {out(`expires_seconds: 7`, `int64 exp = 2;`), out(`expires_seconds: 7`, `int64 exp = 2; int32 more = 3;`)},
		"A48 explicit name":         {in(``, `string a = 2 [(kalix.field).jwt = {claim: INCLUDE}];`), in(``, `string a = 2 [(kalix.field).jwt = {claim: INCLUDE name: "a"}];`)},
		"A48 a field renamed":       {in(``, `string a = 2 [(kalix.field).jwt = {claim: INCLUDE}];`), in(``, `string b = 2 [(kalix.field).jwt = {claim: INCLUDE name: "a"}];`)},
		"A53 fields without claims": {in(``, `string a = 2;`), in(``, `int64 a = 3; string b = 4;`)},
		"A75 split entries":         {one(`static_claim: {claim: "r" value: "x" value: "y"}`), one(`static_claim: {claim: "r" value: "y"} static_claim: {claim: "r" value: "x"} static_claim: {claim: "r" value: "x"}`)},
		"A71 a pattern as a value":  {one(`static_claim: {claim: "r" pattern: "ad(m)in"}`), one(`static_claim: {claim: "r" value: "admin"}`)},
		"A71 additional pattern":    {one(`static_claim: {claim: "r" pattern: "ad.*"} static_claim: {claim: "r" value: "admin"}`), one(`static_claim: {claim: "r" value: "admin"}`)},
		"A72 additional variable":   {one(`static_claim: {claim: "r" value: "a-${X}"} static_claim: {claim: "r" pattern: "(?s)a-.*"}`), one(`static_claim: {claim: "r" value: "a-${X}"}`)},
		"unused message":            {in(``, ``) + `message U { string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }`, in(``, ``) + `message U { string x = 1; }`},
		"renamed nested type":       {in(``, `P p = 2 [(kalix.field).jwt = {claim: INCLUDE}];`) + `message P { string s = 1; P more = 2; }`, in(``, `Q p = 2 [(kalix.field).jwt = {claim: INCLUDE}];`) + `message Q { string s = 1; Q more = 2; int32 i = 3; }`},
		"additional enum value":     {in(``, `G g = 2 [(kalix.field).jwt = {claim: INCLUDE}];`) + `enum G { NO = 0; }`, in(``, `G g = 2 [(kalix.field).jwt = {claim: INCLUDE}];`) + `enum G { NO = 0; YES = 1; }`},
		"token options on a plain field": {
			`message M { option (kalix.message).jwt = {validate_bearer_token: true}; string tok = 1 [(kalix.field).jwt = {token: true issuer: "a"}]; }`,
			`message M { option (kalix.message).jwt = {validate_bearer_token: true}; string tok = 1; }`},
		"A52 parents without claims": {in(`include_parent_claims: true`, ``), in(``, ``)},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			a, b := policytest.Load(t, r[0]), policytest.Load(t, r[1])
			wants(t, compare(t, a, b))
			wants(t, compare(t, b, a))
		})
	}
}

// step is a pair of versions, and the changes between them.
type step struct {
	old, new string
	want     []string
}

func steps(t *testing.T, rows map[string]step) {
	t.Helper()
	for name, r := range rows {
		t.Run(name, func(t *testing.T) { wants(t, of(t, r.old, r.new), r.want...) })
	}
}

// TestMethodChanges and TestMessageChanges: changes that the fixtures do not cover.
func TestMethodChanges(t *testing.T) {
	const guarded = `service Old { option (kalix.service).jwt = {validate: BEARER_TOKEN}; rpc Do(E) returns (E); rpc Also(E) returns (E); } message E {}`
	signs := func(rest string) string { return out(``, ``) + rest }
	steps(t, map[string]step{
		"a service that may replace another": {guarded, `service New { rpc Perform(E) returns (E); } message E {}`, []string{
			"can't tell replaced-by-weaker t.New/Perform: the method it may replace: t.Old/Do", "neutral method-removed t.Old/Also", "neutral method-removed t.Old/Do"}},
		"a service with the same methods": {guarded, `service New { rpc Also(E) returns (E); rpc Do(E) returns (E); } message E {}`, []string{
			"weaker bearer-not-validated t.New/Also", "weaker bearer-not-validated t.New/Do", "neutral service-renamed t.New"}},
		"a service that was guarded": {`service S { rpc Do(E) returns (E) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; } } message E {} message F {}`,
			`service S { rpc Ping(F) returns (F); } message E {} message F {}`, []string{"weaker open-method-added t.S/Ping", "neutral method-removed t.S/Do"}},
		"ambiguous rename": {guarded, strings.NewReplacer("Do", "Make", "Also", "More").Replace(guarded), []string{
			"neutral method-removed t.Old/Also", "neutral method-removed t.Old/Do", "neutral method-added t.Old/Make", "neutral method-added t.Old/More"}},
		"an open method that signs": {`message M { string tok = 1 [(kalix.field).jwt = {token: true}]; } service S { rpc Old(M) returns (E); } message E {}`,
			`message M { string tok = 1 [(kalix.field).jwt = {token: true}]; } service S { rpc Old(M) returns (E); rpc Login(E) returns (M) { option (kalix.method).jwt = {sign: MESSAGE}; } } message E {}`,
			[]string{"can't tell open-method-added t.S/Login: it signs its response"}},
		"a new service, half open": {`message E {}`, `message E {} service S { rpc A(E) returns (E) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; } rpc B(E) returns (E); }`, []string{
			"weaker open-method-added t.S/B", "neutral method-added t.S/A: (protected)"}},
		"an empty method option hides": {guarded, strings.Replace(guarded, "rpc Do(E) returns (E);", "rpc Do(E) returns (E) { option (kalix.method).jwt = {}; }", 1), []string{
			"weaker bearer-not-validated t.Old/Do: its own option overrides that of t.Old"}},
		"a new method hides": {guarded, strings.Replace(guarded, "rpc Do", "rpc More(E) returns (E) { option (kalix.method).jwt = {}; } rpc Do", 1), []string{
			"weaker open-method-added t.Old/More: its own option overrides that of t.Old"}},
		"signing, and the output's type": {signs(``), strings.Replace(signs(`message N { string tok = 1 [(kalix.field).jwt = {token: true expires_seconds: -1}]; }`), "returns (M)", "returns (N)", 1), []string{
			"weaker expiry-removed t.N.tok: forever, no longer 3600 seconds", "neutral message-type-changed t.S/Do: t.N, no longer t.M"}},
		"an issuer for another": {one(`bearer_token_issuer: "a"`), one(`bearer_token_issuer: "b"`), []string{`weaker issuer-added t.S/Do: "b"`, `stronger issuer-removed t.S/Do: "a"`}},
		"a value for another":   {one(`static_claim: {claim: "r" value: "a"}`), one(`static_claim: {claim: "r" value: "${B}"}`), []string{`weaker static-value-removed t.S/Do: "a" of "r"`, `stronger static-value-added t.S/Do: the variable`}},
		"a pattern for a variable": {one(`static_claim: {claim: "r" value: "${R}"}`), one(`static_claim: {claim: "r" pattern: "a.*"}`), []string{
			"weaker static-value-removed t.S/Do", "stronger static-pattern-changed t.S/Do"}},
		"a variable for a pattern":           {one(`static_claim: {claim: "r" pattern: "a.*"}`), one(`static_claim: {claim: "r" value: "${R}"}`), []string{"can't tell static-pattern-changed t.S/Do", "stronger static-value-added t.S/Do"}},
		"a pattern of a number for its text": {one(`static_claim: {claim: "n" value: "5"}`), one(`static_claim: {claim: "n" pattern: "5"}`), []string{"weaker static-value-removed t.S/Do: for example 5 passes now"}},
		"two patterns for one": {one(`static_claim: {claim: "r" pattern: "a+"}`), one(`static_claim: {claim: "r" pattern: "a*b?"} static_claim: {claim: "r" pattern: "c"}`), []string{
			`weaker static-pattern-widened t.S/Do: for example ["","c"] passes now`, "stronger static-pattern-narrowed t.S/Do: a+ → c"}},
	})
}

func TestMessageChanges(t *testing.T) {
	nested := func(token, fields string) string {
		return `service S { rpc Do(A) returns (A) { option (kalix.method).jwt = {validate: MESSAGE sign: MESSAGE}; } }
message A { string tok = 1 [(kalix.field).jwt = {token: true expires_seconds: 9}]; int64 exp = 2 [(kalix.field).jwt = {claim: INCLUDE}]; string z = 4 [(kalix.field).jwt = {claim: INCLUDE}]; repeated B b = 3 [(kalix.field).jwt = {token: true}]; }
message B { string tok = 1 [(kalix.field).jwt = {token: true ` + token + `}]; repeated B more = 2 [(kalix.field).jwt = {token: true}]; ` + fields + ` }`
	}
	steps(t, map[string]step{
		"A62 an exp field that comes": {out(``, `int64 exp = 2;`), out(``, `int64 exp = 2 [(kalix.field).jwt = {claim: INCLUDE}];`), []string{
			"can't tell expiry-changed t.M.tok", "stronger claim-compared t.M.exp"}},
		"A62 RAW field with exp": {out(`expires_seconds: -1`, ``), out(``, `map<string, string> r = 2 [(kalix.field).jwt = {claim: RAW}];`), []string{
			"stronger expiry-added t.M.tok", "stronger raw-claims-taken t.M.r"}},
		"A52 claims from parents": {nested(`include_parent_claims: true`, ``), nested(``, ``), []string{
			"weaker parent-claims-not-included t.B.tok", "can't tell expiry-changed t.B.tok"}},
		"A52 no longer nested": {nested(`include_parent_claims: true expires_seconds: 5`, ``), strings.ReplaceAll(nested(`include_parent_claims: true expires_seconds: 5`, ``), `B b = 3 [(kalix.field).jwt = {token: true}]`, `B b = 3`), []string{
			"weaker nested-token-not-validated t.A.b"}},
		"A61 a static claim in the place of a parent's": {nested(`include_parent_claims: true expires_seconds: 5`, ``), nested(`include_parent_claims: true expires_seconds: 5 static_claim: {claim: "z" value: "1"}`, ``), []string{
			"weaker parent-claim-shadowed t.B.tok", "stronger static-claim-added t.B.tok"}},
		"A61 a bearer claim in the place of a parent's": {
			strings.ReplaceAll(nested(`include_parent_claims: true expires_seconds: 5`, ``), "{validate: MESSAGE", "{validate: BEARER_TOKEN validate: MESSAGE"),
			strings.ReplaceAll(nested(`include_parent_claims: true expires_seconds: 5 include_bearer_token_claim: "z" issuer: "i"`, ``), "{validate: MESSAGE", "{validate: BEARER_TOKEN validate: MESSAGE"),
			[]string{"weaker parent-claim-shadowed t.B.tok", "stronger bearer-claim-included t.B.tok", "stronger issuers-required t.B.tok"}},
		"A52 decided through DESCEND": {
			nested(`include_parent_claims: true expires_seconds: 5`, `D d = 5 [(kalix.field).jwt = {claim: DESCEND}];`) + `message D { string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }`,
			nested(`include_parent_claims: true expires_seconds: 5`, `D d = 5 [(kalix.field).jwt = {claim: DESCEND}];`) + `message D { string x = 1 [(kalix.field).jwt = {claim: INCLUDE name: "z"}]; }`,
			[]string{"weaker parent-claim-shadowed t.B.tok", "can't tell claim-renamed t.D.x"}},
		"A61 different signing issuer": {out(`issuer: "i"`, ``), out(`issuer: "j" issuer: "i"`, ``), []string{
			"weaker issuer-added t.M.tok", `can't tell signing-issuer-changed t.M.tok: "j", no longer "i"`}},
		"a list for a message":          {in(``, `C c = 2 [(kalix.field).jwt = {claim: NEST}];`), in(``, `repeated C c = 2 [(kalix.field).jwt = {claim: NEST}];`), []string{"can't tell field-changed t.M.c: repeated t.C c = 2"}},
		"map with other values":         {in(``, `map<string, int32> m = 2 [(kalix.field).jwt = {claim: RAW}];`), in(``, `map<string, bool> m = 2 [(kalix.field).jwt = {claim: RAW}];`), []string{"can't tell field-changed t.M.m"}},
		"a well-known type":             {in(``, `google.protobuf.Duration d = 2 [(kalix.field).jwt = {claim: INCLUDE}];`), in(``, `google.protobuf.Timestamp d = 2 [(kalix.field).jwt = {claim: INCLUDE}];`), []string{"can't tell field-changed t.M.d"}},
		"deeply nested":                 {in(``, `P p = 2 [(kalix.field).jwt = {claim: INCLUDE}];`) + `message P { optional int32 s = 1; }`, in(``, `P p = 2 [(kalix.field).jwt = {claim: INCLUDE}];`) + `message P { int32 s = 1; }`, []string{"can't tell field-changed t.M.p: the presence of t.P.s"}},
		"deeply nested kind":            {in(``, `map<string, P> p = 2 [(kalix.field).jwt = {claim: INCLUDE}];`) + `message P { int32 s = 1; }`, in(``, `map<string, P> p = 2 [(kalix.field).jwt = {claim: INCLUDE}];`) + `message P { int64 s = 1; }`, []string{"can't tell field-changed t.M.p: int64 s = 1"}},
		"nested type with another name": {in(``, `C c = 2 [(kalix.field).jwt = {claim: NEST}];`), in(``, `D c = 2 [(kalix.field).jwt = {claim: NEST}];`) + `message D { string x = 1; }`, []string{"weaker claim-not-compared t.D.x", "neutral message-type-changed t.M.c"}},
		"other comparison":              {in(``, `C c = 2 [(kalix.field).jwt = {claim: DESCEND}];`), in(``, `C c = 2 [(kalix.field).jwt = {claim: NEST}];`), []string{"can't tell claim-action-changed t.M.c: NEST, no longer DESCEND"}},
		"bearer message without one": {
			`message M { option (kalix.message).jwt = {validate_bearer_token: true}; string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }`, `message M { string x = 1; }`,
			[]string{"weaker token-not-required t.M"}},
	})
}

// TestA101_NothingToCompare: a version with errors is an error that says which version it
// is.
func TestA101_NothingToCompare(t *testing.T) {
	good, bad := policytest.Load(t, in(``, ``)), policytest.Load(t, in(`expires_seconds: -7 static_claim: {}`, ``))
	for _, r := range []struct {
		old  bool
		call func() ([]Change, error)
	}{
		{false, func() ([]Change, error) { return Compare(good, bad) }},
		{true, func() ([]Change, error) { return Compare(bad, good) }},
		{false, func() ([]Change, error) { return Compare(bad, bad) }},
	} {
		changes, err := r.call()
		var invalid *InvalidError
		if !errors.As(err, &invalid) || invalid.Old != r.old || changes != nil || !fault.Has(err, fault.PolicyInvalid) || fault.ClassOf(err) != fault.Undecided {
			t.Errorf("got %v, %v", changes, err)
		}
		if strings.HasPrefix(err.Error(), "the old version: ") != r.old || !strings.Contains(err.Error(), "expires-seconds-invalid") || !strings.Contains(err.Error(), "static-claim-invalid") {
			t.Error(err)
		}
	}
}

// TestPlaces: a change has the position of the annotation, and says if that is in the old
// version.
func TestPlaces(t *testing.T) {
	old := "message M { string tok = 1 [(kalix.field).jwt = {token: true}];\n\n\nstring a = 2 [(kalix.field).jwt = {claim: INCLUDE}]; string b = 3 [(kalix.field).jwt = {claim: INCLUDE}]; }"
	changes := of(t, old, "message M { string tok = 1 [(kalix.field).jwt = {token: true}];\n string a = 2; string b = 3 [(kalix.field).jwt = {}]; }")
	wants(t, changes, "weaker claim-not-compared t.M.a", "weaker claim-not-compared t.M.b")
	for i, want := range []struct {
		line    int
		deleted bool
	}{{7, true}, {5, false}} {
		if at, deleted := changes[i].Pos(); at.Line != want.line || deleted != want.deleted || changes[i].NewPos.Line != 5 || changes[i].OldPos.Line != 7 {
			t.Errorf("got %v %v, %+v, want %v", at, deleted, changes[i], want.deleted)
		}
	}
	found := Findings(changes, nil)
	if !strings.Contains(found[0].Message, "(the annotation was at "+changes[0].OldPos.String()+")") || strings.Contains(found[1].Message, "was at") {
		t.Errorf("got %+v", found)
	}
	if changes = of(t, in(``, ``), "message E {}"); len(changes) != 2 || changes[0].NewPos.Line != 0 || !changes[0].Deleted {
		t.Errorf("got %+v", changes)
	}
	if found = Findings(changes, nil); found[0].Pos.Line == 0 || !strings.Contains(found[0].Message, "(was at ") {
		t.Errorf("got %+v", found)
	}
}

// TestRules: reports list the kinds, most severe first.
func TestRules(t *testing.T) {
	rules := Rules()
	if len(rules) != len(Kinds()) || rules[0].ID != "bearer-not-validated" || rules[0].Purpose != "A method no longer validates the bearer token." {
		t.Errorf("got %+v", rules[0])
	}
	if !slices.IsSortedFunc(rules, func(a, b finding.Rule) int { return int(b.Severity - a.Severity) }) {
		t.Error("not sorted")
	}
}
