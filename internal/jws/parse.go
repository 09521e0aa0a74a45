// Package jws is the one door that tokens come in by and go out of. It takes a
// compact JWS (RFC 7515 section 7.1) apart, more strictly than any library,
// checks its signature with the key and algorithm that the configuration
// chooses, then its registered claims, and it signs.
//
// It is the only package that knows golang-jwt, of which it uses the
// signatures alone. It knows nothing of Temporal, messages and annotations,
// opens no connection, and never follows jku or x5u.
package jws

import (
	"bytes"
	"encoding/base64"
	"strings"
	"sync/atomic"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// The limits that Limits begins with (S30, A102).
const (
	MaxTokenBytes  = 64 << 10
	MaxHeaderBytes = 4 << 10
	MaxDepth       = 64
)

// Limits bounds what a token may be. A field that is 0 means the constant
// above.
type Limits struct {
	// TokenBytes is the most bytes of the compact form.
	TokenBytes int
	// HeaderBytes is the most bytes of the header's JSON.
	HeaderBytes int
	// Depth is how many levels the JSON of header and claims may nest.
	Depth int
}

func (l Limits) orDefault() Limits {
	if l.TokenBytes == 0 {
		l.TokenBytes = MaxTokenBytes
	}
	if l.HeaderBytes == 0 {
		l.HeaderBytes = MaxHeaderBytes
	}
	if l.Depth == 0 {
		l.Depth = MaxDepth
	}
	return l
}

// Token is a compact JWS that was taken apart, but NOT verified: nothing in it
// is to be believed yet. It never changes.
type Token struct {
	header     Header
	headerJSON []byte
	payload    []byte
	signature  []byte
	signed     string // header.payload as written, what the signature is over
	claims     *Claims
	claimsErr  *fault.Error
	signer     *keys.Key // whose signature was found good while the key was looked for
}

// Parse takes compact apart: three parts, base64url without padding in its one
// spelling, JSON in its one reading, and a header that jwtctl can obey
// (S25-S32, S35). It asks no key and no clock. A payload that is not a JSON
// object passes; Claims reports it.
//
// Errors: token_malformed, algorithm_not_allowed (an alg that is not of A24;
// none is not, in any spelling), type_not_allowed (a token within the token)
// and limit_exceeded.
func Parse(compact string, l Limits) (*Token, error) {
	return plain(parse(compact, l, rules{claims: true}))
}

// ParseDevelopment is Parse for looking at tokens only: it takes the unsigned
// ones of A91 as well.
func ParseDevelopment(compact string, l Limits) (*Token, error) {
	return plain(parse(compact, l, rules{claims: true, unsigned: true}))
}

// plain keeps a nil *fault.Error from becoming an error that is not nil.
func plain[T any](v T, err *fault.Error) (T, error) {
	if err != nil {
		return v, err
	}
	return v, nil
}

// Header returns what the header says.
func (t *Token) Header() Header { return t.header }

// HeaderJSON returns the header as it was written. It must not be changed.
func (t *Token) HeaderJSON() []byte { return t.headerJSON }

// PayloadJSON returns the payload as it was written, numbers and all (S41); it
// is JSON only if Claims returns no error. It must not be changed.
func (t *Token) PayloadJSON() []byte { return t.payload }

// Claims returns the claims of the payload, or payload_not_claims if it is no
// JSON object.
func (t *Token) Claims() (*Claims, error) {
	if t.claimsErr != nil {
		return nil, t.claimsErr
	}
	return t.claims, nil
}

// rules are what the callers of parse differ in.
type rules struct {
	unsigned bool // take tokens of algorithm none
	// anySignature takes whatever the third part is, and does not read it (A91).
	anySignature bool
	claims       bool // refuse a payload that begins an object and is not one
	headers      *headerMemo
}

// headerMemo keeps the last header that was read: the tokens of one issuer have
// one header until its key changes. What it says depends on its text alone.
type headerMemo struct{ last atomic.Pointer[knownHeader] }

type knownHeader struct {
	segment string
	json    []byte
	header  Header
}

// get returns what is known of segment, nil for nothing.
func (m *headerMemo) get(segment string) *knownHeader {
	if m == nil {
		return nil
	}
	if known := m.last.Load(); known != nil && known.segment == segment {
		return known
	}
	return nil
}

func (m *headerMemo) put(segment string, t *Token) {
	if m != nil {
		m.last.Store(&knownHeader{strings.Clone(segment), bytes.Clone(t.headerJSON), t.header})
	}
}

func parse(compact string, l Limits, r rules) (*Token, *fault.Error) {
	l = l.orDefault()
	if len(compact) > l.TokenBytes {
		return nil, fault.New(fault.LimitExceeded, "token", "%d bytes; at most %d are read", len(compact), l.TokenBytes)
	}
	if err := checkForm(compact); err != nil {
		return nil, err
	}
	header, rest, _ := strings.Cut(compact, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	t := &Token{signed: compact[:len(header)+1+len(payload)]}
	d := decoder{room: make([]byte, 0, base64.StdEncoding.DecodedLen(len(compact))), padded: signature == "" || r.anySignature}
	err := t.readHeader(&d, header, l, r)
	if err != nil {
		return nil, err
	}
	switch unsigned := t.header.Algorithm == string(keys.None); {
	case r.anySignature:
		signature = ""
	case unsigned && !r.unsigned:
		return nil, fault.New(fault.AlgorithmNotAllowed, "alg", "the token says %q: it is not signed", keys.None).
			WithRemedy(fault.Unsigned)
	case unsigned && signature != "":
		return nil, malformed("signature", "a token with alg none has none")
	case unsigned:
	case signature == "":
		return nil, malformed("signature", "there is none; a signed token is header.payload.signature")
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

// readHeader takes the header apart, or from the memo.
func (t *Token) readHeader(d *decoder, segment string, l Limits, r rules) (err *fault.Error) {
	if known := r.headers.get(segment); known != nil {
		t.headerJSON, t.header = known.json, known.header
		return nil
	}
	if t.headerJSON, err = d.decode("header", segment); err != nil {
		return err
	}
	if len(t.headerJSON) > l.HeaderBytes {
		return fault.New(fault.LimitExceeded, "header", "%d bytes; at most %d are read", len(t.headerJSON), l.HeaderBytes)
	}
	if t.header, err = readHeader(t.headerJSON, l.Depth, r.anySignature); err != nil {
		return err
	}
	if !d.padded { // one that has another spelling is read again
		r.headers.put(segment, t)
	}
	return nil
}

// checkForm refuses what is not a compact JWS at first sight, with the name of
// what it is instead.
func checkForm(compact string) *fault.Error {
	switch parts := strings.Count(compact, ".") + 1; {
	case compact == "":
		return malformed("token", "it is empty")
	case strings.HasPrefix(compact, "{"):
		return malformed("token", "JSON serialization; only the compact form is accepted (RFC 7515 section 7.1)")
	case parts == 5:
		return malformed("token", "5 parts: it is encrypted (JWE); only signed tokens are accepted")
	case parts != 2 && parts != 3:
		return malformed("token", "has %d parts, want 3 (header.payload.signature)", parts)
	}
	return nil
}

// decoder reads the parts of one token.
type decoder struct {
	room []byte // for all of them, in one piece
	// padded says that padded standard base64 will do too. It is only set for
	// tokens whose signature is empty or not looked at, which pass by A91 or not
	// at all.
	padded bool
}

// decode returns the bytes of text, which has one spelling alone: no padding,
// no character of another alphabet, no line end (which Go's decoder skips) and
// no bit set beyond the last byte (S29).
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
	return nil, malformed(what, "not base64url without padding, or cut short")
}

func (d *decoder) try(enc *base64.Encoding, text string) ([]byte, bool) {
	start := len(d.room)
	out, err := enc.AppendDecode(d.room, []byte(text))
	if err != nil {
		return nil, false
	}
	d.room = out
	return out[start:len(out):len(out)], true
}

func malformed(what, format string, args ...any) *fault.Error {
	return fault.New(fault.TokenMalformed, what, format, args...)
}
