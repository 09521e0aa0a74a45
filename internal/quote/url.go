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
		return strconv.QuoteToASCII(Shorten(address))
	}
	u.RawQuery, u.Fragment = "", ""
	return strings.Trim(strconv.QuoteToASCII(u.Redacted()), `"`)
}
