package keygen_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// run runs another project's tool and returns its output. It fails the test if the tool
// fails.
func run(t testing.TB, tool string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Fatalf("%s is not installed: apt-get install jose openssl", tool)
	}
	cmd := exec.Command(path, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", tool, strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// encoded returns the path of a file with k in form f.
func encoded(t testing.TB, k *keys.Key, f keygen.Format) string {
	t.Helper()
	text, err := keygen.Encode(k, f)
	if err != nil {
		t.Fatal(err)
	}
	return testkit.File(t, filepath.Join(t.TempDir(), "key"), string(text))
}

func public(t testing.TB, k *keys.Key) *keys.Key {
	t.Helper()
	p, err := k.Public()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func parse(t testing.TB, text string) *keys.Key {
	t.Helper()
	loaded, err := keys.Parse([]byte(text), keys.Attributes{})
	if err != nil || len(loaded.Keys) != 1 {
		t.Fatalf("got %v %v", loaded, err)
	}
	return loaded.Keys[0]
}

func pemOf(t testing.TB, k *keys.Key) string {
	t.Helper()
	text, err := k.PEM()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestS5_OthersReadOurs: openssl accepts our PEM keys and derives the same public half;
// jose accepts our JWKs.
func TestS5_OthersReadOurs(t *testing.T) {
	for _, alg := range []keys.Algorithm{keys.ES256, keys.ES384, keys.ES512, keys.RS256, keys.PS256, keys.EdDSA, keys.HS256, keys.HS512} {
		t.Run(string(alg), func(t *testing.T) {
			k := generate(t, keygen.Request{Algorithm: alg})
			secret := k.Type() == keys.TypeSecret
			if !secret {
				pem := encoded(t, k, keygen.PEM)
				if out := run(t, "openssl", "pkey", "-in", pem, "-check", "-noout"); !strings.Contains(out, "Key is valid") {
					t.Errorf("openssl: got %s, want %q in it", out, "Key is valid")
				}
				if got, want := run(t, "openssl", "pkey", "-in", pem, "-pubout"), pemOf(t, public(t, k)); got != want {
					t.Errorf("openssl's public half: got\n%s, want\n%s", got, want)
				}
				run(t, "openssl", "pkey", "-pubin", "-in", encoded(t, public(t, k), keygen.PEM), "-pubcheck", "-noout")
			}
			if alg == keys.EdDSA { // jose 11 does not support it
				return
			}
			jwk := encoded(t, k, keygen.JWK)
			if got := strings.TrimSpace(run(t, "jose", "jwk", "thp", "-i", jwk)); got != k.ID() {
				t.Errorf("jose's thumbprint: got %s, want %s", got, k.ID())
			}
			run(t, "jose", "jwk", "use", "-i", jwk, "-a", "-u", "sign", "-u", "verify")
			if secret {
				return
			}
			var theirs map[string]string
			if err := json.Unmarshal([]byte(run(t, "jose", "jwk", "pub", "-i", jwk)), &theirs); err != nil {
				t.Fatal(err)
			}
			if ours := membersOf(t, public(t, k)); !maps.Equal(theirs, ours) {
				t.Errorf("jose's public half: got\n%v, want\n%v", theirs, ours)
			}
		})
	}
}

// TestS9_WeReadOpenSSL reads each kind of key that openssl can make; each unsupported
// kind has its own code.
func TestS9_WeReadOpenSSL(t *testing.T) {
	p256 := testkit.File(t, filepath.Join(t.TempDir(), "p256"), run(t, "openssl", "ecparam", "-genkey", "-noout", "-name", "prime256v1"))
	dsa := testkit.File(t, filepath.Join(t.TempDir(), "dsa"), run(t, "openssl", "genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024"))
	tests := map[string]struct {
		command string // P256 and DSA are files
		code    fault.Code
	}{
		"PKCS#8, P-256":         {"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", ""},
		"PKCS#8, P-384":         {"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384", ""},
		"PKCS#8, P-521":         {"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521", ""},
		"PKCS#8, RSA 2048":      {"genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", ""},
		"PKCS#8, RSA e=3":       {"genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3", ""},
		"PKCS#8, Ed25519":       {"genpkey -algorithm ED25519", ""},
		"SEC 1 with its curve":  {"ecparam -genkey -name prime256v1", ""},
		"SEC 1":                 {"ecparam -genkey -noout -name secp521r1", ""},
		"compressed point":      {"ec -in P256 -conv_form compressed", ""},
		"no public half":        {"ec -in P256 -no_public", ""},
		"PKCS#1":                {"genrsa -traditional 2048", ""},
		"certificate":           {"req -x509 -new -key P256 -subj /CN=throw-away", ""},
		"RSA 1024":              {"genrsa 1024", fault.KeyWeak},
		"RSA with three primes": {"genrsa -traditional -primes 3 2048", fault.KeyTypeUnsupported},
		"RSA for PSS":           {"genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", fault.KeyTypeUnsupported},
		"explicit, PKCS#8":      {"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit", fault.KeyTypeUnsupported},
		"explicit, SEC 1":       {"ecparam -genkey -noout -name prime256v1 -param_enc explicit", fault.KeyTypeUnsupported},
		"explicit, PKIX":        {"ec -in P256 -pubout -param_enc explicit", fault.KeyTypeUnsupported},
		"compressed, PKIX":      {"ec -in P256 -pubout -conv_form compressed", fault.KeyInvalid},
		"P-224":                 {"ecparam -genkey -noout -name secp224r1", fault.KeyTypeUnsupported},
		"secp256k1":             {"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", fault.KeyTypeUnsupported},
		"brainpool":             {"ecparam -genkey -noout -name brainpoolP256r1", fault.KeyTypeUnsupported},
		"X25519":                {"genpkey -algorithm X25519", fault.KeyTypeUnsupported},
		"Ed448":                 {"genpkey -algorithm ED448", fault.KeyTypeUnsupported},
		"DSA":                   {"genpkey -paramfile DSA", fault.KeyTypeUnsupported},
		"encrypted PKCS#8":      {"pkcs8 -topk8 -in P256 -passout pass:x", fault.KeyEncrypted},
		"encrypted SEC 1":       {"ec -in P256 -aes128 -passout pass:x", fault.KeyEncrypted},
		"certificate, text":     {"req -x509 -new -key P256 -subj /CN=throw-away -text", ""},
		"request":               {"req -new -key P256 -subj /CN=throw-away", fault.KeyFormatUnknown},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			args := strings.Fields(c.command)
			for i, word := range args {
				args[i] = cmp.Or(map[string]string{"P256": p256, "DSA": dsa}[word], word)
			}
			text := run(t, "openssl", args...)
			if c.code != "" {
				_, err := keys.Parse([]byte(text), keys.Attributes{})
				testkit.WantCode(t, err, c.code)
				return
			}
			k := parse(t, text)
			if strings.Contains(text, "CERTIFICATE") {
				testkit.WantCode(t, k.RequireSigner(), fault.KeyIsCertificate)
				return
			}
			command := []string{"pkey", "-in", testkit.File(t, filepath.Join(t.TempDir(), "key"), text), "-pubout"}
			if k.Type() == keys.TypeEC {
				command = append(command, "-ec_conv_form", "uncompressed")
			}
			if got, want := pemOf(t, public(t, k)), run(t, "openssl", command...); got != want {
				t.Errorf("our public half: got\n%s, want\n%s", got, want)
			}
		})
	}
}

// TestS5_WeReadJose reads keys and sets made by jose, with jose's thumbprint as ID.
func TestS5_WeReadJose(t *testing.T) {
	set := []string{"jwk", "gen", "-s"}
	for _, alg := range []keys.Algorithm{keys.ES256, keys.ES384, keys.ES512, keys.RS256, keys.PS384, keys.HS256, keys.HS384, keys.HS512} {
		template := `{"alg":"` + string(alg) + `"}`
		text := run(t, "jose", "jwk", "gen", "-i", template)
		k := parse(t, text)
		if want := strings.TrimSpace(run(t, "jose", "jwk", "thp", "-i", testkit.File(t, filepath.Join(t.TempDir(), "jwk"), text))); k.ID() != want || k.Algorithm() != alg || !k.CanSign() {
			t.Errorf("%s: got %v, want %s", alg, k, want)
		}
		if k.Type() == keys.TypeSecret {
			continue
		}
		set = append(set, "-i", template)
		if p := parse(t, run(t, "jose", "jwk", "pub", "-i", testkit.File(t, filepath.Join(t.TempDir(), "jwk"), text))); p.CanSign() || !p.SameMaterial(k) {
			t.Errorf("%s: got public half %v", alg, p)
		}
	}
	text := run(t, "jose", set...)
	loaded, err := keys.Parse([]byte(text), keys.Attributes{})
	if err != nil || len(loaded.Keys) != 5 {
		t.Errorf("got %v %v", loaded, err)
	}
	thumbprints := strings.Fields(run(t, "jose", "jwk", "thp", "-i", testkit.File(t, filepath.Join(t.TempDir(), "set"), text)))
	for i, k := range loaded.Keys {
		if k.ID() != thumbprints[i] {
			t.Errorf("keys[%d]: %s, want %s", i, k.ID(), thumbprints[i])
		}
	}
}

// TestReadsEncryptedKeysOfOpenSSL: every hash, cipher and key derivation of RFC 8018 and
// RFC 7914 is read, and only with its passphrase (S9).
func TestReadsEncryptedKeysOfOpenSSL(t *testing.T) {
	p384 := testkit.File(t, filepath.Join(t.TempDir(), "p384"), run(t, "openssl", "ecparam", "-genkey", "-noout", "-name", "secp384r1"))
	want := parse(t, run(t, "cat", p384))
	read := func(text, passphrase string) (keys.Loaded, error) {
		return keys.Parse([]byte(text), keys.Attributes{Passphrase: func(string) ([]byte, error) { return []byte(passphrase), nil }})
	}
	for options, good := range map[string]bool{
		"-v2 aes-256-cbc -v2prf hmacWithSHA1":       true,
		"-v2 aes-192-cbc -v2prf hmacWithSHA224":     true,
		"-v2 aes-128-cbc -v2prf hmacWithSHA256":     true,
		"-v2 aes-256-cbc -v2prf hmacWithSHA384":     true,
		"-v2 des3 -v2prf hmacWithSHA512":            true,
		"-v2 aes-256-cbc -iter 1":                   true,
		"-v2 aes-256-cbc -iter 10000001":            false,
		"-scrypt":                                   true,
		"-scrypt -scrypt_N 1024 -scrypt_r 1":        true,
		"-v2 camellia-256-cbc":                      false,
		"-v2 aes-256-cbc -v2prf hmacWithSHA512-256": false,
		"-v1 PBE-SHA1-3DES -provider default":       false,
		"-v2 aes-256-ofb -v2prf hmacWithSHA256":     false,
		"-v2 aria-256-cbc -v2prf hmacWithSHA256":    false,
	} {
		t.Run(options, func(t *testing.T) {
			text := run(t, "openssl", append([]string{"pkcs8", "-topk8", "-passout", "pass:correct", "-in", p384}, strings.Fields(options)...)...)
			loaded, err := read(text, "correct")
			if !good {
				testkit.WantCode(t, err, fault.KeyEncrypted)
				return
			}
			if err != nil || !loaded.Keys[0].SameMaterial(want) || !loaded.Keys[0].CanSign() {
				t.Fatalf("got %v, %v", loaded, err)
			}
			for i := range 20 { // one in 256 wrong passphrases yields valid padding
				_, err = read(text, "wrong"+strings.Repeat("x", i))
				testkit.WantCode(t, err, fault.KeyEncrypted)
			}
		})
	}
}
