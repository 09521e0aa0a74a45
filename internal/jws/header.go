package jws

import (
	"errors"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// Header is the header of a token (RFC 7515 section 4.1). Its members jku, x5u, x5c and
// jwk are never used (S20).
type Header struct {
	// Algorithm is "alg": one of A24, or none.
	Algorithm string
	// KeyID, Type and ContentType are "kid", "typ" and "cty", or nil if absent.
	KeyID, Type, ContentType *string
	// Members are all members in the order of the token.
	Members []strictjson.Member
}

// readHeader applies the rules that need no key (S25, S30-S32, S35). anyAlgorithm accepts
// any algorithm name (A91).
func readHeader(data []byte, maxDepth int, anyAlgorithm bool) (Header, *fault.Error) {
	members, err := strictjson.Object(data, maxDepth)
	if err != nil {
		return Header{}, jsonFault("header", err)
	}
	h := Header{Members: members}
	hasAlg := false
	for _, m := range members {
		switch m.Name {
		case "alg", "kid", "typ", "cty":
			text, isString := strictjson.String(m.Value)
			if !isString {
				return Header{}, malformed(m.Name, "is not a string")
			}
			switch m.Name {
			case "alg":
				h.Algorithm, hasAlg = text, true
			case "kid":
				h.KeyID = &text
			case "typ":
				h.Type = &text
			case "cty":
				h.ContentType = &text
			}
		case "crit":
			return Header{}, malformed("crit", "the token requires extensions, and jwtctl supports none (RFC 7515 section 4.1.11)")
		case "b64": // true means the same as its absence (RFC 7797 section 3)
			if string(m.Value) == "true" {
				continue
			}
			return Header{}, malformed("b64", "unencoded payloads are not accepted (RFC 7797)")
		}
	}
	if !hasAlg {
		return Header{}, malformed("alg", "missing from the header")
	}
	return h, h.check(anyAlgorithm)
}

// check refuses unknown algorithms and nested tokens.
func (h Header) check(anyAlgorithm bool) *fault.Error {
	if h.Algorithm != string(keys.None) && !anyAlgorithm {
		var bad *fault.Error
		if _, err := keys.ParseAlgorithm(h.Algorithm); errors.As(err, &bad) {
			return bad.About("alg")
		}
	}
	if h.ContentType != nil && mediaType(*h.ContentType) == "jwt" {
		return fault.New(fault.TypeNotAllowed, "cty", "nested tokens are not accepted (RFC 7519 section 5.2)")
	}
	return nil
}

// mediaType returns a "typ" or "cty" in a form to compare: without the prefix
// application/ and in lower case (RFC 7515 section 4.1.9).
func mediaType(text string) string {
	return strings.TrimPrefix(strings.ToLower(text), "application/")
}

// jsonFault returns the fault for an error of strictjson in the part called what.
func jsonFault(what string, err error) *fault.Error {
	if errors.Is(err, strictjson.ErrTooDeep) {
		return fault.New(fault.LimitExceeded, what, "%w", err)
	}
	return malformed(what, "%w", err).Quoting()
}
