package token_test

import (
	"bytes"
	"context"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/internal/token"
)

// attempt runs another project's tool and returns its output and error.
func attempt(t testing.TB, tool string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Fatalf("%s is not installed: apt-get install jose openssl", tool)
	}
	out, err := exec.Command(path, args...).Output()
	return string(out), err
}

func run(t testing.TB, tool string, args ...string) string {
	t.Helper()
	out, err := attempt(t, tool, args...)
	if err != nil {
		t.Fatalf("%s %s: %v", tool, strings.Join(args, " "), err)
	}
	return out
}

func newKey(alg keys.Algorithm) *keys.Key {
	return testkit.Must(keygen.Generate(keygen.Request{Algorithm: alg}))
}

// mint returns a token signed with key, and its claims.
func mint(key *keys.Key) (compact string, claims []byte) {
	claims = testkit.Must(token.Claims(token.Request{Subject: "s", Permissions: []string{"default:read"}, TTL: time.Hour, Now: noon}))
	return testkit.Must(jws.SignChecked(key, claims)), claims
}

func verify(t testing.TB, key *keys.Key, compact string) error {
	t.Helper()
	v := testkit.Must(jws.NewVerifier(testkit.Must(keys.NewRing([]*keys.Key{key})), jws.Policy{}, func() time.Time { return noon }))
	_, err := v.Verify(context.Background(), compact)
	return err
}

// joseAlgorithms returns the algorithms that jose 11 supports.
func joseAlgorithms() []keys.Algorithm {
	var list []keys.Algorithm
	for _, alg := range keys.Algorithms() {
		if alg != keys.EdDSA && alg != keys.Ed25519 {
			list = append(list, alg)
		}
	}
	return list
}

// other returns compact with the second to last byte of the claims changed.
func other(compact string) string {
	parts := strings.Split(compact, ".")
	claims := testkit.Must(base64.RawURLEncoding.DecodeString(parts[1]))
	claims[len(claims)-2] ^= 1
	parts[1] = base64.RawURLEncoding.EncodeToString(claims)
	return strings.Join(parts, ".")
}

// TestS25_JoseVerifiesOurs: jose verifies our tokens, and refuses them with one byte
// changed.
func TestS25_JoseVerifiesOurs(t *testing.T) {
	for _, alg := range joseAlgorithms() {
		key := newKey(alg)
		half := key
		if key.Type() != keys.TypeSecret {
			half = testkit.Must(key.Public())
		}
		jwk := testkit.File(t, filepath.Join(t.TempDir(), "jwk"), string(testkit.Must(half.JWK())))
		compact, claims := mint(key)
		if got := run(t, "jose", "jws", "ver", "-i", testkit.File(t, filepath.Join(t.TempDir(), "jws"), compact), "-k", jwk, "-O", "-"); got != string(claims) {
			t.Errorf("%s: jose: got %s, want %s", alg, got, claims)
		}
		if _, err := attempt(t, "jose", "jws", "ver", "-i", testkit.File(t, filepath.Join(t.TempDir(), "jws"), other(compact)), "-k", jwk); err == nil {
			t.Errorf("%s: jose verifies a changed token", alg)
		}
	}
}

// TestS25_WeVerifyJose: we verify jose's tokens, with and without a kid.
func TestS25_WeVerifyJose(t *testing.T) {
	for _, alg := range joseAlgorithms() {
		jwk := testkit.File(t, filepath.Join(t.TempDir(), "jwk"), run(t, "jose", "jwk", "gen", "-i", `{"alg":"`+string(alg)+`","kid":"k"}`))
		loaded, err := keys.Parse(testkit.Must(os.ReadFile(jwk)), keys.Attributes{})
		if err != nil {
			t.Fatal(err)
		}
		payload := testkit.File(t, filepath.Join(t.TempDir(), "payload"), `{"sub":"s","exp":2000000060}`)
		for _, header := range []string{`{"protected":{"kid":"k","typ":"JWT"}}`, `{}`} {
			compact := strings.TrimSpace(run(t, "jose", "jws", "sig", "-I", payload, "-k", jwk, "-s", header, "-c"))
			if err := verify(t, loaded.Keys[0], compact); err != nil {
				t.Errorf("%s %s: %v", alg, header, err)
			}
			if err := verify(t, loaded.Keys[0], other(compact)); !fault.Has(err, fault.SignatureInvalid) {
				t.Errorf("%s %s, changed: %v", alg, header, err)
			}
		}
	}
}

