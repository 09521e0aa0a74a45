package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.temporal.io/server/common/config"
)

// TestDoctorAsksTheRealServer runs jwtctl doctor against servers configured as its file
// says, otherwise, and without authorization.
func TestDoctorAsksTheRealServer(t *testing.T) {
	t.Cleanup(func() { forbidCaching(t) })
	e := newExplainer(t)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(e.set) }))
	defer endpoint.Close()
	e.here.mustRun(t, e.bin.jwtctl, "token", "--key", "key.priv.pem", "--system", "-o", "admin.env")
	file := func(extra string) string {
		return fmt.Sprintf("global:\n  authorization:\n    jwtKeyProvider: {keySourceURIs: [%q], refreshInterval: 1s}\n    authorizer: default\n    claimMapper: default\n%sservices: {frontend: {}, internal-frontend: {}}\n", endpoint.URL, extra)
	}
	authorized := startDenialServer(t, endpoint.URL, func(*config.Authorization) {}).address
	open := startDenialServer(t, endpoint.URL, func(a *config.Authorization) { a.Authorizer, a.ClaimMapper = "", "" }).address
	for name, row := range map[string]struct {
		address, file string
		exit          int
		says          string
	}{
		"as its file says":      {authorized, file(""), 0, ""},
		"without authorization": {open, file(""), 1, "ListNamespaces is allowed without a token (live-open)"},
		"wrong audience":        {authorized, file("    audience: temporal\n"), 1, "(live-differs)"},
	} {
		t.Run(name, func(t *testing.T) {
			e.write(t, "server.yaml", []byte(row.file))
			r := e.here.run(t, e.bin.jwtctl, "doctor", "--server-config", "server.yaml", "--address", row.address, "--token", "@admin.env")
			if r.exit != row.exit || !strings.Contains(r.stdout, row.says) {
				t.Errorf("got %s, want exit %d with %q", r, row.exit, row.says)
			}
		})
	}
}
