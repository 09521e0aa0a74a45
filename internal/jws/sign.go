package jws

import (
	"cmp"
	"encoding/base64"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// HeaderOptions configure the header besides alg and kid.
type HeaderOptions struct {
	// Type is "typ"; "" means "JWT".
	Type string
	// Members follow the other members. They must not repeat one of them, nor be crit or
	// b64, which change how a token is read.
	Members []strictjson.Member
	// Fields gives the names that messages use for the sources of alg, kid and typ.
	Fields map[string]string
	// NoKeyID omits kid, for tests of verifiers that must do without it.
	NoKeyID bool
}

// check returns a usage error for members that the header has already, or that our
// verifiers refuse.
func (o HeaderOptions) check() error {
	seen := map[string]bool{}
	for _, m := range o.Members {
		switch {
		case m.Name == "alg" || m.Name == "kid" || m.Name == "typ":
			return fault.New(fault.UsageError, "header", "%s is set by %s", m.Name, cmp.Or(o.Fields[m.Name], "its own field"))
		case m.Name == "crit" || m.Name == "b64":
			return fault.New(fault.UsageError, "header", "%s would change how the token is read, which jwtctl does not support", m.Name)
		case seen[m.Name]:
			return fault.New(fault.UsageError, "header", "%q is given twice", quote.Shorten(m.Name))
		}
		seen[m.Name] = true
	}
	return nil
}

// Sign returns the compact JWS of claims, signed as written with key's algorithm. claims
// must be a strict JSON object of at most MaxDepth levels. The header is alg, kid and typ
// "JWT" (A63). A development key makes header.payload. without a signature (A91).
//
// Errors are those of key.RequireSigner, token_malformed, payload_not_claims and
// limit_exceeded for claims that Parse would refuse, and key_invalid.
func Sign(key *keys.Key, claims []byte) (string, error) {
	return sign(key, claims, HeaderOptions{})
}

func sign(key *keys.Key, claims []byte, o HeaderOptions) (string, error) {
	if err := key.RequireSigner(); err != nil {
		return "", err
	}
	if err := checkClaims(claims, MaxDepth); err != nil {
		return "", err
	}
	alg := key.Algorithm()
	var space [256]byte
	header, err := appendHeader(space[:0], alg, key.ID(), o)
	if err != nil {
		return "", fault.New(fault.KeyInvalid, key.Source(), "its id or a header parameter is not UTF-8")
	}
	enc := base64.RawURLEncoding
	out := make([]byte, 0, enc.EncodedLen(len(header))+enc.EncodedLen(len(claims))+180) // the longest ECDSA signature
	out = enc.AppendEncode(out, header)
	out = append(out, '.')
	out = enc.AppendEncode(out, claims)
	signed := len(out)
	out = append(out, '.')
	if alg != keys.None {
		signature, err := signature(key, alg, out[:signed])
		if err != nil {
			return "", err
		}
		out = enc.AppendEncode(out, signature)
	}
	return string(out), nil
}

// signature returns key's signature over message. A signature made by a Remote is
// verified.
func signature(key *keys.Key, alg keys.Algorithm, message []byte) ([]byte, error) {
	remote, isRemote := key.SigningMaterial().(keys.Remote)
	if !isRemote {
		made, err := method(alg).Sign(string(message), key.SigningMaterial())
		if err != nil {
			return nil, fault.New(fault.KeyInvalid, key.Source(), "cannot sign: %w", err)
		}
		return made, nil
	}
	made, err := remote.SignMessage(alg, message)
	if err != nil {
		return nil, err
	}
	if method(alg).Verify(string(message), made, key.VerifyingMaterial()) != nil {
		return nil, fault.New(fault.KeyInvalid, key.Source(), "the signer returned a signature by another key or algorithm; it was discarded")
	}
	return made, nil
}

// SignChecked is like Sign, for tokens that leave the program: it parses the result and
// verifies its signature first (S43). Its errors are those of Sign and Parse, and
// internal for an invalid signature.
func SignChecked(key *keys.Key, claims []byte) (string, error) {
	return SignHeader(key, claims, HeaderOptions{})
}

// SignHeader is like SignChecked, with more header options; invalid ones are a usage
// error.
func SignHeader(key *keys.Key, claims []byte, o HeaderOptions) (string, error) {
	if err := o.check(); err != nil {
		return "", err
	}
	compact, err := sign(key, claims, o)
	if err != nil {
		return "", err
	}
	t, bad := parse(compact, Limits{}, parseRules{claims: true, unsigned: key.Type() == keys.TypeNone})
	if bad != nil {
		return "", bad
	}
	if bad := t.checkSignature(key); bad != nil {
		return "", fault.New(fault.Internal, "token", "the signature just made does not verify").
			WithHint("this points to faulty hardware or a damaged key; the token was discarded")
	}
	return compact, nil
}

// appendHeader appends the JSON of the header to b.
func appendHeader(b []byte, alg keys.Algorithm, kid string, o HeaderOptions) ([]byte, error) {
	b = append(b, `{"alg":"`...)
	b = append(b, alg...)
	b = append(b, '"')
	var err error
	if !o.NoKeyID {
		b = append(b, `,"kid":`...)
		b, err = jsontext.AppendQuote(b, kid)
	}
	b = append(b, `,"typ":`...)
	b, typErr := jsontext.AppendQuote(b, cmp.Or(o.Type, "JWT"))
	err = cmp.Or(err, typErr)
	b, membersErr := strictjson.AppendMembers(b, o.Members)
	return append(b, '}'), cmp.Or(err, membersErr)
}
