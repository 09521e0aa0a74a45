package enforce

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// ClaimPrefix begins the metadata keys that tell claims upstream (A34).
const ClaimPrefix = "_kalix-jwt-claim-"

// Pair is a claim as metadata: a key in lower case, and its value.
type Pair struct{ Key, Value string }

// claimMetadata returns the metadata of claims (A34, A35): a string as it is, or
// under a key with "-bin" if gRPC could not carry it as text; anything else as
// compact JSON, in ASCII. A claim whose name makes no key is left out, and so is
// one whose name ends in "-bin", which would be taken for bytes.
//
// No two names differ in case alone, see verify.Verifier.Bearer: they would be one
// key.
func claimMetadata(claims []strictjson.Member) []Pair {
	list := make([]Pair, 0, len(claims))
	for _, c := range claims {
		name := strings.ToLower(c.Name)
		if !ValidKey(c.Name) || strings.HasSuffix(name, "-bin") {
			continue
		}
		key := ClaimPrefix + name
		text, isString := strictjson.String(c.Value)
		switch {
		case !isString:
			text = asciiJSON(c.Value)
		case !plainText(text):
			key += "-bin"
		}
		list = append(list, Pair{key, text})
	}
	return list
}

// ValidKey reports whether name makes a metadata key once it is in lower case.
func ValidKey(name string) bool {
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-', c == '.':
		default:
			return false
		}
	}
	return name != ""
}

// plainText reports whether text arrives as it is in metadata: printable ASCII, and
// no space at an end, which anyone on the way may strip.
func plainText(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return strings.Trim(text, " ") == text
}

// asciiJSON returns value, which is valid JSON, without white space and with
// what is not printable ASCII as \u.
func asciiJSON(value []byte) string {
	var out bytes.Buffer
	if json.Compact(&out, value) != nil {
		return string(value) // not reached: it was read as JSON before
	}
	if plainText(out.String()) {
		return out.String()
	}
	const hex = "0123456789abcdef"
	text := make([]byte, 0, out.Len()+16)
	escape := func(unit uint16) {
		text = append(text, '\\', 'u', hex[unit>>12], hex[unit>>8&15], hex[unit>>4&15], hex[unit&15])
	}
	for rest := out.Bytes(); len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		rest = rest[size:]
		switch {
		case r <= '~': // controls are escaped in any JSON
			text = append(text, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			escape(uint16(high))
			escape(uint16(low))
		default:
			escape(uint16(r))
		}
	}
	return string(text)
}

// IsClaim reports whether a server would read key as a claim that the proxy sent.
// Many fold what separates words, and case: CGI makes one variable of a_b and
// a-b (RFC 3875, section 4.1.18).
func IsClaim(key string) bool {
	if len(key) < len(ClaimPrefix) {
		return false
	}
	for i := range len(ClaimPrefix) {
		if folded(key[i]) != folded(ClaimPrefix[i]) {
			return false
		}
	}
	return true
}

// OfConnection reports whether key, in lower case, concerns one connection or the framing
// of its messages, and so never crosses (S78): the fields that RFC 9110, section 7.6.1,
// and RFC 9113, section 8.2.2, name, those of a conversation with a proxy (RFC 9110,
// section 11.7), and content-length, since a message may change its length on the way.
func OfConnection(key string) bool {
	switch key {
	case "connection", "content-length", "expect", "http2-settings", "keep-alive",
		"proxy-authenticate", "proxy-authentication-info", "proxy-authorization",
		"proxy-connection", "te", "transfer-encoding", "upgrade":
		return true
	}
	return false
}

func folded(c byte) byte {
	switch {
	case c == '_', c == '.':
		return '-'
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	}
	return c
}
