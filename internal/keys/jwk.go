package keys

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// jsonDepth is the maximum nesting of a JWK or JWKS; valid ones have 3 levels (S11).
const jsonDepth = 16

// jwkFields holds the members of a JWK that decide whether it may be used.
type jwkFields struct {
	kty, crv, kid, use, alg string
	ops                     []string
	members                 map[string]strictjson.Value
}

// parseJSON reads a JWK (RFC 7517 section 4), a JWKS (section 5) or a map from kid to PEM.
func parseJSON(data []byte, a Attributes, r setReader) (Loaded, error) {
	members, err := strictjson.Object(data, jsonDepth)
	if err != nil {
		code := fault.KeyInvalid
		if errors.Is(err, strictjson.ErrTrailing) {
			code = fault.KeyTrailingData
		}
		return Loaded{}, fault.New(code, a.Source, "%w", err)
	}
	for _, m := range members {
		if m.Name == "keys" {
			return readSet(m.Value, a, r)
		}
	}
	if isJWE(members) {
		return parseEncrypted(data, a, r)
	}
	if isPEMMap(members) {
		return readPEMMap(members, a, r)
	}
	r.skips = func(*fault.Error) bool { return false } // there is no other key to use
	entry, bad := r.members(members, a)
	if bad != nil {
		return Loaded{}, bad
	}
	var l Loaded
	l.add(entry)
	return l, nil
}

// parseJWK makes a key from the members of a JWK. A null member counts as absent, which
// is what serializers that write null mean.
func parseJWK(members []strictjson.Member, a Attributes) (*Key, *fault.Error) {
	f, bad := readFields(members)
	if bad == nil {
		bad = f.check()
	}
	var material any
	if bad == nil {
		material, bad = f.material()
	}
	if bad != nil {
		return nil, bad.About(a.Source)
	}
	own := Attributes{ID: cmp.Or(a.ID, f.kid), Issuer: a.Issuer, Source: a.Source, Algorithm: Algorithm(f.alg), Rules: a.Rules}
	k, err := New(material, own)
	if err == nil {
		k.verifyOnly = k.Type() == TypeSecret && !f.permits("sign")
		k.signOnly = k.Type() == TypeSecret && !f.permits("verify")
		k, err = k.With(Attributes{Algorithm: a.Algorithm})
	}
	if err != nil {
		return nil, err.(*fault.Error)
	}
	if bad = f.checkCertificate(k.public); bad != nil {
		return nil, bad.About(a.Source)
	}
	return k, nil
}

func readFields(members []strictjson.Member) (*jwkFields, *fault.Error) {
	f := &jwkFields{members: make(map[string]strictjson.Value, len(members))}
	texts := map[string]*string{"kty": &f.kty, "crv": &f.crv, "kid": &f.kid, "use": &f.use, "alg": &f.alg}
	for _, m := range members {
		if isNull(m.Value) || m.Name == "oth" && isEmpty(m.Value) {
			continue
		}
		f.members[m.Name] = m.Value
		if target, ok := texts[m.Name]; ok {
			if *target, ok = strictjson.String(m.Value); !ok {
				return nil, fault.New(fault.KeyInvalid, "", "%s is not a string", m.Name)
			}
		}
	}
	if f.has("kid") && f.kid == "" {
		return nil, fault.New(fault.KeyInvalid, "", "kid is empty")
	}
	if !f.has("key_ops") {
		return f, nil
	}
	ops, err := strictjson.Array(f.members["key_ops"], jsonDepth)
	for _, op := range ops {
		text, ok := strictjson.String(op)
		if !ok {
			err = strictjson.ErrNotObject
		}
		f.ops = append(f.ops, text)
	}
	if err != nil {
		return nil, fault.New(fault.KeyInvalid, "", "key_ops is not an array of strings")
	}
	for i, op := range f.ops { // RFC 7517 section 4.3
		if slices.Contains(f.ops[:i], op) {
			return nil, fault.New(fault.KeyInvalid, "", "key_ops lists %q twice", quote.Shorten(op))
		}
	}
	return f, nil
}

