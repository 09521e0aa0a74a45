package keys

import (
	"bytes"
	"slices"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// maxPBES2Count limits the work that a file can cause to a few seconds. OWASP recommends
// 600,000.
const maxPBES2Count = maxIterations

// isCompactJWE reports whether text has the five parts of a compact JWE (RFC 7516 section
// 3.1).
func isCompactJWE(text []byte) bool {
	return quote.IsToken(string(text[:min(len(text), 4)])) && bytes.Count(text, []byte(".")) == 4
}

// isJWE reports whether members are those of the JSON serialization (RFC 7516 section
// 7.2).
func isJWE(members []strictjson.Member) bool {
	return slices.ContainsFunc(members, func(m strictjson.Member) bool { return m.Name == "ciphertext" })
}

// parseEncrypted reads a JWK or JWKS protected by a passphrase: a JWE with PBES2 (RFC
// 7517 section 7, RFC 7518 section 4.8).
func parseEncrypted(data []byte, a Attributes, r setReader) (Loaded, error) {
	message, err := jwe.Parse(data)
	if err != nil || len(message.Recipients()) > 1 {
		return Loaded{}, fault.New(fault.KeyInvalid, a.Source, "looks like an encrypted JWK, but is not a JWE with one recipient")
	}
	alg, contentType, bad := encryption(message)
	if bad != nil {
		return Loaded{}, bad.About(a.Source)
	}
	passphrase, err := a.passphrase()
	if err != nil {
		return Loaded{}, err
	}
	plain, err := jwe.Decrypt(data, jwe.WithKey(alg, passphrase), jwe.WithMaxRecipients(1), jwe.WithMaxPBES2Count(maxPBES2Count),
		jwe.WithMaxDecompressBufferSize(MaxFileBytes), jwe.WithCritValidation(true))
	if err != nil { // the error may quote the file
		return Loaded{}, cannotDecrypt(a.Source, true)
	}
	members, err := strictjson.Object(plain, jsonDepth)
	if err != nil || isJWE(members) {
		return Loaded{}, fault.New(fault.KeyInvalid, a.Source, "the decrypted content is not a JWK or JWKS")
	}
	isSet := slices.ContainsFunc(members, func(m strictjson.Member) bool { return m.Name == "keys" })
	if contentType != "" && isSet != (contentType == "jwk-set+json") {
		return Loaded{}, fault.New(fault.KeyInvalid, a.Source, "cty is %q, but the decrypted content is something else", contentType)
	}
	return parseJSON(plain, a, r)
}

// encryption returns the algorithm of message, which must be one for passphrases, and the
// declared content type: "", jwk+json or jwk-set+json.
func encryption(message *jwe.Message) (alg jwa.KeyEncryptionAlgorithm, contentType string, bad *fault.Error) {
	headers := message.ProtectedHeaders()
	alg, found := headers.Algorithm()
	if list := message.Recipients(); !found && len(list) == 1 && list[0].Headers() != nil {
		alg, _ = list[0].Headers().Algorithm()
	}
	if !slices.Contains([]jwa.KeyEncryptionAlgorithm{jwa.PBES2_HS256_A128KW(), jwa.PBES2_HS384_A192KW(), jwa.PBES2_HS512_A256KW()}, alg) {
		return alg, "", fault.New(fault.KeyEncrypted, "", "encrypted with %q; only a JWK encrypted with a passphrase (PBES2) is supported", quote.Shorten(alg.String()))
	}
	contentType, _ = headers.ContentType()
	contentType = strings.TrimPrefix(contentType, "application/") // RFC 7515 section 4.1.10
	if contentType != "" && contentType != "jwk+json" && contentType != "jwk-set+json" {
		return alg, "", fault.New(fault.KeyFormatUnknown, "", "contains %q, not a JWK", quote.Shorten(contentType))
	}
	return alg, contentType, nil
}
