package enforce

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// ClaimPrefix is the prefix of metadata keys for claims (A34).
const ClaimPrefix = "_kalix-jwt-claim-"

// Pair is a claim as metadata: a key in lower case, and its value.
type Pair struct{ Key, Value string }

// claimMetadata returns the metadata for claims (A34, A35): a string unchanged, or under
// a key ending in "-bin" if gRPC cannot carry it as text; anything else as compact ASCII
// JSON. It omits claims whose name is not a valid key, and those whose name ends in
// "-bin", since they would be decoded as bytes.
//
// Names that differ only in case would be the same key, but verify.Verifier.Bearer
// refuses them.
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

// ValidKey reports whether name, in lower case, is a valid metadata key.
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

// plainText reports whether metadata carries text unchanged: printable ASCII without
// spaces at either end, which intermediaries may strip.
func plainText(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return strings.Trim(text, " ") == text
}

// asciiJSON returns value, which is valid JSON, without white space and with everything
// but printable ASCII escaped as \u.
func asciiJSON(value []byte) string {
	var out bytes.Buffer
	if json.Compact(&out, value) != nil {
		return string(value) // unreachable: value was parsed before
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
		case r <= '~': // valid JSON has no unescaped control characters
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

// IsClaim reports whether a server could read key as a claim from the proxy. Many servers
// fold word separators and case: CGI turns both a_b and a-b into one variable (RFC 3875
// section 4.1.18).
func IsClaim(key string) bool {
	if len(key) < len(ClaimPrefix) {
		return false
	}
	for i := range len(ClaimPrefix) {
		if fold(key[i]) != fold(ClaimPrefix[i]) {
			return false
		}
	}
	return true
}

// IsConnectionHeader reports whether key, in lower case, is about one connection or the framing
// of its messages, so that it must not be forwarded (S78): the fields of RFC 9110 section
// 7.6.1 and RFC 9113 section 8.2.2, those for proxies (RFC 9110 section 11.7), and
// content-length, since a message may change its length.
func IsConnectionHeader(key string) bool {
	switch key {
	case "connection", "content-length", "expect", "http2-settings", "keep-alive",
		"proxy-authenticate", "proxy-authentication-info", "proxy-authorization",
		"proxy-connection", "te", "transfer-encoding", "upgrade":
		return true
	}
	return false
}

func fold(c byte) byte {
	switch {
	case c == '_', c == '.':
		return '-'
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	}
	return c
}
