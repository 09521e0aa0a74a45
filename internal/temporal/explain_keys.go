package temporal

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// KeySet holds the public keys that a server would have after fetching them once. It
// follows the server's parser (go-jose v4), which accepts keys that jwtctl refuses (RSA
// keys of any size; it ignores "use" and "alg") and discards a whole set if one entry is
// invalid (temporal.md section 5).
type KeySet struct {
	rsa   map[string]*rsa.PublicKey
	ecdsa map[string]*ecdsa.PublicKey
	from  map[ServerKey]string // without From
	notes []string
	// statuses are notes about HTTP statuses, which the server ignores.
	statuses []string
}

// ServerKey is a key with which a server checks signatures of one algorithm.
type ServerKey struct {
	ID        string         `json:"kid"`
	Algorithm keys.Algorithm `json:"alg"`
	// From is where the key was read: a file, or a URL and the index in its set.
	From string `json:"from"`
}

// ReadKeySet returns the keys that a server takes from documents, in their order. It
// never fails: problems become notes, and a set that the server would refuse holds no
// keys.
func ReadKeySet(documents ...Document) *KeySet {
	s := newKeySet()
	for _, d := range documents {
		err := d.Failure
		if err == nil {
			err = s.read(d)
		}
		if err != nil {
			broken := newKeySet()
			broken.note("%s: %v; the server drops the whole update and keeps the keys it had (none right after startup)", RedactSource(d.Source), err)
			return broken
		}
		if d.Status != 0 {
			s.statuses = append(s.statuses, fmt.Sprintf("%s: answered with status %d; the server ignores the status and reads the body", RedactSource(d.Source), d.Status))
		}
	}
	if len(s.notes) > maxKeyNotes {
		s.notes = append(s.notes[:maxKeyNotes], "(more notes about these keys)")
	}
	if len(s.rsa)+len(s.ecdsa) == 0 {
		s.note("the set has no key for a Temporal server; reading it drops all keys that the server had")
	}
	return s
}

// maxKeyNotes is the maximum number of notes about the keys of a set.
const maxKeyNotes = 20

func newKeySet() *KeySet {
	return &KeySet{rsa: map[string]*rsa.PublicKey{}, ecdsa: map[string]*ecdsa.PublicKey{}, from: map[ServerKey]string{}}
}

func (s *KeySet) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// add stores a public key under kid, replacing an earlier one of its type.
func (s *KeySet) add(kid string, material any, from string) bool {
	switch k := material.(type) {
	case *rsa.PublicKey:
		s.rsa[kid] = k
		s.from[ServerKey{ID: kid, Algorithm: keys.RS256}] = from
	case *ecdsa.PublicKey:
		s.ecdsa[kid] = k
		s.from[ServerKey{ID: kid, Algorithm: keys.ES256}] = from
	default:
		return false
	}
	return true
}

// find returns the key with which the server verifies a token of alg.
func (s *KeySet) find(alg keys.Algorithm, kid string) (key any, found bool) {
	if alg == keys.RS256 {
		key, found = s.rsa[kid]
		return key, found
	}
	key, found = s.ecdsa[kid]
	return key, found
}

// kidOf returns the ID under which the server has the public half of k.
func (s *KeySet) kidOf(k *keys.Key) (kid string, known bool) {
	public, ok := k.VerifyingMaterial().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return "", false
	}
	for _, u := range s.Usable() {
		if held, _ := s.find(u.Algorithm, u.ID); k.Allows(u.Algorithm) && public.Equal(held) {
			return u.ID, true
		}
	}
	return "", false
}

// serverKey returns the key of an ID and algorithm, with where it is from.
func (s *KeySet) serverKey(kid string, alg keys.Algorithm) ServerKey {
	return ServerKey{kid, alg, s.from[ServerKey{ID: kid, Algorithm: alg}]}
}

// Usable returns the keys that a token can name and that fit an algorithm of the server,
// by kid.
func (s *KeySet) Usable() []ServerKey {
	var list []ServerKey
	for kid := range s.rsa {
		list = append(list, s.serverKey(kid, keys.RS256))
	}
	for kid, k := range s.ecdsa {
		if k.Curve == elliptic.P256() {
			list = append(list, s.serverKey(kid, keys.ES256))
		}
	}
	list = slices.DeleteFunc(list, func(k ServerKey) bool { return k.ID == "" })
	slices.SortFunc(list, func(a, b ServerKey) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Algorithm, b.Algorithm))
	})
	return list
}

// describe lists the usable keys.
func (s *KeySet) describe() string {
	const most = 8
	var names []string
	for _, k := range s.Usable() {
		if len(names) == most {
			names = append(names, "…")
			break
		}
		names = append(names, fmt.Sprintf("%q (%s)", quote.Shorten(k.ID), k.Algorithm))
	}
	if len(names) == 0 {
		return "no usable key"
	}
	return strings.Join(names, ", ")
}