// isNull and isEmpty report whether v, which is valid JSON, is null, or is "", [] or {}.
func isNull(v strictjson.Value) bool { return v.Kind() == 'n' }

func isEmpty(v strictjson.Value) bool {
	inside := bytes.Trim(v, " \t\r\n")
	if len(inside) < 2 {
		return false
	}
	switch string(inside[:1]) + string(inside[len(inside)-1:]) {
	case `""`, "[]", "{}":
		return len(bytes.Trim(inside[1:len(inside)-1], " \t\r\n")) == 0 && (inside[0] != '"' || len(inside) == 2)
	}
	return false
}

// permits reports whether the key may be used for op. Without key_ops, any use is
// permitted (RFC 7517 section 4.3).
func (f *jwkFields) permits(op string) bool { return !f.has("key_ops") || slices.Contains(f.ops, op) }

func (f *jwkFields) has(name string) bool { _, has := f.members[name]; return has }

// check refuses keys of unsupported kinds and for other uses (S10).
func (f *jwkFields) check() *fault.Error {
	switch f.kty {
	case "EC", "OKP":
		if f.coordinateBytes() == 0 {
			return fault.New(fault.KeyTypeUnsupported, "", "curve %q of key type %s is not supported; use P-256, P-384, P-521 or Ed25519", quote.Shorten(f.crv), f.kty)
		}
	case "RSA", "oct":
	case "":
		return fault.New(fault.KeyInvalid, "", "has no kty").WithHint("%s", f.documentHint())
	default:
		return fault.New(fault.KeyTypeUnsupported, "", "key type %q is not supported; use EC, RSA, OKP or oct", quote.Shorten(f.kty))
	}
	switch {
	case f.has("use") && f.use != "sig" && f.use != "jwt-svid": // SPIFFE's value for keys that sign JWT-SVIDs
		return fault.New(fault.KeyUseMismatch, "", "use is %q, not \"sig\"", quote.Shorten(f.use))
	case f.has("key_ops") && len(f.ops) == 0:
		return fault.New(fault.KeyUseMismatch, "", "key_ops is empty, which permits nothing")
	case !f.permits("sign") && !f.permits("verify"):
		return fault.New(fault.KeyUseMismatch, "", "key_ops has neither sign nor verify")
	case !f.permits("verify") && f.kty != "oct" && !f.has("d"):
		return fault.New(fault.KeyUseMismatch, "", "public key whose key_ops does not include verify")
	case f.has("oth"):
		return fault.New(fault.KeyTypeUnsupported, "", "RSA key has more than two primes; only two are supported")
	case f.has("alg") && !slices.Contains(Algorithms(), Algorithm(f.alg)):
		return fault.New(fault.KeyAlgMismatch, "", "alg %q is not a supported signature algorithm", quote.Shorten(f.alg)).
			WithHint("supported: %s", JoinAlgorithms(Algorithms()))
	}
	return nil
}

// documentHint says what a document without kty is, and where its keys are.
func (f *jwkFields) documentHint() string {
	switch {
	case f.has("jwks_uri"):
		return "it is an OpenID configuration: its keys are at the URL in jwks_uri"
	case f.has("jwks"):
		return "the set is in the member jwks; use only that"
	}
	return "a JWK has the member kty, a JWKS the member keys"
}

// coordinateBytes returns the length of the numbers of an elliptic curve key, or 0 for
// other types and unsupported curves (RFC 7518 section 6.2.1, RFC 8037 section 2).
func (f *jwkFields) coordinateBytes() int {
	return map[string]int{"EC P-256": 32, "EC P-384": 48, "EC P-521": 66, "OKP Ed25519": 32}[f.kty+" "+f.crv]
}

