package keys_test

import (
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestIssuerSlip: an issuer that only looks like the configured one is refused (A20,
// S38), and the error has both spellings and the difference.
func TestIssuerSlip(t *testing.T) {
	const tenant = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0"
	for _, tc := range []struct{ token, configured, want string }{
		{"https://x/auth0/", "https://x/auth0", "the token has a slash at the end"},
		{"https://x/auth0", "https://x/auth0/", "the token has no slash at the end"},
		{"https://x", "https://x//", "the token has no slash at the end"},
		{"accounts.google.com", "https://accounts.google.com", "the token leaves out https://"},
		{"https://accounts.google.com", "accounts.google.com", "the configuration leaves out https://"},
		{"idp.example.com/", "https://idp.example.com", "the token leaves out https://"},
		{"http://x", "https://x", "one is http, the other https"},
		{"https://X", "https://x", "only in case"},
		{" https://x", "https://x", "white space"},
		{tenant, "https://login.microsoftonline.com/common/v2.0", `"common" means any tenant`},
		{tenant, "https://login.microsoftonline.com/organizations/v2.0", `"organizations" means any tenant`},
		{tenant, "https://login.microsoftonline.com/{tenantid}/v2.0", `"{tenantid}" means any tenant`},
		{"https://sts.windows.net/11111111-2222-3333-4444-555555555555/", tenant, "different versions"},
		{tenant, strings.ReplaceAll(tenant, "1", "9"), "different tenants"},
		{"https://x", "https://x", ""},
		{"https://x", "https://y", ""},
		{"https://x/a", "https://x", ""},
		{"", "https://x", ""},
		{"https://login.microsoftonline.com.evil.example/a/v2.0", "https://login.microsoftonline.com/common/v2.0", ""},
	} {
		got := keys.IssuerHint(tc.token, tc.configured)
		if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) || got != "" && (!strings.Contains(got, `"`+tc.token+`"`) || !strings.Contains(got, `"`+tc.configured+`"`)) {
			t.Errorf("%q, %q: got %q, want %q", tc.token, tc.configured, got, tc.want)
		}
		if tc.token == tc.configured {
			continue
		}
		bound, err := ec(t, "a").With(keys.Attributes{Issuer: tc.configured})
		if err != nil {
			t.Fatal(err)
		}
		kid := "a"
		_, err = testkit.Must(keys.NewRing([]*keys.Key{bound})).Find(t.Context(), keys.Query{Issuer: &tc.token, KeyID: &kid, Algorithm: keys.ES256, Token: signedBy{bound}})
		if fault.CodeOf(err) != fault.KeyNotFound || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("a key of %[2]q vouches for %[1]q: %[3]v", tc.token, tc.configured, err)
		}
	}
}
