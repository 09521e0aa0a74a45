package keys_test

import (
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestS10_RefusesShortSecrets: HMAC secrets need at least 256 bits, and at least the size of the hash
// that alg names.
func TestS10_RefusesShortSecrets(t *testing.T) {
	secret := func(n int) members { return members{"kty": "oct", "k": b64([]byte(strings.Repeat("\xa5", n)))} }
	checkRows(t, map[string]jwkRow{
		"31 bytes":        {secret(31), fault.KeyWeak},
		"32 bytes":        {secret(32), ""},
		"32 bytes, HS256": {secret(32).with("alg", "HS256"), ""},
		"32 bytes, HS384": {secret(32).with("alg", "HS384"), fault.KeyAlgMismatch},
		"48 bytes, HS384": {secret(48).with("alg", "HS384"), ""},
		"63 bytes, HS512": {secret(63).with("alg", "HS512"), fault.KeyAlgMismatch},
		"64 bytes, HS512": {secret(64).with("alg", "HS512"), ""},
		"empty":           {secret(0), fault.KeyInvalid},
		"no k":            {secret(32).without("k"), fault.KeyInvalid},
		"k with padding":  {secret(32).with("k", strings.Repeat("A", 43)+"="), fault.KeyInvalid},
		"k is a number":   {secret(32).with("k", 1), fault.KeyInvalid},
		"crv is ignored":  {secret(64).with("crv", "P-256"), ""},
	})
}

// TestS10_KindAlgorithmAndUseMatch: type, curve, algorithm and use must match.
func TestS10_KindAlgorithmAndUseMatch(t *testing.T) {
	ec, ec384, rsaKey, okp := publicJWK(t, "P-256"), publicJWK(t, "P-384"), publicJWK(t, "RSA"), publicJWK(t, "OKP")
	oct, private := jwkOf(t, "oct"), jwkOf(t, "P-256")
	checkRows(t, map[string]jwkRow{
		"ES256":                           {ec.with("alg", "ES256"), ""},
		"PS384":                           {rsaKey.with("alg", "PS384"), ""},
		"EdDSA":                           {okp.with("alg", "EdDSA"), ""},
		"Ed25519":                         {okp.with("alg", "Ed25519"), ""},
		"ed25519":                         {okp.with("alg", "ed25519"), fault.KeyAlgMismatch},
		"Ed448":                           {okp.with("alg", "Ed448"), fault.KeyAlgMismatch},
		"Ed25519 with P-256":              {ec.with("alg", "Ed25519"), fault.KeyAlgMismatch},
		"ES521":                           {ec.with("alg", "ES521"), fault.KeyAlgMismatch},
		"ES224":                           {ec.with("alg", "ES224"), fault.KeyAlgMismatch},
		"ES256K":                          {ec.with("alg", "ES256K"), fault.KeyAlgMismatch},
		"es256":                           {ec.with("alg", "es256"), fault.KeyAlgMismatch},
		"none":                            {ec.with("alg", "none"), fault.KeyAlgMismatch},
		"empty alg":                       {ec.with("alg", ""), fault.KeyAlgMismatch},
		"alg is a number":                 {ec.with("alg", 1), fault.KeyInvalid},
		"ES384 with P-256":                {ec.with("alg", "ES384"), fault.KeyAlgMismatch},
		"ES256 with P-384":                {ec384.with("alg", "ES256"), fault.KeyAlgMismatch},
		"RS256 with P-256":                {ec.with("alg", "RS256"), fault.KeyAlgMismatch},
		"HS256 with P-256":                {ec.with("alg", "HS256"), fault.KeyAlgMismatch},
		"ES256 with RSA":                  {rsaKey.with("alg", "ES256"), fault.KeyAlgMismatch},
		"HS256 with RSA":                  {rsaKey.with("alg", "HS256"), fault.KeyAlgMismatch},
		"RSA-OAEP":                        {rsaKey.with("alg", "RSA-OAEP"), fault.KeyAlgMismatch},
		"EdDSA with P-256":                {ec.with("alg", "EdDSA"), fault.KeyAlgMismatch},
		"ES256 with Ed25519":              {okp.with("alg", "ES256"), fault.KeyAlgMismatch},
		"RS256 with a secret":             {oct.with("alg", "RS256"), fault.KeyAlgMismatch},
		"A128KW with a secret":            {oct.with("alg", "A128KW"), fault.KeyAlgMismatch},
		"no kty":                          {ec.without("kty"), fault.KeyInvalid},
		"empty kty":                       {ec.with("kty", ""), fault.KeyInvalid},
		"kty is null":                     {ec.with("kty", nil), fault.KeyInvalid},
		"kty ec":                          {ec.with("kty", "ec"), fault.KeyTypeUnsupported},
		"kty AKP":                         {ec.with("kty", "AKP"), fault.KeyTypeUnsupported},
		"kty RSA with EC numbers":         {ec.with("kty", "RSA"), fault.KeyInvalid},
		"kty EC with RSA numbers":         {rsaKey.with("kty", "EC", "crv", "P-256"), fault.KeyInvalid},
		"no crv":                          {ec.without("crv"), fault.KeyTypeUnsupported},
		"crv P-224":                       {ec.with("crv", "P-224"), fault.KeyTypeUnsupported},
		"crv p-256":                       {ec.with("crv", "p-256"), fault.KeyTypeUnsupported},
		"crv secp256k1":                   {ec.with("crv", "secp256k1"), fault.KeyTypeUnsupported},
		"crv P-256K":                      {ec.with("crv", "P-256K"), fault.KeyTypeUnsupported},
		"crv P-384 on a P-256 key":        {ec.with("crv", "P-384"), fault.KeyInvalid},
		"crv Ed25519 with EC":             {ec.with("crv", "Ed25519"), fault.KeyTypeUnsupported},
		"crv P-256 with OKP":              {okp.with("crv", "P-256"), fault.KeyTypeUnsupported},
		"crv Ed448":                       {okp.with("crv", "Ed448"), fault.KeyTypeUnsupported},
		"crv X25519":                      {okp.with("crv", "X25519"), fault.KeyTypeUnsupported},
		"use sig":                         {ec.with("use", "sig"), ""},
		"use enc":                         {ec.with("use", "enc"), fault.KeyUseMismatch},
		"use SIG":                         {ec.with("use", "SIG"), fault.KeyUseMismatch},
		"empty use":                       {ec.with("use", ""), fault.KeyUseMismatch},
		"use is an array":                 {ec.with("use", []string{"sig"}), fault.KeyInvalid},
		"key_ops sign":                    {private.with("key_ops", []string{"sign"}), ""},
		"key_ops verify":                  {ec.with("key_ops", []string{"verify"}), ""},
		"key_ops with other values":       {ec.with("key_ops", []string{"deriveKey", "verify"}), ""},
		"key_ops without sign and verify": {ec.with("key_ops", []string{"encrypt", "wrapKey"}), fault.KeyUseMismatch},
		"key_ops Sign":                    {ec.with("key_ops", []string{"Sign"}), fault.KeyUseMismatch},
		"key_ops verify twice":            {ec.with("key_ops", []string{"verify", "verify"}), fault.KeyInvalid},
		"empty key_ops":                   {ec.with("key_ops", []string{}), fault.KeyUseMismatch},
		"key_ops is a string":             {ec.with("key_ops", "sign"), fault.KeyInvalid},
		"key_ops is null":                 {ec.with("key_ops", nil), ""},
		"key_ops with a number":           {ec.with("key_ops", []any{"sign", 1}), fault.KeyInvalid},
		"key_ops with null":               {ec.with("key_ops", []any{"sign", nil}), fault.KeyInvalid},
		"kid":                             {ec.with("kid", "../../etc/passwd\x00\u202e"), ""},
		"empty kid":                       {ec.with("kid", ""), fault.KeyInvalid},
		"kid is a number":                 {ec.with("kid", 1), fault.KeyInvalid},
	})
}

// TestS10_KeyOpsBind: key_ops limits the use of a key of any type. A private key that may
// only sign has a public half that may verify; a secret has none.
func TestS10_KeyOpsBind(t *testing.T) {
	for _, name := range []string{"P-256", "P-384", "P-521", "RSA", "OKP", "oct"} {
		for _, c := range []struct {
			ops          []string
			sign, verify bool
		}{
			{[]string{"verify"}, false, true},
			{[]string{"sign"}, true, name != "oct"},
			{[]string{"sign", "verify"}, true, true},
			{[]string{"verify", "deriveKey"}, false, true},
			{nil, true, true},
		} {
			of := jwkOf(t, name)
			if c.ops != nil {
				of = of.with("key_ops", c.ops)
			}
			k := mustParse(t, of.with("kid", "k").text())
			if k.CanSign() != c.sign || (k.SigningMaterial() != nil) != c.sign || k.CanVerify() != c.verify {
				t.Errorf("%s, %q: signs %v, verifies %v, want %v, %v",
					name, c.ops, k.CanSign(), k.CanVerify(), c.sign, c.verify)
			}
			bound := testkit.Must(k.With(keys.Attributes{Issuer: "A"}))
			for _, k := range []*keys.Key{k, bound} {
				r := testkit.Must(keys.NewRing([]*keys.Key{k}))
				signer, err := r.Signer(nil, "")
				if (err == nil) != c.sign || c.sign && signer != k {
					t.Errorf("%s, %q: %v", name, c.ops, err)
				}
				if !c.sign && name == "oct" {
					testkit.WantCode(t, err, fault.KeyUseMismatch)
				}
				for _, kid := range []*string{nil, optional("k")} {
					found, err := r.Find(t.Context(), keys.Query{KeyID: kid, Algorithm: k.Algorithm()})
					if (found != nil) != c.verify {
						t.Errorf("%s, %q, found by %v: %v", name, c.ops, kid, err)
					}
					if !c.verify {
						testkit.WantCode(t, err, fault.KeyNotFound)
					}
				}
			}
		}
		if name != "oct" {
			_, err := parse(publicJWK(t, name).with("key_ops", []string{"sign"}).text())
			testkit.WantCode(t, err, fault.KeyUseMismatch)
		}
	}
	// The same secret, once for signing and once for verifying, counts as two keys.
	oct := jwkOf(t, "oct").with("kid", "k")
	signs, verifies := mustParse(t, oct.with("key_ops", []string{"sign"}).text()), mustParse(t, oct.with("key_ops", []string{"verify"}).text())
	for _, list := range [][]*keys.Key{{signs, verifies}, {verifies, signs}} {
		r := testkit.Must(keys.NewRing(list))
		if k, err := r.Signer(nil, "k"); err != nil || k != signs {
			t.Errorf("signs: %v", err)
		}
		if k, err := r.Find(t.Context(), keys.Query{KeyID: optional("k"), Algorithm: keys.HS256}); err != nil || k != verifies {
			t.Errorf("verifies: %v", err)
		}
	}
}

// TestA22_AlgorithmsOfAKey: a key without alg allows all algorithms of its type and curve, a
// key with alg only that one, and this cannot be widened later.
func TestA22_AlgorithmsOfAKey(t *testing.T) {
	all := map[string]string{
		"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "OKP": "EdDSA Ed25519",
		"RSA": "RS256 RS384 RS512 PS256 PS384 PS512", "oct": "HS256 HS384 HS512",
	}
	for name, want := range all {
		k := newKey(t, name, keys.Attributes{})
		for _, alg := range append(keys.Algorithms(), "none", "", "RS1", "es256") {
			fits := strings.Contains(" "+want+" ", " "+string(alg)+" ") && alg != ""
			if k.Allows(alg) != fits {
				t.Errorf("%s allows %q: %v", name, alg, !fits)
			}
			pinned, err := k.With(keys.Attributes{Algorithm: alg})
			switch {
			case alg == "":
			case !fits:
				testkit.WantCode(t, err, fault.KeyAlgMismatch)
			case err != nil || pinned.Algorithm() != alg || k.Algorithm() != keys.Algorithm(strings.Fields(want)[0]):
				t.Errorf("%s pinned to %s: %v %v", name, alg, pinned, err)
			default:
				for _, other := range keys.Algorithms() {
					same := other == alg || strings.HasPrefix(string(alg), "Ed") && strings.HasPrefix(string(other), "Ed") // A24
					if pinned.Allows(other) != same {
						t.Errorf("%s pinned to %s allows %s: got %v, want %v", name, alg, other, pinned.Allows(other), same)
					}
					if _, err := pinned.With(keys.Attributes{Algorithm: other}); (err == nil) != same {
						t.Errorf("%s pinned to %s, then to %s: %v", name, alg, other, err)
					}
				}
			}
		}
	}
	text := publicJWK(t, "RSA").with("alg", "PS256").text()
	if k := mustParse(t, text); k.Algorithm() != keys.PS256 || k.Allows(keys.RS256) {
		t.Errorf("alg was not kept: %v", k)
	}
	_, err := keys.Parse([]byte(text), keys.Attributes{Algorithm: keys.RS256})
	testkit.WantCode(t, err, fault.KeyAlgMismatch)
}

// TestA24_RefusesOtherAlgorithms: names other than the algorithms of A24 are refused.
func TestA24_RefusesOtherAlgorithms(t *testing.T) {
	if n := len(keys.Algorithms()); n != 14 {
		t.Errorf("%d algorithms, want 14", n)
	}
	for _, alg := range keys.Algorithms() {
		if got, err := keys.ParseAlgorithm(string(alg)); got != alg || err != nil {
			t.Errorf("%s: got %q %v, want %q", alg, got, err, alg)
		}
	}
	for name, hint := range map[string]string{
		"HMD5": "", "HS224": "", "ES224": "", "ES521": "", "RS1": "", "none": "", "": "", " ES256": "", "ES256\x00": "",
		"es256": "ES256", "eddsa": "EdDSA", "Ps512": "PS512",
	} {
		_, err := keys.ParseAlgorithm(name)
		testkit.WantCode(t, err, fault.AlgorithmNotAllowed)
		if f, ok := err.(*fault.Error); !ok || name != "" && !strings.Contains(f.Reason, strings.TrimRight(name, "\x00")) || !strings.HasSuffix(f.Hint, hint) || (f.Hint == "") != (hint == "") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
