package quote

import (
	"net/url"
	"strconv"
	"strings"
)

// URL returns address for use in messages: without the password, query and fragment,
// which can be secrets (S69), and without terminal control characters.
func URL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return strconv.QuoteToASCII(Shorten(unparsed(address)))
	}
	u.RawQuery, u.Fragment = "", ""
	return strings.Trim(strconv.QuoteToASCII(u.Redacted()), `"`)
}

// unparsed is URL for an address that is not a valid URL.
func unparsed(address string) string {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		return address
	}
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i]
	}
	return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
}
