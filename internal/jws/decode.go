package jws

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// Decoded is the content of a token of which NOTHING was verified. Use it to display a
// token, never to make decisions.
type Decoded struct {
	// Header holds the members of the header as written, and HeaderJSON its text; both
	// are nil for an opaque token.
	Header     []strictjson.Member
	HeaderJSON []byte
	// Encrypted means that it is a JWE (RFC 7516), of which only the header can be read.
	Encrypted bool
	// Payload is the payload of a JWS. Claims are its claims, or nil if it is not a JSON
	// object.
	Payload []byte
	Claims  *Claims
	// Disclosures follow an SD-JWT (RFC 9901). KeyBinding is the token at the end that
	// proves possession of a key, or "".
	Disclosures []Disclosure
	KeyBinding  string
}

// Disclosure is a claim whose digest is in an SD-JWT; an array element has no name.
type Disclosure struct {
	Name  string
	Value strictjson.Value
}

// Opaque reports whether the token is not a JWT at all, but one that only its issuer can
// read.
func (d *Decoded) Opaque() bool { return d.HeaderJSON == nil }

// Decode decodes a token as far as possible: a JWS with any header, algorithm and
// payload, with the disclosures of an SD-JWT, or the header of a JWE; any other possible
// token is opaque. A header may be as large as the token, as one with certificates (x5c)
// is. It returns token_malformed for a damaged JWT or text that cannot be a token, and
// limit_exceeded.
func Decode(text string, l Limits) (*Decoded, error) { return untyped(decode(text, l.withDefaults())) }

func decode(text string, l Limits) (*Decoded, *fault.Error) {
	if len(text) > l.TokenBytes {
		return nil, fault.New(fault.LimitExceeded, "token", "%d bytes, more than the limit of %d", len(text), l.TokenBytes)
	}
	compact, rest, hasDisclosures := strings.Cut(text, "~")
	parts := strings.Split(compact, ".")
	if !beginsObject(compact) {
		if isOpaque(text) {
			return &Decoded{}, nil
		}
		return nil, malformed("token", "not a token")
	}
	if n := len(parts); n != 2 && n != 3 && n != 5 {
		return nil, checkForm(compact)
	}
	r := decoder{buf: make([]byte, 0, base64.StdEncoding.DecodedLen(len(compact))), padded: len(parts) == 2 || parts[2] == ""}
	d := &Decoded{Encrypted: len(parts) == 5}
	var err *fault.Error
	if d.HeaderJSON, err = r.decode("header", parts[0]); err != nil {
		return nil, err
	}
	var bad error
	if d.Header, bad = strictjson.Object(d.HeaderJSON, l.Depth); bad != nil {
		return nil, jsonFault("header", bad)
	}
	if d.Encrypted {
		return d, nil
	}
	d.Payload, err = r.decode("payload", parts[1])
	if isUnencoded(d.Header) && (err != nil || checkObject(d.Payload) != nil) {
		d.Payload, err = []byte(parts[1]), nil
	}
	if err != nil {
		return nil, err
	}
	if len(parts) == 3 {
		if _, err = r.decode("signature", parts[2]); err != nil {
			return nil, err
		}
	}
	if d.Claims, err = readClaims(d.Payload, l.Depth); err != nil && err.Code != fault.PayloadNotClaims {
		return nil, err
	}
	if hasDisclosures {
		return d, d.readDisclosures(rest, l)
	}
	return d, nil
}

// beginsObject reports whether text is the base64url of a JSON object, or at least begins
// like it. Most headers begin with {", but white space is permitted there (RFC 8259
// section 2).
func beginsObject(text string) bool {
	const space = " \t\r\n"
	head, _ := base64.RawURLEncoding.DecodeString(text) // up to the first dot
	inside, isObject := strings.CutPrefix(strings.TrimLeft(string(head), space), "{")
	return strings.HasPrefix(text, "ey") || isObject && strings.HasPrefix(strings.TrimLeft(inside, space), `"`)
}

// isUnencoded reports whether the payload of a token with these members in its header is
// not in base64url (RFC 7797 section 3).
func isUnencoded(header []strictjson.Member) bool {
	return slices.ContainsFunc(header, func(m strictjson.Member) bool { return m.Name == "b64" && string(m.Value) == "false" })
}

// isOpaque reports whether text could be a token of RFC 6750 section 2.1, or one with
// other marks that issuers use: RFC 6749 appendix A.12 permits all printable ASCII.
// Quotes, brackets, spaces and what is only in URLs mean that it is something else.
func isOpaque(text string) bool {
	odd := func(r rune) bool {
		return !strings.ContainsRune("-._~+/=:!|$%*#", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}
	return text != "" && text[0] != '-' && !strings.ContainsFunc(text, odd)
}

// readDisclosures reads the part after the first tilde of an SD-JWT (RFC 9901 section 4).
func (d *Decoded) readDisclosures(text string, l Limits) *fault.Error {
	segments := strings.Split(text, "~")
	last := len(segments) - 1
	if strings.Contains(segments[last], ".") {
		d.KeyBinding = segments[last]
	} else if segments[last] != "" {
		return malformed("disclosures", "the last one does not end in a tilde")
	}
	for i, segment := range segments[:last] {
		what := fmt.Sprintf("disclosure %d", i+1)
		r := decoder{buf: make([]byte, 0, len(segment))}
		data, err := r.decode(what, segment)
		if err != nil {
			return err
		}
		elements, bad := strictjson.Array(data, l.Depth)
		if bad != nil {
			return jsonFault(what, bad)
		}
		disclosed := Disclosure{}
		switch len(elements) {
		case 2:
			disclosed.Value = elements[1]
		case 3:
			name, isString := strictjson.String(elements[1])
			if !isString {
				return malformed(what, "the name is not a string")
			}
			disclosed.Name, disclosed.Value = name, elements[2]
		default:
			return malformed(what, "has %d elements, want 2 or 3", len(elements))
		}
		d.Disclosures = append(d.Disclosures, disclosed)
	}
	return nil
}
