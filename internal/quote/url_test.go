package quote_test

import (
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/quote"
)

// TestURLShowsNoSecret: neither the password nor the query nor the fragment of a URL is
// shown, even if it is not a valid URL. S69.
func TestURLShowsNoSecret(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://example.com/jwks.json":                   "https://example.com/jwks.json",
		"https://example.com/jwks.json?t=SECRET#SECRET":   "https://example.com/jwks.json",
		"https://me:SECRET@example.com/":                  "https://me:xxxxx@example.com/",
		"https://me:SECRET@%zz.com/jwks.json?t=SECRET":    `"https://%zz.com/jwks.json"`,
		"https://me:a@SECRET@exa mple.com/#SECRET?SECRET": `"https://exa mple.com/"`,
		"::::": `"::::"`,
	} {
		if got := quote.URL(address); got != want || strings.Contains(got, "SECRET") {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}
