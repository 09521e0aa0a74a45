package keys_test

import (
	"context"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// ringRow looks up the key of a token in a ring. An empty iss or kid means that the token
// has none.
type ringRow struct {
	iss, kid string
	alg      keys.Algorithm
	want     string // the ID of the key found, with its issuer if it has one
	code     fault.Code
}

// ringOf makes a ring of keys given as {name in material, id, issuer}.
func ringOf(tb testing.TB, list ...[3]string) *keys.Ring {
	tb.Helper()
	var made []*keys.Key
	for _, k := range list {
		made = append(made, newKey(tb, k[0], keys.Attributes{ID: k[1], Issuer: k[2]}))
	}
	r, err := keys.NewRing(made)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func name(k *keys.Key) string {
	switch {
	case k == nil:
		return ""
	case k.Issuer() == "":
		return k.ID()
	}
	return k.ID() + "@" + k.Issuer()
}

func checkFind(t *testing.T, r *keys.Ring, rows map[string]ringRow) {
	t.Helper()
	for label, c := range rows {
		t.Run(label, func(t *testing.T) {
			k, err := r.Find(context.Background(), keys.Query{Issuer: optional(c.iss), KeyID: optional(c.kid), Algorithm: c.alg})
			testkit.WantCode(t, err, c.code)
			if name(k) != c.want {
				t.Errorf("got %q, want %q", name(k), c.want)
			}
		})
	}
}

// TestA20_IssuerFirst: a key bound to one issuer never vouches for another.
func TestA20_IssuerFirst(t *testing.T) {
	r := ringOf(t, [3]string{"P-256", "free", ""}, [3]string{"EC2", "a", "A"}, [3]string{"P-384", "b", "B"})
	checkFind(t, r, map[string]ringRow{
		"the issuer's key":             {iss: "A", kid: "a", alg: keys.ES256, want: "a@A"},
		"the issuer's key, no kid":     {iss: "A", alg: keys.ES256, want: "a@A"},
		"another issuer's key":         {iss: "A", kid: "b", alg: keys.ES384, code: fault.KeyNotFound},
		"unbound key, bound issuer":    {iss: "A", kid: "free", alg: keys.ES256, code: fault.KeyNotFound},
		"no key for alg, bound issuer": {iss: "B", alg: keys.ES256, code: fault.AlgorithmNotAllowed},
		"unknown issuer":               {iss: "C", kid: "free", alg: keys.ES256, want: "free"},
		"unknown issuer, no kid":       {iss: "C", alg: keys.ES256, want: "free"},
		"unknown issuer, key of A":     {iss: "C", kid: "a", alg: keys.ES256, code: fault.KeyNotFound},
		"issuer in other case":         {iss: "a", kid: "a", alg: keys.ES256, code: fault.KeyNotFound},
		"no issuer, A's key":           {kid: "a", alg: keys.ES256, want: "a@A"},
		"no issuer, B's key":           {kid: "b", alg: keys.ES384, want: "b@B"},
		"no issuer, no kid":            {alg: keys.ES384, want: "b@B"},
	})
	empty := ""
	k, err := r.Find(context.Background(), keys.Query{Issuer: &empty, Algorithm: keys.ES256})
	if err != nil || k.ID() != "free" {
		t.Errorf("iss \"\": %v %v", k, err)
	}
	checkFind(t, ringOf(t, [3]string{"P-256", "a", "A"}), map[string]ringRow{
		"no unbound key": {iss: "C", kid: "a", alg: keys.ES256, code: fault.KeyNotFound},
	})
	checkFind(t, ringOf(t), map[string]ringRow{"no keys": {alg: keys.ES256, code: fault.KeyNotFound}})
}

// TestA21_SelectsByKeyID: keys are selected by ID; for a token without an ID, by the first that
// allows the algorithm.
func TestA21_SelectsByKeyID(t *testing.T) {
	r := ringOf(t, [3]string{"RSA", "r", ""}, [3]string{"P-256", "e1", ""}, [3]string{"EC2", "e2", ""}, [3]string{"OKP", "../../etc/passwd", ""})
	checkFind(t, r, map[string]ringRow{
		"by id":                    {kid: "e2", alg: keys.ES256, want: "e2"},
		"by unusual id":            {kid: "../../etc/passwd", alg: keys.EdDSA, want: "../../etc/passwd"},
		"unknown id":               {kid: "e3", alg: keys.ES256, code: fault.KeyNotFound},
		"part of an id":            {kid: "e", alg: keys.ES256, code: fault.KeyNotFound},
		"other case":               {kid: "E1", alg: keys.ES256, code: fault.KeyNotFound},
		"no id: the first ES256":   {alg: keys.ES256, want: "e1"},
		"no id: the first PS512":   {alg: keys.PS512, want: "r"},
		"no id: unknown algorithm": {alg: keys.ES512, code: fault.AlgorithmNotAllowed},
	})
	same := ringOf(t, [3]string{"P-256", "a", "A"}, [3]string{"EC2", "a", "B"}, [3]string{"P-384", "a", ""})
	checkFind(t, same, map[string]ringRow{
		"one id, issuer A":       {iss: "A", kid: "a", alg: keys.ES256, want: "a@A"},
		"one id, issuer B":       {iss: "B", kid: "a", alg: keys.ES256, want: "a@B"},
		"one id, no issuer: alg": {kid: "a", alg: keys.ES384, want: "a"},
		"one id, no issuer":      {kid: "a", alg: keys.ES256, want: "a@A"},
		"one id, unknown issuer": {iss: "C", kid: "a", alg: keys.ES384, want: "a"},
		"one id, no key for alg": {iss: "C", kid: "a", alg: keys.ES256, code: fault.AlgorithmNotAllowed},
	})
}

// TestA22_KeysAndSecrets: the key must allow the algorithm, and a secret is never used as
// a public key.
func TestA22_KeysAndSecrets(t *testing.T) {
	r := ringOf(t, [3]string{"RSA", "r", ""}, [3]string{"oct", "s", ""})
	checkFind(t, r, map[string]ringRow{
		"RS256 by RSA":    {kid: "r", alg: keys.RS256, want: "r"},
		"HS256 by RSA":    {kid: "r", alg: keys.HS256, code: fault.AlgorithmNotAllowed},
		"RS256 by secret": {kid: "s", alg: keys.RS256, code: fault.AlgorithmNotAllowed},
		"HS256 by secret": {kid: "s", alg: keys.HS256, want: "s"},
		"none":            {kid: "r", alg: keys.None, code: fault.AlgorithmNotAllowed},
		"none, no id":     {alg: keys.None, code: fault.AlgorithmNotAllowed},
		"empty alg":       {kid: "r", alg: "", code: fault.AlgorithmNotAllowed},
		"rs256":           {kid: "r", alg: "rs256", code: fault.AlgorithmNotAllowed},
	})
}

// TestA23_SelectsTheSigner checks which key signs.
func TestA23_SelectsTheSigner(t *testing.T) {
	public := func(name string, a keys.Attributes) *keys.Key { return publicHalf(t, name, a) }
	private := func(name string, a keys.Attributes) *keys.Key { return newKey(t, name, a) }
	full := []*keys.Key{
		public("P-256", keys.Attributes{ID: "pub"}), private("EC2", keys.Attributes{ID: "b1", Issuer: "B"}),
		private("P-384", keys.Attributes{ID: "free"}), public("P-521", keys.Attributes{ID: "pubA", Issuer: "A"}),
		private("RSA", keys.Attributes{ID: "a1", Issuer: "A"}), private("OKP", keys.Attributes{ID: "a2", Issuer: "A"}),
	}
	bound := []*keys.Key{private("EC2", keys.Attributes{ID: "x", Issuer: "B"}), private("RSA", keys.Attributes{ID: "x", Issuer: "A"})}
	tests := map[string]struct {
		list     []*keys.Key
		iss, kid string
		want     string
		code     fault.Code
	}{
		"first key of the issuer":     {full, "A", "", "a1@A", ""},
		"else an unbound key":         {full, "C", "", "free", ""},
		"no issuer: the first":        {full, "", "", "b1@B", ""},
		"by id":                       {full, "", "a2", "a2@A", ""},
		"by id, of another issuer":    {full, "A", "b1", "", fault.KeyMissing},
		"by id, without an issuer":    {full, "A", "free", "free", ""},
		"by id, a public key":         {full, "", "pub", "", fault.KeyNotPrivate},
		"by id, unknown":              {full, "", "zzz", "", fault.KeyMissing},
		"one id, two issuers":         {bound, "A", "x", "x@A", ""},
		"one id, another issuer":      {bound, "C", "x", "", fault.KeyMissing},
		"no key of the issuer":        {bound, "C", "", "", fault.KeyMissing},
		"only key cannot sign":        {full[:1], "", "", "", fault.KeyNotPrivate},
		"only key cannot sign, bound": {full[3:4], "A", "", "", fault.KeyNotPrivate},
		"none of several can sign":    {[]*keys.Key{full[0], full[3]}, "", "", "", fault.KeyMissing},
		"no keys":                     {nil, "", "", "", fault.KeyMissing},
		"secret signs":                {[]*keys.Key{private("oct", keys.Attributes{ID: "s"})}, "", "", "s", ""},
		"development key signs":       {[]*keys.Key{keys.Development("dev-issuer")}, "", "", "dev@dev-issuer", ""},
	}
	for label, c := range tests {
		t.Run(label, func(t *testing.T) {
			r, err := keys.NewRing(c.list)
			if err != nil {
				t.Fatal(err)
			}
			k, err := r.Signer(optional(c.iss), c.kid)
			testkit.WantCode(t, err, c.code)
			if name(k) != c.want {
				t.Errorf("got %q, want %q", name(k), c.want)
			}
			if k != nil && k.RequireSigner() != nil {
				t.Errorf("%v cannot sign", k)
			}
		})
	}
}

// TestA20_OneIDOneKey: within an issuer, an ID identifies one key.
func TestA20_OneIDOneKey(t *testing.T) {
	id := keys.Attributes{ID: "a"}
	private, public := newKey(t, "RSA", id), publicHalf(t, "RSA", id)
	pinned := newKey(t, "RSA", keys.Attributes{ID: "a", Algorithm: keys.PS256})
	for label, c := range map[string]struct {
		list []*keys.Key
		n    int
		code fault.Code
	}{
		"same key twice":             {[]*keys.Key{private, private}, 1, ""},
		"both halves":                {[]*keys.Key{public, private}, 2, ""},
		"both halves, private first": {[]*keys.Key{private, public}, 1, ""},
		"other algorithm":            {[]*keys.Key{pinned, private}, 2, ""},
		"other keys":                 {[]*keys.Key{private, newKey(t, "EC2", id)}, 0, fault.KeyAmbiguous},
		"a secret and a key":         {[]*keys.Key{newKey(t, "oct", id), private}, 0, fault.KeyAmbiguous},
		"other issuers":              {[]*keys.Key{private, newKey(t, "EC2", keys.Attributes{ID: "a", Issuer: "A"})}, 2, ""},
		"third key differs":          {[]*keys.Key{private, newKey(t, "OKP", keys.Attributes{}), newKey(t, "EC2", id)}, 0, fault.KeyAmbiguous},
	} {
		t.Run(label, func(t *testing.T) {
			r, err := keys.NewRing(c.list)
			testkit.WantCode(t, err, c.code)
			if err != nil {
				return
			}
			if len(r.Keys()) != c.n {
				t.Errorf("%d keys, want %d", len(r.Keys()), c.n)
			}
			if k, err := r.Signer(nil, "a"); err != nil || !k.CanSign() {
				t.Errorf("the private half is lost: %v %v", k, err)
			}
			if k, err := r.Find(context.Background(), keys.Query{Algorithm: keys.RS512}); err != nil || k.Type() != keys.TypeRSA {
				t.Errorf("RS512 is lost: %v %v", k, err)
			}
		})
	}
}

// TestS89_EmptyIssuerIsAnIssuer: an empty issuer is an issuer, but not that of any bound
// key.
func TestS89_EmptyIssuerIsAnIssuer(t *testing.T) {
	empty := ""
	bound, free := newKey(t, "EC2", keys.Attributes{ID: "b", Issuer: "B"}), newKey(t, "RSA", keys.Attributes{ID: "f"})
	if k, err := testkit.Must(keys.NewRing([]*keys.Key{bound, free})).Signer(&empty, ""); err != nil || k != free {
		t.Errorf("got %v, %v, want %v", k, err, free)
	}
	_, err := testkit.Must(keys.NewRing([]*keys.Key{bound})).Signer(&empty, "")
	testkit.WantCode(t, err, fault.KeyMissing)
}
