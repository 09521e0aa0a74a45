package temporal

import (
	"bytes"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// readAuthorization follows the header through the claim mapper up to the claims, and
// collects every problem.
func (e *explainer) readAuthorization() {
	value := e.Authorization
	if i := unsendable(value); i >= 0 {
		e.fault(fault.HeaderMalformed, "", "byte %d of the header is not printable ASCII (such as a line end): clients refuse to send it: header key %q contains value with non-printable ASCII characters", i+1, e.HeaderName)
	}
	if sent := strings.ToLower(e.SentIn); value != "" && sent != "" && sent != e.HeaderName {
		e.note("the token is in the header %q, which the server's default claim mapper does not read", quote.Shorten(sent))
		if e.api.Role() != "" {
			e.fault(fault.TokenMissing, e.denialLog(), "the token is in the header %q; the server reads %q", quote.Shorten(sent), quote.Shorten(e.HeaderName))
		}
		return
	}
	if value == "" {
		if e.api.Role() != "" {
			e.fault(fault.TokenMissing, e.denialLog(), "the call has no token")
		}
		return
	}
	scheme, token, found := strings.Cut(value, " ")
	switch {
	case !found:
		e.fault(fault.HeaderMalformed, "unexpected authorization token format", "the header is one word; it must be \"Bearer \" followed by the token")
		token = value
	case !strings.EqualFold(scheme, "bearer"):
		e.fault(fault.HeaderMalformed, "unexpected name in authorization token", "the header begins with %q, not with \"Bearer\"", quote.Shorten(scheme))
		return
	}
	e.readToken(token)
}

// readToken parses the token like golang-jwt v4, in the same order.
func (e *explainer) readToken(token string) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		reason := "has %d parts, want 3 (header.payload.signature)"
		switch len(parts) {
		case 1:
			reason = "has %d part, want 3 (header.payload.signature)"
		case 5:
			reason += ": it is encrypted (JWE)"
		}
		e.fault(fault.TokenMalformed, "token contains an invalid number of segments", reason, len(parts))
		return
	}
	header, headerRead := e.readHeader(token, parts[0])
	e.readClaims(parts[1])
	if headerRead {
		e.checkKey(header, parts)
	}
	if e.claims != nil {
		e.checkTimes()
		e.checkAudience()
		e.checkSubject()
	}
	if err := checkStrictly(token); err != nil && len(e.faults) == 0 {
		e.note("the server accepts this token, but jwtctl, which is stricter, does not: %v", err)
	}
}

// checkStrictly parses token by jwtctl's own rules.
func checkStrictly(token string) error {
	t, err := jws.Parse(token, jws.Limits{})
	if err != nil {
		return err
	}
	c, err := t.Claims()
	if err != nil {
		return err
	}
	if bad := c.Validate("iss", "aud", "exp", "nbf", "iat"); bad != nil {
		return bad
	}
	return nil
}

// readHeader decodes the header. Names may repeat (the last one counts), and base64url
// need not be canonical.
func (e *explainer) readHeader(token, part string) (map[string]any, bool) {
	data, err := readBase64(part)
	if err != nil {
		log := err.Error()
		if strings.HasPrefix(strings.ToLower(token), "bearer ") {
			log = "tokenstring should not contain 'bearer '"
		}
		e.fault(fault.TokenMalformed, log, "the header is not base64url%s", spaces(part))
		return nil, false
	}
	var header map[string]any
	if err := json.Unmarshal(data, &header); err != nil {
		e.fault(fault.TokenMalformed, jsonLog(err, "map[string]interface {}"), "the header is not a JSON object")
		return nil, false
	}
	return header, true
}

// readClaims decodes the payload's first JSON value and ignores the rest.
func (e *explainer) readClaims(part string) {
	data, err := readBase64(part)
	if err != nil {
		e.fault(fault.TokenMalformed, err.Error(), "the payload is not base64url%s", spaces(part))
		return
	}
	claims := map[string]any{}
	err = json.NewDecoder(bytes.NewReader(data)).Decode(&claims)
	switch {
	case errors.Is(err, io.EOF):
		e.fault(fault.TokenMalformed, err.Error(), "the payload is empty")
	case err != nil:
		e.fault(fault.TokenMalformed, jsonLog(err, "jwt.MapClaims"), "the payload is not a JSON object")
	case claims == nil: // JSON null
		e.claims = map[string]any{}
	default:
		e.claims = claims
	}
}

