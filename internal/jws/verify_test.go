package jws

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// TestS20_KeysInTheHeaderAreNeverUsed: keys in a token's header are neither fetched nor
// used. S20.
func TestS20_KeysInTheHeaderAreNeverUsed(t *testing.T) {
	attacker := signingKey(t, keys.RS256, keys.Attributes{ID: "key-ES256"})
	public, err := attacker.Public()
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := public.JWK()
	if err != nil {
		t.Fatal(err)
	}
	var visits atomic.Int64
	canary := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		visits.Add(1)
		_, _ = w.Write([]byte(`{"keys":[` + string(jwk) + `]}`))
	}))
	defer canary.Close()

	der, err := x509.MarshalPKIXPublicKey(public.VerifyingMaterial())
	if err != nil {
		t.Fatal(err)
	}
	x5c := base64.StdEncoding.EncodeToString(der)
	ring := []*keys.Key{signingKey(t, keys.ES256), signingKey(t, keys.RS384, keys.Attributes{ID: "other", Algorithm: keys.RS384})}
	for _, extra := range []string{
		`"jku":"` + canary.URL + `/jwks.json"`, `"x5u":"` + canary.URL + `/x.pem"`, `"x5c":["` + x5c + `"]`, `"jwk":` + string(jwk),
		`"jku":"` + canary.URL + `","x5u":"` + canary.URL + `","x5t":"AA","x5t#S256":"AA","jwk":` + string(jwk),
	} {
		for kid, want := range map[string]string{
			``:                    "algorithm_not_allowed",
			`,"kid":"attacker"`:   "key_not_found",
			`,"kid":"key-ES256"`:  "algorithm_not_allowed",
			`,"kid":"../x","a":1`: "key_not_found",
		} {
			token := craft(t, keys.RS256, material()[keys.RS256], `{"alg":"RS256",`+extra+kid+`}`, `{"sub":"a"}`)
			wantCodes(t, verifier(t, Policy{}, ring...), token, want)
		}
		// A token with such members is accepted if one of our keys signed it.
		wantCodes(t, verifier(t, Policy{}, ring...), es256(t, `{"alg":"ES256",`+extra+`}`, `{"sub":"a"}`), "ok")
	}
	if n := visits.Load(); n != 0 {
		t.Errorf("%d connections to what the header names, want 0", n)
	}
}

func TestS25_AlgorithmComesFromTheKey(t *testing.T) {
	signed := es256(t, es256Header, `{"sub":"a"}`)
	sig := signatureOf(t, signed)
	v := verifier(t, Policy{}, signingKey(t, keys.ES256, keys.Attributes{ID: "key-ES256"}))
	wantCodes(t, v, signed, "ok")
	for alg, want := range map[string]string{
		`"none"`: "algorithm_not_allowed", `"HS256"`: "algorithm_not_allowed", `"RS256"`: "algorithm_not_allowed",
		`"ES384"`: "algorithm_not_allowed", `"ES512"`: "algorithm_not_allowed", `"es256"`: "algorithm_not_allowed",
		`"Es256"`: "algorithm_not_allowed", `"ES256K"`: "algorithm_not_allowed", `"ES256 "`: "algorithm_not_allowed",
		`""`: "algorithm_not_allowed", `"ESP256"`: "algorithm_not_allowed", `"HS224"`: "algorithm_not_allowed",
		`"HMD5"`: "algorithm_not_allowed", `"Ed25519"`: "algorithm_not_allowed",
		`256`: "token_malformed", `null`: "token_malformed", `["ES256"]`: "token_malformed", `true`: "token_malformed",
	} {
		for _, kid := range []string{"", `,"kid":"key-ES256"`} {
			t.Run(alg+kid, func(t *testing.T) {
				header := `{"alg":` + alg + kid + `}`
				wantCodes(t, v, withSignature(b64(header)+"."+b64(`{"sub":"a"}`)+".x", sig), want)
				wantCodes(t, v, es256(t, header, `{"sub":"a"}`), want) // the signature is over this header
			})
		}
	}
	wantCodes(t, v, es256(t, `{"kid":"key-ES256"}`, `{"sub":"a"}`), "token_malformed")
	wantCodes(t, v, es256(t, `{"ALG":"ES256"}`, `{"sub":"a"}`), "token_malformed")
}