// material converts the numbers to a key. jwx does the conversion, but accepts more
// spellings and lengths than RFC 7518 section 6 allows, so it gets only what has been
// checked here.
func (f *jwkFields) material() (any, *fault.Error) {
	members, decoded, bad := f.numbers()
	if bad != nil {
		return nil, bad
	}
	if f.kty == "RSA" && decoded["d"] != nil && decoded["p"] == nil {
		// jwx needs the primes, crypto/rsa does not.
		public := rsa.PublicKey{N: decoded["n"], E: int(decoded["e"].Int64())}
		return f.permitted(&rsa.PrivateKey{PublicKey: public, D: decoded["d"]}), nil
	}
	members["kty"] = f.members["kty"]
	if f.coordinateBytes() != 0 {
		members["crv"] = f.members["crv"]
	}
	var raw any
	data, err := json.Marshal(members)
	if err == nil {
		var parsed jwk.Key
		if parsed, err = jwk.ParseKey(data); err == nil {
			err = jwk.Export(parsed, &raw)
		}
	}
	if err != nil { // the error may quote the numbers
		return nil, fault.New(fault.KeyInvalid, "", "its values do not form a valid key of type %s", f.kty)
	}
	return f.permitted(raw), nil
}

// permitted returns material, or only its public half if the key may not sign.
func (f *jwkFields) permitted(material any) any {
	private, isPrivate := material.(crypto.Signer)
	if isPrivate && !f.permits("sign") {
		return private.Public()
	}
	return material
}

// numbers returns the members that make up the key, and their values. It requires strict
// base64url for each, the full length of coordinates (RFC 7518 section 6.2.1), no
// needless zeros in RSA numbers (section 6.3.1), and of the private members of an RSA key all, none
// or only d (section 6.3.2).
func (f *jwkFields) numbers() (map[string]strictjson.Value, map[string]*big.Int, *fault.Error) {
	names := map[string][]string{"EC": {"x", "y"}, "OKP": {"x"}, "RSA": {"n", "e"}, "oct": {"k"}}[f.kty]
	if f.has("d") && f.kty != "oct" {
		names = append(names, "d")
	}
	if primes := []string{"p", "q", "dp", "dq", "qi"}; f.kty == "RSA" && slices.ContainsFunc(primes, f.has) {
		names = slices.Concat(names[:2], []string{"d"}, primes)
	}
	found := make(map[string]strictjson.Value, 10)
	decoded := make(map[string]*big.Int, 8)
	for _, name := range names {
		number, bad := f.number(name)
		if bad != nil {
			return nil, nil, bad
		}
		found[name], decoded[name] = f.members[name], new(big.Int).SetBytes(number)
	}
	if f.kty == "RSA" { // checked before jwx, which does not say what is invalid
		if bad := checkRSA(decoded["n"], decoded["e"]); bad != nil {
			return nil, nil, bad
		}
	}
	return found, decoded, nil
}

// number returns the number in the member called name. An RSA number may begin with the
// zero byte that keeps it positive in Java's BigInteger.toByteArray: RFC 7518 section
// 6.3.1.1 warns of it, and some issuers publish it.
func (f *jwkFields) number(name string) ([]byte, *fault.Error) {
	if !f.has(name) {
		return nil, fault.New(fault.KeyInvalid, "", "has no %s", name)
	}
	text, isString := strictjson.String(f.members[name])
	if !isString {
		return nil, fault.New(fault.KeyInvalid, "", "%s is not a string", name)
	}
	number, err := base64.RawURLEncoding.Strict().DecodeString(text)
	exact := f.coordinateBytes()
	if f.kty == "RSA" && len(number) > 1 && number[0] == 0 && number[1] >= 0x80 {
		number = number[1:]
	}
	switch {
	case err != nil || strings.ContainsAny(text, "\r\n"): // Go's decoder skips these
		return nil, fault.New(fault.KeyInvalid, "", "%s is not base64url without padding", name)
	case exact != 0 && len(number) != exact:
		return nil, fault.New(fault.KeyInvalid, "", "%s has %d bytes; %s needs %d", name, len(number), f.crv, exact)
	case len(number) == 0:
		return nil, fault.New(fault.KeyInvalid, "", "%s is empty", name)
	case f.kty == "RSA" && number[0] == 0:
		return nil, fault.New(fault.KeyInvalid, "", "%s begins with a zero byte", name)
	case f.kty == "RSA" && len(number) > MaxRSABits/8 && name != "n": // n is checked together with e
		return nil, fault.New(fault.KeyInvalid, "", "%s is larger than any modulus", name)
	}
	return number, nil
}