// jsonLog returns err as the server's decoder would word it when it decodes into a value
// of type object.
func jsonLog(err error, object string) string {
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) {
		return err.Error() // quotes at most one character of the token
	}
	if mismatch.Type.Kind() != reflect.Map {
		object = mismatch.Type.String()
	}
	return fmt.Sprintf("json: cannot unmarshal %s into Go value of type %s", quote.Shorten(mismatch.Value), object)
}

func spaces(part string) string {
	if strings.Contains(part, " ") {
		return ": it contains a space"
	}
	return ""
}

// checkKey checks alg, kid and signature.
func (e *explainer) checkKey(header map[string]any, parts []string) {
	if e.Keys != nil {
		e.notes = slices.Concat(e.notes, e.Keys.statuses, e.Keys.notes)
	}
	alg, usable := e.checkAlgorithm(header)
	key, known := e.checkKeyID(header, alg, usable)
	signature, err := readBase64(parts[2])
	switch {
	case err != nil:
		e.fault(fault.TokenMalformed, err.Error(), "the signature is not base64url%s", spaces(parts[2]))
	case usable && known:
		kid, _ := header["kid"].(string)
		by := e.Keys.serverKey(kid, alg)
		e.checkedBy = &by
		if err := jws.CheckSignature(alg, key, parts[0]+"."+parts[1], signature); err != nil {
			e.keyAtFault = true
			e.fault(fault.SignatureInvalid, err.Error(), "the signature was not made with the server's key for this kid, or the token was changed")
		}
	}
}

// checkAlgorithm returns the header's alg, and whether the server accepts it.
func (e *explainer) checkAlgorithm(header map[string]any) (keys.Algorithm, bool) {
	name, isString := header["alg"].(string)
	alg := keys.Algorithm(name)
	const only = "a Temporal server accepts only RS256 and ES256"
	switch {
	case !isString:
		e.fault(fault.AlgorithmNotAllowed, "signing method (alg) is unspecified.", "the header has no alg; %s", only)
	case alg != keys.None && (alg == keys.Ed25519 || !slices.Contains(keys.Algorithms(), alg)): // golang-jwt's list, which has no Ed25519
		e.fault(fault.AlgorithmNotAllowed, "signing method (alg) is unavailable.", "alg %q is unknown; %s", quote.Shorten(name), only)
	case alg != keys.RS256 && alg != keys.ES256:
		e.fault(fault.AlgorithmNotAllowed, "signing method "+name+" is invalid", "alg is %s; %s", name, only)
	default:
		return alg, true
	}
	e.keyAtFault = true
	return alg, false
}

// checkKeyID returns the key with which the server verifies a signature of alg's kind.
func (e *explainer) checkKeyID(header map[string]any, alg keys.Algorithm, usable bool) (key crypto.PublicKey, known bool) {
	kid, isString := header["kid"].(string)
	if !isString {
		e.keyAtFault = true
		e.fault(fault.KeyIDMissing, `malformed token - no "kid" header`, "the header has no kid")
		return nil, false
	}
	if e.Keys == nil {
		e.note("kid and signature were not checked, since the server's keys were not given")
		return nil, false
	}
	kind, mine, other := "ECDSA", keys.ES256, keys.RS256
	if strings.HasPrefix(string(alg), "RS") || strings.HasPrefix(string(alg), "PS") {
		kind, mine, other = "RSA", keys.RS256, keys.ES256
	}
	if key, known = e.Keys.find(mine, kid); known {
		e.note("this applies once the server has fetched these keys: at startup, then at every refreshInterval")
		return key, true
	}
	reason := fmt.Sprintf("the server has no key %q; it has %s", quote.Shorten(kid), e.Keys.describe())
	if _, otherKind := e.Keys.find(other, kid); otherKind {
		if !usable { // alg must change anyway, and the kid may fit then
			return nil, false
		}
		reason = fmt.Sprintf("the server's key %q is not for %s", quote.Shorten(kid), mine)
	}
	e.keyAtFault = true
	e.fault(fault.KeyNotFound, kind+" key not found for key ID: "+quote.Shorten(kid), "%s", reason)
	e.note("an unknown kid does not make the server fetch keys: it does so at startup and at every refreshInterval (never again without one)")
	return nil, false
}
