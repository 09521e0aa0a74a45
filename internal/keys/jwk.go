package keys

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// jsonDepth bounds a JWK's or JWKS's nesting; theirs is 3 (S11).
const jsonDepth = 16

// member values of a JWK, as far as they decide whether it may be used.
type jwkFacts struct {
	kty, crv, kid, use, alg string
	hasKid                  bool
	ops                     []string
	hasOps                  bool
	members                 map[string]strictjson.Value
}

// parseJSON reads a JWK (RFC 7517 section 4) or a JWKS (section 5).
func parseJSON(data []byte, a Attributes) (Loaded, error) {
	members, err := strictjson.Object(data, jsonDepth)
	if err != nil {
		code := fault.KeyInvalid
		if err == strictjson.ErrTrailing {
			code = fault.KeyTrailingData
		}
		return Loaded{}, fault.New(code, a.Source, "%w", err)
	}
	for _, m := range members {
		if m.Name == "keys" {
			return parseSet(m.Value, a)
		}
	}
	k, err := parseJWK(data, members, a)
	if err != nil {
		return Loaded{}, err
	}
	return Loaded{Keys: []*Key{k}}, nil
}

// parseJWK reads one JWK whose members were read strictly from data.
func parseJWK(data []byte, members []strictjson.Member, a Attributes) (*Key, error) {
	f, err := readFacts(members)
	if err != nil {
		return nil, err.About(a.Source)
	}
	if err := f.check(); err != nil {
		return nil, err.About(a.Source)
	}
	material, err := f.material(data)
	if err != nil {
		return nil, err.About(a.Source)
	}
	if a.ID == "" && f.hasKid {
		a.ID = f.kid
	}
	if f.alg != "" {
		alg, err := ParseAlgorithm(f.alg)
		if err != nil {
			return nil, fault.New(fault.KeyAlgMismatch, a.Source, "its alg %q is not one of %s", Shorten(f.alg), joinAlgorithms(Algorithms()))
		}
		if a.Algorithm != "" && a.Algorithm != alg {
			return nil, fault.New(fault.KeyAlgMismatch, a.Source, "it is for %s alone, not %s", alg, a.Algorithm)
		}
		a.Algorithm = alg
	}
	return New(material, a)
}

func readFacts(members []strictjson.Member) (*jwkFacts, *fault.Error) {
	f := &jwkFacts{members: make(map[string]strictjson.Value, len(members))}
	texts := map[string]*string{"kty": &f.kty, "crv": &f.crv, "kid": &f.kid, "use": &f.use, "alg": &f.alg}
	for _, m := range members {
		f.members[m.Name] = m.Value
		if target, ok := texts[m.Name]; ok {
			text, isString := strictjson.String(m.Value)
			if !isString {
				return nil, fault.New(fault.KeyInvalid, "", "its %s is not a string", m.Name)
			}
			*target = text
		}
		if m.Name == "key_ops" {
			f.hasOps = true
			if err := json.Unmarshal(m.Value, &f.ops); err != nil {
				return nil, fault.New(fault.KeyInvalid, "", "its key_ops is not an array of strings")
			}
		}
	}
	_, f.hasKid = f.members["kid"]
	if f.hasKid && f.kid == "" {
		return nil, fault.New(fault.KeyInvalid, "", "its kid is empty")
	}
	return f, nil
}

