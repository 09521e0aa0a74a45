package jws

import (
	"encoding/base64"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// Sign returns the compact JWS of claims, which must be one strict JSON object
// of at most MaxDepth levels and is signed as it is written, by key's own
// algorithm. The header is alg, kid and typ "JWT" (A63). A development key
// makes header.payload. with no signature (A91).
//
// Errors: those of key.RequireSigner, token_malformed, payload_not_claims and
// limit_exceeded for claims that Parse would not take, and key_invalid.
func Sign(key *keys.Key, claims []byte) (string, error) {
	if err := key.RequireSigner(); err != nil {
		return "", err
	}
	if err := checkClaims(claims, MaxDepth); err != nil {
		return "", err
	}
	alg := key.Algorithm()
	var space [256]byte
	header, err := appendHeader(space[:0], alg, key.ID())
	if err != nil {
		return "", fault.New(fault.KeyInvalid, key.Source(), "its id is not UTF-8")
	}
	enc := base64.RawURLEncoding
	out := make([]byte, 0, enc.EncodedLen(len(header))+enc.EncodedLen(len(claims))+180) // the longest of ECDSA
	out = enc.AppendEncode(out, header)
	out = append(out, '.')
	out = enc.AppendEncode(out, claims)
	signed := len(out)
	out = append(out, '.')
	if alg != keys.None {
		signature, err := method(alg).Sign(string(out[:signed]), key.SigningMaterial())
		if err != nil {
			return "", fault.New(fault.KeyInvalid, key.Source(), "it cannot sign: %w", err)
		}
		out = enc.AppendEncode(out, signature)
	}
	return string(out), nil
}

// SignChecked is Sign for tokens that leave the program: it takes the result
// apart again and checks its signature before it returns it (S43). Its errors
// are those of Sign and Parse, and internal for a signature that is not good.
func SignChecked(key *keys.Key, claims []byte) (string, error) {
	compact, err := Sign(key, claims)
	if err != nil {
		return "", err
	}
	t, bad := parse(compact, Limits{}, rules{claims: true, unsigned: key.Type() == keys.TypeNone})
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
func appendHeader(b []byte, alg keys.Algorithm, kid string) ([]byte, error) {
	b = append(b, `{"alg":"`...)
	b = append(b, alg...)
	b = append(b, `","kid":`...)
	b, err := jsontext.AppendQuote(b, kid)
	return append(b, `,"typ":"JWT"}`...), err
}