// opensslFlags returns the flags with which openssl makes and checks signatures of alg.
func opensslFlags(alg keys.Algorithm) []string {
	hash := "-sha" + string(alg)[2:]
	if alg[0] == 'P' {
		return []string{hash, "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"}
	}
	return []string{hash}
}

// opensslAlgorithms returns the algorithms that openssl dgst supports. EdDSA has no
// digest and needs openssl pkeyutl.
func opensslAlgorithms() []keys.Algorithm {
	return []keys.Algorithm{keys.ES256, keys.ES384, keys.RS256, keys.RS512, keys.PS256, keys.PS384, keys.EdDSA}
}

// TestS25_OpenSSLVerifiesOurs: openssl verifies the signatures of our tokens.
func TestS25_OpenSSLVerifiesOurs(t *testing.T) {
	for _, alg := range opensslAlgorithms() {
		key := newKey(alg)
		public := testkit.File(t, filepath.Join(t.TempDir(), "public"), string(testkit.Must(testkit.Must(key.Public()).PEM())))
		compact, _ := mint(key)
		dot := strings.LastIndexByte(compact, '.')
		sig := testkit.Must(base64.RawURLEncoding.DecodeString(compact[dot+1:]))
		if key.Type() == keys.TypeEC {
			sig = toDER(sig)
		}
		sigFile := testkit.File(t, filepath.Join(t.TempDir(), "sig"), string(sig))
		for data, good := range map[string]bool{compact[:dot]: true, compact[:dot] + "x": false} {
			args := append([]string{"dgst", "-verify", public, "-signature", sigFile}, opensslFlags(alg)...)
			if alg == keys.EdDSA {
				args = []string{"pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-sigfile", sigFile, "-in"}
			}
			if out, err := attempt(t, "openssl", append(args, testkit.File(t, filepath.Join(t.TempDir(), "data"), data))...); (err == nil) != good {
				t.Errorf("%s, valid %v: openssl printed %s (%v)", alg, good, out, err)
			}
		}
	}
}

// TestS25_WeVerifyOpenSSL: we verify signatures that openssl made with its own key.
func TestS25_WeVerifyOpenSSL(t *testing.T) {
	made := map[byte][]string{
		'R': {"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}, '2': {"ecparam", "-genkey", "-name", "prime256v1"},
		'3': {"ecparam", "-genkey", "-name", "secp384r1"}, 'd': {"genpkey", "-algorithm", "ED25519"},
	}
	made['S'] = made['R']
	for _, alg := range opensslAlgorithms() {
		kind := alg[1] // S of PS and ES, S of RS, d of EdDSA
		if alg[0] == 'E' && kind == 'S' {
			kind = alg[2]
		}
		pem := testkit.File(t, filepath.Join(t.TempDir(), "key"), run(t, "openssl", made[kind]...))
		loaded, err := keys.Parse(testkit.Must(os.ReadFile(pem)), keys.Attributes{})
		if err != nil {
			t.Fatal(err)
		}
		b64 := base64.RawURLEncoding.EncodeToString
		signed := b64([]byte(`{"alg":"`+string(alg)+`"}`)) + "." + b64([]byte(`{"exp":2000000060}`))
		args := append([]string{"dgst", "-sign", pem}, opensslFlags(alg)...)
		if alg == keys.EdDSA {
			args = []string{"pkeyutl", "-sign", "-inkey", pem, "-rawin", "-in"}
		}
		sig := []byte(run(t, "openssl", append(args, testkit.File(t, filepath.Join(t.TempDir(), "data"), signed))...))
		if loaded.Keys[0].Type() == keys.TypeEC {
			sig = fromDER(sig, map[keys.Algorithm]int{keys.ES256: 32, keys.ES384: 48}[alg])
		}
		compact := signed + "." + b64(sig)
		if err := verify(t, loaded.Keys[0], compact); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		if err := verify(t, loaded.Keys[0], other(compact)); !fault.Has(err, fault.SignatureInvalid) {
			t.Errorf("%s, changed: %v", alg, err)
		}
	}
}

// toDER and fromDER convert between the form r||s of RFC 7518 section 3.4 and openssl's.
func toDER(sig []byte) []byte {
	half := len(sig) / 2
	return testkit.Must(asn1.Marshal([]*big.Int{new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])}))
}

func fromDER(der []byte, size int) []byte {
	var numbers []*big.Int
	if _, err := asn1.Unmarshal(der, &numbers); err != nil {
		panic(err)
	}
	return bytes.Join([][]byte{numbers[0].FillBytes(make([]byte, size)), numbers[1].FillBytes(make([]byte, size))}, nil)
}
