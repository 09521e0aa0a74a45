package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// basicProfile are the tests of oidcc-basic-certification-test-plan, with a
// client that is registered beforehand.
const basicProfile = `oidcc-server oidcc-response-type-missing oidcc-idtoken-signature oidcc-userinfo-get oidcc-userinfo-post-header
oidcc-userinfo-post-body oidcc-ensure-request-without-nonce-succeeds-for-code-flow oidcc-scope-profile oidcc-scope-email oidcc-scope-address
oidcc-scope-phone oidcc-scope-all oidcc-ensure-other-scope-order-succeeds oidcc-alternate-happy-flow oidcc-display-page oidcc-display-popup
oidcc-prompt-login oidcc-prompt-none-not-logged-in oidcc-prompt-none-logged-in oidcc-max-age-1 oidcc-max-age-10000
oidcc-ensure-request-with-unknown-parameter-succeeds oidcc-id-token-hint oidcc-login-hint oidcc-ui-locales oidcc-claims-locales
oidcc-ensure-request-with-acr-values-succeeds oidcc-codereuse oidcc-codereuse-30seconds oidcc-ensure-registered-redirect-uri
oidcc-ensure-post-request-succeeds oidcc-server-client-secret-post
oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported oidcc-claims-essential
oidcc-ensure-request-object-with-redirect-uri oidcc-refresh-token oidcc-ensure-request-with-valid-pkce-succeeds`

// TestIDPTablesNameTheirTests: each row of the tables in docs/idp.md that end in
// "tested by" names tests that exist, or a client of examples/idp, or says "not
// offered"; and no test of the basic profile is left out.
func TestIDPTablesNameTheirTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "idp.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, pattern := range []string{"../idp/*_test.go", "../cli/idp_*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(source), -1) {
				known[m[1]] = true
			}
		}
	}
	tables, rows := 0, 0
	for block := range strings.SplitSeq(string(text), "\n\n") {
		head, body, _ := strings.Cut(block, "\n")
		if !strings.HasSuffix(head, "| tested by |") {
			continue
		}
		tables++
		_, body, _ = strings.Cut(body, "\n")
		for row := range strings.Lines(strings.TrimSpace(body)) {
			rows++
			cells := strings.Split(strings.Trim(strings.TrimSpace(row), "|"), "|")
			last := cells[len(cells)-1]
			names := regexp.MustCompile(`Test\w+`).FindAllString(last, -1)
			if len(names) == 0 && !strings.Contains(last, "`examples/idp`") && !strings.Contains(last, "not offered") {
				t.Errorf("row without a test: %s", row)
			}
			for _, name := range names {
				if !known[name] {
					t.Errorf("no such test %s: %s", name, row)
				}
			}
		}
	}
	if tables != 2 || rows < 20 {
		t.Errorf("%d tables, %d rows", tables, rows)
	}
	for _, name := range strings.Fields(basicProfile) {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/idp.md does not mention %s", name)
		}
	}
}
