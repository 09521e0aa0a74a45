package e2e

import (
	"net/url"
	"strings"
	"testing"
)

// testGreeting follows the whole user's document, from no key to "Hello Temporal!".
func testGreeting(t *testing.T, bin programs, alg string) {
	here := newPlace(t)
	endpoint, served := here.serveKeys(t, bin, "gen-and-serve", "--alg", alg)
	checkSettings(t, endpoint, served)
	if key := onlyKey(t, endpoint); key.Algorithm != alg {
		t.Errorf("the served key is for %s, want %s", key.Algorithm, alg)
	}
	s := startServer(t, endpoint)

	if err := refused(register(s.client(t, "default", authorization("")), "default")); err != nil {
		t.Errorf("register without a token: %v", err)
	}
	s.mustRegister(t, here.token(t, bin, "--system"), "default")
	if err := refused(count(s.client(t, "default", authorization("")))); err != nil {
		t.Errorf("count workflows without a token: %v", err)
	}

	here.start(t, bin.worker, "--address", s.address)
	here.mustGreet(t, bin, s)
	if refusals := s.log.refusals(0); len(refusals) > 0 {
		t.Errorf("tokens were refused on the way: %q", refusals)
	}
}

// mustGreet runs the starter, which needs a running worker.
func (p place) mustGreet(t *testing.T, bin programs, s *server) {
	t.Helper()
	got := p.mustRun(t, bin.starter, "--address", s.address)
	if want := "Workflow result: Hello Temporal!\n"; got != want {
		t.Errorf("starter wrote %q, want %q", got, want)
	}
}

// checkSettings looks for both forms of the settings to copy in the user's document: for
// the container and for a self-hosted server, each with the actual port.
func checkSettings(t *testing.T, endpoint string, served *process) {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "Temporal settings on stderr of gen-and-serve", func() error {
		return containsAll(served.stderr.String(),
			"TEMPORAL_JWT_KEY_SOURCE1=http://host.docker.internal:"+u.Port()+"/jwks.json",
			"TEMPORAL_AUTH_AUTHORIZER=default",
			"TEMPORAL_AUTH_CLAIM_MAPPER=default",
			"USE_INTERNAL_FRONTEND=1",
			"SERVICES=frontend:history:matching:worker:internal-frontend",
			"keySourceURIs:",
			"http://127.0.0.1:"+u.Port()+"/jwks.json",
			"refreshInterval:",
		)
	})
	if strings.Contains(served.stdout.String(), "TEMPORAL_") {
		t.Error("gen-and-serve writes settings to stdout")
	}
}