// read adds the keys of a document. Only the first JSON value counts, whatever follows
// it; names match in any case; a missing "keys" is an empty set.
func (s *KeySet) read(d Document) error {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(bytes.NewReader(d.Body)).Decode(&set); err != nil {
		return errors.New("not a JWKS")
	}
	for i, text := range set.Keys {
		at := fmt.Sprintf("%s: keys[%d]", RedactSource(d.Source), i)
		k, err := readServerJWK(text)
		switch {
		case err != nil:
			return fmt.Errorf("keys[%d]: %w", i, err)
		case !s.add(k.kid, k.material, cmp.Or(d.KeyNames[k.kid], at)):
			s.note("%s is skipped: %s", at, k.kind)
		case k.kid == "":
			s.note("%s has no kid, so no valid token can refer to it", at)
		}
	}
	return nil
}

// maxRSABytes is the largest RSA number that is used here; the server has no limit, and
// computes with any number for as long as it takes.
const maxRSABytes = keys.MaxRSABits / 8

// serverJWK is a JWK as the server reads it. material is nil for kinds of keys that it
// reads but ignores.
type serverJWK struct {
	kid, kind string
	material  any
}

// readServerJWK reads a JWK by go-jose's rules. An error makes the whole set invalid.
func readServerJWK(text []byte) (serverJWK, error) {
	f, err := readJWKFields(text)
	if err != nil {
		return serverJWK{}, err
	}
	k := serverJWK{kid: f.text["kid"]}
	var public interface{ Equal(crypto.PublicKey) bool } // nil for a secret
	kept := false
	switch f.text["kty"] {
	case "EC":
		k.kind, kept = "a private key", !f.has("d")
		public, err = f.ecdsa()
	case "RSA":
		if max(len(f.number["n"]), len(f.number["d"]), len(f.number["p"]), len(f.number["q"])) > maxRSABytes {
			k.kind = "an RSA key too large to be checked here"
			return k, nil
		}
		k.kind, kept = "a private key", !f.has("d")
		public, err = f.rsa()
	case "OKP":
		k.kind = "an Ed25519 key"
		if f.text["crv"] != "Ed25519" || !f.has("x") {
			return k, errors.New("a key of type OKP that is not Ed25519")
		}
		ed := make(ed25519.PublicKey, ed25519.PublicKeySize)
		copy(ed, f.number["x"])
		public = ed
	case "oct":
		k.kind = "a shared secret"
		if !f.has("k") {
			return k, errors.New("a key of type oct without k")
		}
	default:
		return k, fmt.Errorf("key type %q", quote.Shorten(f.text["kty"]))
	}
	if err != nil {
		return k, err
	}
	if kept {
		k.material = public
	}
	return k, f.checkCertificate(public)
}

// ecdsa returns the public half of an EC key.
func (f *jwkFields) ecdsa() (*ecdsa.PublicKey, error) {
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
	curve, known := curves[f.text["crv"]]
	if !known {
		return nil, fmt.Errorf("curve %q", quote.Shorten(f.text["crv"]))
	}
	size := (curve.Params().BitSize + 7) / 8
	for _, name := range []string{"x", "y", "d"} {
		if (name != "d" || f.has("d")) && len(f.number[name]) != size {
			return nil, fmt.Errorf("%s has %d bytes; %s needs %d", name, len(f.number[name]), f.text["crv"], size)
		}
	}
	point := slices.Concat([]byte{4}, f.number["x"], f.number["y"]) // SEC 1 section 2.3.3, uncompressed
	public, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, fmt.Errorf("the point is not on %s", f.text["crv"])
	}
	return public, nil
}

// rsa returns the public half of an RSA key, of any size.
func (f *jwkFields) rsa() (*rsa.PublicKey, error) {
	number := func(name string) *big.Int { return new(big.Int).SetBytes(f.number[name]) }
	if !f.has("n") || !f.has("e") {
		return nil, errors.New("an RSA key without n or e")
	}
	public := rsa.PublicKey{N: number("n"), E: int(number("e").Int64())}
	if !f.has("d") {
		return &public, nil
	}
	if !f.has("p") || !f.has("q") {
		return nil, errors.New("a private RSA key without p or q")
	}
	private := rsa.PrivateKey{PublicKey: public, D: number("d"), Primes: []*big.Int{number("p"), number("q")}}
	if private.Validate() != nil {
		return nil, errors.New("a private RSA key whose numbers do not match")
	}
	return &public, nil
}

// readBase64 decodes like the server's libraries: line breaks and non-zero trailing bits
// are accepted.
func readBase64(text string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(text) }