// TestS25_EveryAlgorithmAgainstEveryKey: an EC key is for the one algorithm of its curve;
// a key pinned to one algorithm is for no other, even of its type, except the two names
// of Ed25519 (A24). S25.
func TestS25_EveryAlgorithmAgainstEveryKey(t *testing.T) {
	for _, signer := range keys.Algorithms() {
		token := craft(t, signer, material()[signer], `{"alg":"`+string(signer)+`"}`, `{"sub":"a"}`)
		for _, other := range keys.Algorithms() {
			want := "algorithm_not_allowed"
			if signer == other || strings.HasPrefix(string(signer), "Ed") && strings.HasPrefix(string(other), "Ed") {
				want = "ok"
			}
			wantCodes(t, verifier(t, Policy{}, signingKey(t, other)), token, want)
		}
	}
	// golang-jwt verifies ES512 with a P-256 key, but does not sign so.
	p256 := material()[keys.ES256].(*ecdsa.PrivateKey)
	signed := b64(`{"alg":"ES512"}`) + "." + b64(`{"sub":"a"}`)
	digest := crypto.SHA512.New()
	digest.Write([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, p256, digest.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	sig := make([]byte, 132)
	r.FillBytes(sig[:66])
	s.FillBytes(sig[66:])
	token := withSignature(signed+".x", sig)
	wantCodes(t, verifier(t, Policy{}, signingKey(t, keys.ES256)), token, "algorithm_not_allowed")
	if jwt.SigningMethodES512.Verify(signed, sig, &p256.PublicKey) != nil {
		t.Error("golang-jwt refuses it by itself now")
	}
	parsed, err := Parse(token, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if bad := parsed.checkSignature(signingKey(t, keys.ES256)); bad == nil || bad.Code != fault.AlgorithmNotAllowed {
		t.Errorf("checkSignature: %v", bad)
	}
}

func TestS27_PublicKeyIsNoSecret(t *testing.T) {
	for _, alg := range []keys.Algorithm{keys.RS256, keys.ES256, keys.EdDSA} {
		key := signingKey(t, alg, keys.Attributes{ID: "k"})
		public, err := key.Public()
		if err != nil {
			t.Fatal(err)
		}
		text, err := public.PEM()
		if err != nil {
			t.Fatal(err)
		}
		jwk, err := public.JWK()
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		secrets := map[string][]byte{
			"PEM":                 text,
			"PEM without newline": []byte(strings.TrimRight(string(text), "\n")),
			"DER":                 block.Bytes,
			"SPKI base64":         []byte(base64.StdEncoding.EncodeToString(block.Bytes)),
			"JWK":                 jwk,
		}
		var numbers struct{ N, X string }
		if err := json.Unmarshal(jwk, &numbers); err != nil {
			t.Fatal(err)
		}
		if secrets["n or x bytes"], err = base64.RawURLEncoding.DecodeString(numbers.N + numbers.X); err != nil {
			t.Fatal(err)
		}
		for name, secret := range secrets {
			for _, mac := range []keys.Algorithm{keys.HS256, keys.HS384, keys.HS512} {
				for _, kid := range []string{"", `,"kid":"k"`} {
					t.Run(string(alg)+" "+name+" "+string(mac)+kid, func(t *testing.T) {
						token := craft(t, mac, secret, `{"alg":"`+string(mac)+`"`+kid+`}`, `{"sub":"a"}`)
						wantCodes(t, verifier(t, Policy{}, public), token, "algorithm_not_allowed")
					})
				}
			}
		}
	}
}

func TestS35_KeyIDIsALookupAndNothingElse(t *testing.T) {
	v := verifier(t, Policy{}, signingKey(t, keys.ES256), signingKey(t, keys.ES384))
	for name, kid := range map[string]string{
		"path":         "../../etc/passwd",
		"SQL":          "' OR 1=1 --",
		"URL":          "http://127.0.0.1:1/jwks.json",
		"NUL":          "key-ES256\x00",
		"escape codes": "\x1b]52;c;AAAA\a\x1b[2J",
		"empty":        "",
		"prefix":       "key-ES25",
		"other case":   "KEY-ES256",
		"space":        " key-ES256",
		"two scripts":  "key-\u202eES256",
		"3 KiB":        strings.Repeat("k", 3<<10),
	} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(kid)
			if err != nil {
				t.Fatal(err)
			}
			token := es256(t, `{"alg":"ES256","kid":`+string(text)+`}`, `{"sub":"a"}`)
			wantCodes(t, v, token, "key_not_found")
			_, err = v.Verify(context.Background(), token)
			if strings.ContainsAny(err.Error(), "\x00\x1b\a\u202e") || len(err.Error()) > 200 {
				t.Errorf("shown unescaped or untruncated: %q", err.Error())
			}
		})
	}
	ten := `{"alg":"ES256","kid":"` + strings.Repeat("k", 10<<10) + `"}`
	wantCodes(t, v, es256(t, ten, `{}`), "limit_exceeded")
	wantCodes(t, verifier(t, Policy{Limits: Limits{HeaderBytes: 16 << 10}}, signingKey(t, keys.ES256)), es256(t, ten, `{}`), "key_not_found")
	for _, kid := range []string{`1`, `null`, `true`, `["key-ES256"]`, `{"kid":"key-ES256"}`} {
		wantCodes(t, v, es256(t, `{"alg":"ES256","kid":`+kid+`}`, `{}`), "token_malformed")
	}
}

