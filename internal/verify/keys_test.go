package verify_test

import (
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

const withIssuers = `
message M { string tok = 1 [(kalix.field).jwt = {token: true}]; string user = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }
message A { string tok = 1 [(kalix.field).jwt = {token: true issuer: "a" issuer: "b"}]; }
message B { string tok = 1 [(kalix.field).jwt = {token: true issuer: "b"}]; }
message C { string tok = 1 [(kalix.field).jwt = {token: true issuer: "c"}]; }
`

func TestA20_A21_A22_KeyOfAMessageToken(t *testing.T) {
	a, b, free := es256(t, "k-a", "a"), es256(t, "k-b", "b"), es256(t, "k-free", "")
	rs := policytest.Key(t, keys.RS256, keys.Attributes{ID: "k-rs"})
	w := policytest.New(t, withIssuers, policytest.Setup{Keys: []*keys.Key{a, b, free, rs}})
	as := func(key *keys.Key, id string) *keys.Key { // key with another ID
		k, err := key.With(keys.Attributes{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	for name, c := range map[string]struct {
		of, claims string
		key        *keys.Key
		code       fault.Code
	}{
		"A20 key of the issuer":                  {of: "A", claims: `{"iss":"a"}`, key: a},
		"A20 key of another issuer":              {of: "A", claims: `{"iss":"a"}`, key: b, code: fault.KeyNotFound},
		"A20 unbound key":                        {of: "A", claims: `{"iss":"a"}`, key: free, code: fault.KeyNotFound},
		"A20 unknown issuer, unbound key":        {of: "C", claims: `{"iss":"c"}`, key: free},
		"A20 unknown issuer, bound key":          {of: "C", claims: `{"iss":"c"}`, key: a, code: fault.KeyNotFound},
		"A20 no issuer, any key":                 {of: "M", claims: `{}`, key: b},
		"A50 issuer of the key is not enough":    {of: "B", claims: `{"iss":"a"}`, key: a, code: fault.IssuerNotAllowed},
		"A21 unknown id":                         {of: "M", claims: `{}`, key: as(free, "other"), code: fault.KeyNotFound},
		"A21 id of another key":                  {of: "M", claims: `{}`, key: as(free, "k-b"), code: fault.SignatureInvalid},
		"A22 id of a key with another algorithm": {of: "M", claims: `{}`, key: as(free, "k-rs"), code: fault.AlgorithmNotAllowed},
		"A22 RS256":                              {of: "M", claims: `{}`, key: rs},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Verify(c.of, inField(signed(t, c.key, c.claims)), nil)
			if c.code != "" {
				refused(t, err, c.code, "tok")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestA23_KeyToSignWith(t *testing.T) {
	a, b, free, free2 := es256(t, "k-a", "a"), es256(t, "k-b", "b"), es256(t, "k-free", ""), es256(t, "k-free2", "")
	public, err := es256(t, "k-a0", "a").Public()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		of, kid string
		ring    []*keys.Key
		want    string
	}{
		"key of the first issuer":  {of: "A", ring: []*keys.Key{b, free, public, a}, want: "k-a"},
		"key of the second issuer": {of: "A", ring: []*keys.Key{b, free}, want: "k-free"},
		"else an unbound key":      {of: "C", ring: []*keys.Key{a, b, free, free2}, want: "k-free"},
		"no issuer, the first":     {of: "M", ring: []*keys.Key{public, b, free}, want: "k-b"},
		"--kid overrides":          {of: "A", kid: "k-free2", ring: []*keys.Key{a, free, free2}, want: "k-free2"},
		"no key of the issuer":     {of: "A", ring: []*keys.Key{b}},
		"no key that can sign":     {of: "A", ring: []*keys.Key{public}},
		"unknown --kid":            {of: "A", kid: "x", ring: []*keys.Key{a}},
		"--kid that cannot sign":   {of: "A", kid: "k-a0", ring: []*keys.Key{a, public}},
	} {
		t.Run(name, func(t *testing.T) {
			w := policytest.New(t, withIssuers, policytest.Setup{Keys: c.ring, SignKID: c.kid})
			p, m := w.Message(c.of, `{}`)
			made, err := w.Signer.Message(p, m, nil)
			if c.want == "" {
				if fault.ClassOf(err) < fault.Usage || made != nil || m.Has(p.Token.Field) {
					t.Errorf("got %v, %v", made, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			token, err := jws.Parse(m.Get(p.Token.Field).String(), jws.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if kid := token.Header().KeyID; kid == nil || *kid != c.want || len(made) != 1 || made[0].Key.ID() != c.want || made[0].Path != "tok" {
				t.Errorf("signed with %v (%v), want %s", kid, made, c.want)
			}
		})
	}
}

func TestA24_EachAlgorithmVerifies(t *testing.T) {
	rsa := policytest.Key(t, keys.RS256, keys.Attributes{ID: "k-rs"}).SigningMaterial()
	for _, alg := range keys.Algorithms() {
		var key *keys.Key
		if alg[0] == 'R' || alg[0] == 'P' {
			var err error
			if key, err = keys.New(rsa, keys.Attributes{ID: "k", Algorithm: alg}); err != nil {
				t.Fatal(err)
			}
		} else {
			key = policytest.Key(t, alg, keys.Attributes{ID: "k"})
		}
		w := policytest.New(t, withIssuers, policytest.Setup{Keys: []*keys.Key{key}})
		m, err := w.Sign("M", `{"user":"a"}`, nil)
		if err != nil {
			t.Fatal(alg, err)
		}
		if _, err := w.Verify("M", w.JSON(m), nil); err != nil {
			t.Error(alg, err)
		}
	}
	w := policytest.New(t, withIssuers, policytest.Setup{})
	for _, alg := range []string{"HMD5", "HS224", "ES256K", "none", "es256", "PS"} {
		_, err := w.Verify("M", inField(unsigned(`{"alg":"`+alg+`"}`, `{}`)+".c2ln"), nil)
		refused(t, err, fault.AlgorithmNotAllowed, "tok")
	}
}

// TestA25_AnyKeyFileVerifies: the public half from any kind of file verifies a token. A25.
func TestA25_AnyKeyFileVerifies(t *testing.T) {
	private := es256(t, "k", "")
	public, err := private.Public()
	if err != nil {
		t.Fatal(err)
	}
	other, err := es256(t, "k2", "").Public()
	if err != nil {
		t.Fatal(err)
	}
	token := inField(signed(t, private, `{}`))
	for _, format := range []keygen.Format{keygen.PEM, keygen.JWK} {
		for name, c := range map[string]struct {
			key  *keys.Key
			code fault.Code
		}{"private": {key: private}, "public": {key: public}, "another": {key: other, code: fault.SignatureInvalid}} {
			data, err := keygen.Encode(c.key, format)
			if err != nil {
				t.Fatal(err)
			}
			loaded, err := keys.Parse(data, keys.Attributes{})
			if err != nil {
				t.Fatal(err)
			}
			key, err := loaded.Keys[0].With(keys.Attributes{ID: "k"})
			if err != nil {
				t.Fatal(err)
			}
			w := policytest.New(t, withIssuers, policytest.Setup{Keys: []*keys.Key{key}})
			if _, err := w.Verify("M", token, nil); fault.CodeOf(err) != c.code {
				t.Errorf("%s %s: got %v, want %v", format, name, err, c.code)
			}
		}
	}
}
