// Package jws parses, verifies and signs tokens. It parses compact JWS (RFC 7515 section
// 7.1) more strictly than any library, verifies the signature with the key and algorithm
// that the configuration selects, and then checks registered claims.
//
// All tokens pass through this package, and it is the only one that uses golang-jwt, for
// signatures only. It knows nothing of Temporal, messages and annotations, does not use
// the network, and ignores jku and x5u.
package jws

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"strings"
	"sync/atomic"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// The default limits (S30, A102).
const (
	MaxTokenBytes  = 64 << 10
	MaxHeaderBytes = 4 << 10
	MaxDepth       = 64
)

// Limits limit the size of a token. A zero field means the default above.
type Limits struct {
	// TokenBytes limits the compact form.
	TokenBytes int
	// HeaderBytes limits the header's JSON.
	HeaderBytes int
	// Depth limits the nesting of the JSON of header and claims.
	Depth int
}

func (l Limits) withDefaults() Limits {
	return Limits{cmp.Or(l.TokenBytes, MaxTokenBytes), cmp.Or(l.HeaderBytes, MaxHeaderBytes), cmp.Or(l.Depth, MaxDepth)}
}

// Token is a compact JWS that was parsed, but NOT verified: do not trust its content. It
// is immutable.
type Token struct {
	header     Header
	headerJSON []byte
	payload    []byte
	signature  []byte
	signed     string // header.payload as written, which is signed
	claims     *Claims
	claimsErr  *fault.Error
	signer     *keys.Key // the key that made the signature, if Find tried it
}

// Parse parses compact: three parts in canonical unpadded base64url, strict JSON, and a
// supported header (S25-S32, S35). It uses neither key nor clock. A payload that is not a
// JSON object is accepted; Claims reports it.
//
// Errors are token_malformed, algorithm_not_allowed (an alg that is not in A24; none is
// not, in any spelling), type_not_allowed (a nested token) and limit_exceeded.
func Parse(compact string, l Limits) (*Token, error) {
	return untyped(parse(compact, l, parseRules{claims: true}))
}

// ParseDevelopment is like Parse, and also accepts the unsigned tokens of A91. Use it only
// to display a token, or to check one that was just signed here.
func ParseDevelopment(compact string, l Limits) (*Token, error) {
	return untyped(parse(compact, l, parseRules{claims: true, unsigned: true}))
}

// untyped turns a nil *fault.Error into a nil error.
func untyped[T any](v T, err *fault.Error) (T, error) {
	if err != nil {
		return v, err
	}
	return v, nil
}

// Header returns the parsed header.
func (t *Token) Header() Header { return t.header }

// HeaderJSON returns the header as written. Callers must not modify it.
func (t *Token) HeaderJSON() []byte { return t.headerJSON }

// PayloadJSON returns the payload as written, including its numbers (S41). It is JSON
// only if Claims returns no error. Callers must not modify it.
func (t *Token) PayloadJSON() []byte { return t.payload }

// Claims returns the claims of the payload, or payload_not_claims if it is not a JSON
// object.
func (t *Token) Claims() (*Claims, error) {
	if t.claimsErr != nil {
		return nil, t.claimsErr
	}
	return t.claims, nil
}

// parseRules are the options of parse.
type parseRules struct {
	unsigned bool // accept tokens with algorithm none
	// anySignature accepts any third part without reading it (A91).
	anySignature bool
	claims       bool // refuse a payload that starts an object but is not valid
	headers      *headerCache
}

// headerCache caches the last header: the tokens of one issuer have the same header until
// its key changes. The result depends only on the header's text.
type headerCache struct{ last atomic.Pointer[cachedHeader] }

type cachedHeader struct {
	segment string
	json    []byte
	header  Header
}

// get returns the cached result for segment, or nil.
func (m *headerCache) get(segment string) *cachedHeader {
	if m == nil {
		return nil
	}
	if known := m.last.Load(); known != nil && known.segment == segment {
		return known
	}
	return nil
}

func (m *headerCache) put(segment string, t *Token) {
	if m != nil {
		m.last.Store(&cachedHeader{strings.Clone(segment), bytes.Clone(t.headerJSON), t.header})
	}
}