// TestS35_WithoutKeyIDOneKeyDecides: without kid, only the first key for the algorithm is
// tried. S35, A21.
func TestS35_WithoutKeyIDOneKeyDecides(t *testing.T) {
	first := signingKey(t, keys.RS256, keys.Attributes{ID: "first"})
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	second, err := keys.New(other, keys.Attributes{ID: "second"})
	if err != nil {
		t.Fatal(err)
	}
	token := craft(t, keys.RS256, other, `{"alg":"RS256"}`, `{"sub":"a"}`)
	wantCodes(t, verifier(t, Policy{}, signingKey(t, keys.ES256), second, first), token, "ok")
	wantCodes(t, verifier(t, Policy{}, signingKey(t, keys.ES256), first, second), token, "signature_invalid")
	named := craft(t, keys.RS256, other, `{"alg":"RS256","kid":"second"}`, `{"sub":"a"}`)
	wantCodes(t, verifier(t, Policy{}, first, second), named, "ok")
}

// TestA20_IssuerChoosesTheKeys: a key bound to an issuer vouches for no other, and no
// other key vouches for an issuer with bound keys. A20.
func TestA20_IssuerChoosesTheKeys(t *testing.T) {
	bound := signingKey(t, keys.ES256, keys.Attributes{ID: "k", Issuer: "https://a"})
	free := signingKey(t, keys.ES384, keys.Attributes{ID: "free"})
	v := verifier(t, Policy{}, bound, free)
	by384 := func(payload string) string {
		return craft(t, keys.ES384, material()[keys.ES384], `{"alg":"ES384"}`, payload)
	}
	for name, c := range map[string]struct{ token, want string }{
		"own issuer":                  {es256(t, `{"alg":"ES256","kid":"k"}`, `{"iss":"https://a"}`), "ok"},
		"no issuer":                   {es256(t, `{"alg":"ES256","kid":"k"}`, `{}`), "ok"},
		"another's":                   {es256(t, `{"alg":"ES256","kid":"k"}`, `{"iss":"https://b"}`), "key_not_found"},
		"another issuer, no kid":      {es256(t, `{"alg":"ES256"}`, `{"iss":"https://b"}`), "algorithm_not_allowed"},
		"other case":                  {es256(t, `{"alg":"ES256","kid":"k"}`, `{"iss":"https://A"}`), "key_not_found"},
		"claim with another name":     {es256(t, `{"alg":"ES256","kid":"k"}`, `{"ISS":"https://b"}`), "ok"},
		"unbound key, unbound issuer": {by384(`{"iss":"https://b"}`), "ok"},
		"unbound key, bound issuer":   {by384(`{"iss":"https://a"}`), "algorithm_not_allowed"},
		"number as issuer":            {es256(t, `{"alg":"ES256","kid":"k"}`, `{"iss":1}`), "invalid_claim"},
		"null as issuer":              {es256(t, `{"alg":"ES256","kid":"k"}`, `{"iss":null}`), "invalid_claim"},
		"array of issuers":            {es256(t, `{"alg":"ES256","kid":"k"}`, `{"iss":"https://a","iss":"https://b"}`), "token_malformed"},
		"escaped issuer":              {es256(t, `{"alg":"ES256","kid":"k"}`, `{"iss":"https:\/\/b"}`), "key_not_found"},
	} {
		t.Run(name, func(t *testing.T) { wantCodes(t, v, c.token, c.want) })
	}
}

func TestS40_BadSignatureSaysNothingElse(t *testing.T) {
	v := verifier(t, Policy{Issuers: []string{"i"}, Audiences: []string{"a"}, Type: "x", RequireExpiry: true}, signingKey(t, keys.ES256))
	for name, payload := range map[string]string{
		"expired": `{"exp":1}`, "wrong everything": `{"iss":"x","exp":"1","nbf":0,"aud":1}`, "no claims": `text`, "good": `{"iss":"i","aud":"a","exp":3000000000}`,
	} {
		token := es256(t, es256Header, payload)
		sig := signatureOf(t, token)
		sig[10] ^= 1
		t.Run(name, func(t *testing.T) { wantCodes(t, v, withSignature(token, sig), "signature_invalid") })
	}
	// With a valid signature, all failures are reported, in order.
	token := es256(t, es256Header, `{"nbf":2000000001,"exp":1,"aud":["b"],"iss":7,"iat":null}`)
	wantCodes(t, v, token, "type_not_allowed,invalid_claim,audience_not_allowed,token_expired,token_not_yet_valid,invalid_claim")
	_, err := v.Verify(context.Background(), token)
	if !fault.Has(err, fault.TokenExpired) || fault.ClassOf(err) != fault.Refused {
		t.Errorf("%v has class %d, want %d", err, fault.ClassOf(err), fault.Refused)
	}
	if _, err := v.Verify(context.Background(), es256(t, `{"alg":"ES256","typ":"x"}`, `{"iss":"i","aud":"a","exp":1}`)); codes(err) != "token_expired" {
		t.Errorf("got %v", err)
	} else if _, plain := err.(*fault.Error); !plain {
		t.Errorf("a single failure is a %T", err)
	}
	// VerifyPayload checks only the signature.
	if payload, key, err := v.VerifyPayload(context.Background(), es256(t, es256Header, `text`)); err != nil || string(payload) != "text" || key.ID() != "key-ES256" {
		t.Errorf("got %q, %v, %v", payload, key, err)
	}
}