// check refuses keys of other kinds and for other uses (S10).
func (f *jwkFacts) check() *fault.Error {
	curves := map[string][]string{"EC": {"P-256", "P-384", "P-521"}, "OKP": {"Ed25519"}}
	switch f.kty {
	case "EC", "OKP":
		if !slices.Contains(curves[f.kty], f.crv) {
			return fault.New(fault.KeyTypeUnsupported, "", "curve %q of key type %s; jwtctl uses P-256, P-384, P-521 and Ed25519", Shorten(f.crv), f.kty)
		}
	case "RSA", "oct":
	case "":
		return fault.New(fault.KeyInvalid, "", "it has no kty")
	default:
		return fault.New(fault.KeyTypeUnsupported, "", "key type %q; jwtctl uses EC, RSA, OKP and oct", Shorten(f.kty))
	}
	if _, has := f.members["use"]; has && f.use != "sig" {
		return fault.New(fault.KeyUseMismatch, "", "its use is %q, not \"sig\"", Shorten(f.use))
	}
	if f.hasOps && !slices.Contains(f.ops, "sign") && !slices.Contains(f.ops, "verify") {
		return fault.New(fault.KeyUseMismatch, "", "its key_ops name neither sign nor verify")
	}
	return nil
}

// material converts the numbers. jwx does so, but takes them in more spellings
// and lengths than RFC 7518 section 6 allows, so those are checked here.
func (f *jwkFacts) material(data []byte) (any, *fault.Error) {
	if err := f.checkNumbers(); err != nil {
		return nil, err
	}
	parsed, err := jwk.ParseKey(data)
	if err != nil {
		return nil, fault.New(fault.KeyInvalid, "", "its numbers do not make a key of type %s", f.kty)
	}
	var raw any
	if err := jwk.Export(parsed, &raw); err != nil {
		return nil, fault.New(fault.KeyInvalid, "", "its numbers do not make a key of type %s", f.kty)
	}
	if f.hasOps && !slices.Contains(f.ops, "sign") {
		if private, ok := raw.(crypto.Signer); ok {
			raw = private.Public()
		}
	}
	return raw, nil
}

// checkNumbers demands strict base64url of each number, the full length of
// coordinates (RFC 7518 section 6.2.1), and no leading zero in RSA's
// (section 6.3.1).
func (f *jwkFacts) checkNumbers() *fault.Error {
	exact := map[string]int{"P-256": 32, "P-384": 48, "P-521": 66, "Ed25519": 32}[f.crv]
	required := map[string][]string{"EC": {"x", "y"}, "OKP": {"x"}, "RSA": {"n", "e"}, "oct": {"k"}}[f.kty]
	optional := map[string][]string{"EC": {"d"}, "OKP": {"d"}, "RSA": {"d", "p", "q", "dp", "dq", "qi"}}[f.kty]
	for _, name := range append(slices.Clone(required), optional...) {
		value, has := f.members[name]
		if !has {
			if slices.Contains(required, name) {
				return fault.New(fault.KeyInvalid, "", "it has no %s", name)
			}
			continue
		}
		text, isString := strictjson.String(value)
		if !isString {
			return fault.New(fault.KeyInvalid, "", "its %s is not a string", name)
		}
		number, err := base64.RawURLEncoding.Strict().DecodeString(text)
		switch {
		case err != nil || strings.ContainsAny(text, "\r\n"): // which Go's decoder skips
			return fault.New(fault.KeyInvalid, "", "its %s is not base64url without padding", name)
		case exact != 0 && len(number) != exact:
			return fault.New(fault.KeyInvalid, "", "its %s has %d bytes; %s needs %d", name, len(number), f.crv, exact)
		case f.kty == "RSA" && (len(number) == 0 || number[0] == 0):
			return fault.New(fault.KeyInvalid, "", "its %s is empty or begins with a zero byte", name)
		case f.kty == "RSA" && name == "e" && len(number) > 4:
			return fault.New(fault.KeyWeak, "", "an RSA key with an exponent of %d bytes; odd, 3 to 2147483647 is used", len(number))
		case f.kty == "RSA" && len(number) > MaxRSABits/8:
			return fault.New(fault.KeyWeak, "", "an RSA key of more than %d bits", MaxRSABits)
		}
	}
	if _, multiPrime := f.members["oth"]; multiPrime {
		return fault.New(fault.KeyTypeUnsupported, "", "an RSA key of more than two primes")
	}
	return nil
}