func parse(compact string, l Limits, r parseRules) (*Token, *fault.Error) {
	l = l.withDefaults()
	if len(compact) > l.TokenBytes {
		return nil, fault.New(fault.LimitExceeded, "token", "%d bytes, more than the limit of %d", len(compact), l.TokenBytes)
	}
	if err := checkForm(compact); err != nil {
		return nil, err
	}
	header, rest, _ := strings.Cut(compact, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	t := &Token{signed: compact[:len(header)+1+len(payload)]}
	d := decoder{buf: make([]byte, 0, base64.StdEncoding.DecodedLen(len(compact))), padded: signature == "" || r.anySignature}
	err := t.readHeader(&d, header, l, r)
	if err != nil {
		return nil, err
	}
	switch unsigned := t.header.Algorithm == string(keys.None); {
	case r.anySignature:
		signature = ""
	case unsigned && !r.unsigned:
		return nil, fault.New(fault.AlgorithmNotAllowed, "alg", "the token is not signed (alg is %q)", keys.None).
			WithRemedy(fault.Unsigned)
	case unsigned && signature != "":
		return nil, malformed("signature", "a token with alg none must not have one")
	case unsigned:
	case signature == "":
		return nil, malformed("signature", "missing; a signed token is header.payload.signature")
	}
	if t.payload, err = d.decode("payload", payload); err != nil {
		return nil, err
	}
	if t.signature, err = d.decode("signature", signature); err != nil {
		return nil, err
	}
	t.claims, t.claimsErr = readClaims(t.payload, l.Depth)
	if r.claims && t.claimsErr != nil && t.claimsErr.Code != fault.PayloadNotClaims {
		return nil, t.claimsErr
	}
	return t, nil
}

// readHeader parses the header, or takes it from the memo.
func (t *Token) readHeader(d *decoder, segment string, l Limits, r parseRules) (err *fault.Error) {
	if known := r.headers.get(segment); known != nil {
		t.headerJSON, t.header = known.json, known.header
		return nil
	}
	if t.headerJSON, err = d.decode("header", segment); err != nil {
		return err
	}
	if len(t.headerJSON) > l.HeaderBytes {
		return fault.New(fault.LimitExceeded, "header", "%d bytes, more than the limit of %d", len(t.headerJSON), l.HeaderBytes)
	}
	if t.header, err = readHeader(t.headerJSON, l.Depth, r.anySignature); err != nil {
		return err
	}
	if !d.padded { // one with another spelling is parsed again
		r.headers.put(segment, t)
	}
	return nil
}

// checkForm refuses text that is obviously not a compact JWS, and says what it is
// instead.
func checkForm(compact string) *fault.Error {
	switch parts := strings.Count(compact, ".") + 1; {
	case compact == "":
		return malformed("token", "is empty")
	case strings.HasPrefix(compact, "{"):
		return malformed("token", "JSON serialization; only the compact form is accepted (RFC 7515 section 7.1)")
	case parts == 1:
		return malformed("token", "has 1 part, want 3 (header.payload.signature)")
	case parts == 5:
		return malformed("token", "encrypted (a JWE, 5 parts); only signed tokens are accepted")
	case parts != 2 && parts != 3:
		return malformed("token", "has %d parts, want 3 (header.payload.signature)", parts)
	}
	return nil
}

// decoder decodes the parts of one token.
type decoder struct {
	buf []byte // shared by all parts
	// padded also accepts padded standard base64. It is only set for tokens whose
	// signature is empty or not checked, which are accepted by A91 or not at all.
	padded bool
}

// decode decodes text, which must be canonical: no padding, no characters of another
// alphabet, no line ends (which Go's decoder skips), and no bits set beyond the last byte
// (S29).
func (d *decoder) decode(what, text string) ([]byte, *fault.Error) {
	if strings.IndexByte(text, '\n') < 0 && strings.IndexByte(text, '\r') < 0 {
		if out, ok := d.try(base64.RawURLEncoding.Strict(), text); ok {
			return out, nil
		}
		if d.padded {
			if out, ok := d.try(base64.StdEncoding.Strict(), text); ok {
				return out, nil
			}
		}
	}
	return nil, malformed(what, "not base64url without padding, or truncated")
}

func (d *decoder) try(enc *base64.Encoding, text string) ([]byte, bool) {
	start := len(d.buf)
	out, err := enc.AppendDecode(d.buf, []byte(text))
	if err != nil {
		return nil, false
	}
	d.buf = out
	return out[start:len(out):len(out)], true
}

func malformed(what, format string, args ...any) *fault.Error {
	return fault.New(fault.TokenMalformed, what, format, args...)
}
