package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/headers"
)

// denialCase is one call made to the server and given to jwtctl explain-denial.
type denialCase struct {
	name          string
	api           string // the method's full name
	namespace     string
	header        string // its name, "" for authorization
	authorization string // the header's value as sent
}

// answer is the server's response to a call.
type answer struct {
	denied bool
	causes []string // from its log
}

// verdict is what jwtctl explain-denial --format json prints.
type verdict struct {
	Allowed bool `json:"allowed"`
	Faults  []struct {
		Code   string `json:"code"`
		Reason string `json:"reason"`
		Log    string `json:"log"`
	} `json:"faults"`
	Fix string `json:"fix"`
}

// TestDenial compares every verdict of jwtctl explain-denial with the response of a real
// server, and the predicted log line with the server's log. Then it runs every command
// offered as a fix, and tries its token.
func TestDenial(t *testing.T) {
	t.Cleanup(func() { forbidCaching(t) })
	e := newExplainer(t)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(e.set) }))
	defer endpoint.Close()

	t.Run("plain", func(t *testing.T) {
		ask := startDenialServer(t, endpoint.URL, func(*config.Authorization) {}).asker(t)
		e.tryFixes(t, ask, e.agree(t, ask, slices.Concat(roleCases(e), apiCases(e), faultCases(e))))
	})
	t.Run("audience and claim", func(t *testing.T) {
		ask := startDenialServer(t, endpoint.URL, func(a *config.Authorization) { a.Audience, a.PermissionsClaimName = "temporal", "roles" }).asker(t)
		e.tryFixes(t, ask, e.agree(t, ask, audienceCases(e), "--audience", "temporal", "--permissions-claim", "roles"))
	})
	t.Run("key sets", e.keySetsAgree)
}

// keySetsAgree does the same for valid and invalid key sets. Each is given to the server's
// own reader and interceptor without a server around them, which would take a second to
// read the next. Fixes are not tried: jwtctl has no private key for many of these sets.
func (e *explainer) keySetsAgree(t *testing.T) {
	var body []byte
	status := http.StatusOK
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	defer endpoint.Close()
	for name, set := range keySets(t, e) {
		t.Run(name, func(t *testing.T) {
			body = []byte(set)
			e.write(t, "set.json", body)
			e.agree(t, interceptorAsker(t, endpoint.URL), keyCases(e))
		})
	}
	// The server ignores the status. For a response that is not JSON too, explain-denial
	// says that the set cannot be read.
	status = http.StatusInternalServerError
	for _, name := range []string{"good", "not a set", "null", "error", "single JWK", "private"} {
		t.Run(name+", with status 500", func(t *testing.T) {
			body = []byte(keySets(t, e)[name])
			e.agree(t, interceptorAsker(t, endpoint.URL), keyCases(e), "--jwks", endpoint.URL)
		})
	}
}

// agree gives cases to the server and to jwtctl explain-denial with more flags, and
// returns the commands offered as a fix, each with a case it is for.
func (e *explainer) agree(t *testing.T, ask func(*testing.T, denialCase) answer, cases []denialCase, flags ...string) map[string]denialCase {
	t.Helper()
	verdicts := e.explainAll(t, cases, flags)
	fixes := map[string]denialCase{}
	for i, c := range cases {
		if err := compare(ask(t, c), verdicts[i]); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if fix := verdicts[i].Fix; fix != "" {
			fixes[fix] = c
		}
	}
	t.Logf("%d cases, %d fixes", len(cases), len(fixes))
	return fixes
}

// tryFixes runs the commands and makes the calls again with their tokens.
func (e *explainer) tryFixes(t *testing.T, ask func(*testing.T, denialCase) answer, fixes map[string]denialCase) {
	t.Helper()
	for fix, c := range fixes {
		c.authorization = e.run(t, fix)
		if a := ask(t, c); a.denied {
			t.Errorf("%s: still denied after %s: %q", c.name, fix, a.causes)
		}
	}
}

// compare returns how the verdict differs from the response. The server only logs the
// first fault.
func compare(a answer, v verdict) error {
	var foretold []string
	if len(v.Faults) > 0 && v.Faults[0].Log != "" {
		foretold = []string{v.Faults[0].Log}
	}
	switch {
	case a.denied == v.Allowed:
		return fmt.Errorf("got denied %v, causes %q; explained as %+v", a.denied, a.causes, v)
	case !slices.Equal(a.causes, foretold):
		return fmt.Errorf("the log says %q; explained as %+v", a.causes, v)
	}
	return nil
}

// explainer runs jwtctl explain-denial, and signs tokens with the server's keys.
type explainer struct {
	here    place
	bin     programs
	set     []byte // the JWKS
	ec, rsa signingKey
}

func newExplainer(t *testing.T) *explainer {
	t.Helper()
	e := &explainer{here: newPlace(t), bin: programs{jwtctl: buildJwtctl(t)}}
	e.ec = e.here.signingKey(t, e.bin, "ES256", "key.priv.pem")
	e.rsa = e.here.signingKey(t, e.bin, "RS256", "rsa.priv.pem")
	e.set = []byte(e.here.mustRun(t, e.bin.jwtctl, "jwks", "--key", "key.priv.pem", "--key", "rsa.priv.pem"))
	e.write(t, "set.json", e.set)
	return e
}

func (e *explainer) write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(e.here.dir, name), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// explainAll gives all cases to jwtctl, two at a time.
func (e *explainer) explainAll(t *testing.T, cases []denialCase, flags []string) []verdict {
	t.Helper()
	verdicts := make([]verdict, len(cases))
	next := make(chan int)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for i := range next {
				v, err := e.explain(t, cases[i], flags)
				if err != nil {
					t.Errorf("%s: %v", cases[i].name, err)
				}
				verdicts[i] = v
			}
		})
	}
	for i := range cases {
		next <- i
	}
	close(next)
	workers.Wait()
	return verdicts
}

func (e *explainer) explain(t *testing.T, c denialCase, flags []string) (verdict, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	args := []string{"explain-denial", "--server-version", headers.ServerVersion, "--api", c.api, "--format", "json"}
	if !slices.Contains(flags, "--jwks") {
		args = append(args, "--jwks", "set.json")
	}
	if c.namespace != "" {
		args = append(args, "--namespace", c.namespace)
	}
	cmd := e.here.command(ctx, e.bin.jwtctl, slices.Concat(args, flags, []string{"-"})...)
	cmd.Stdin = strings.NewReader("TEMPORAL_CLI_AUTH=" + c.authorization) // the form that keeps every space
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, _ := cmd.Output() // the exit code is checked below
	var v verdict
	if err := json.Unmarshal(out, &v); err != nil {
		return v, fmt.Errorf("%w: %s%s", err, out, redact(stderr.String()))
	}
	if want := map[bool]int{true: 0, false: 1}[v.Allowed]; cmd.ProcessState.ExitCode() != want {
		return v, fmt.Errorf("exit %d for %+v", cmd.ProcessState.ExitCode(), v)
	}
	return v, nil
}

// run runs an offered command line in a shell and returns the token as a header.
func (e *explainer) run(t *testing.T, fix string) string {
	t.Helper()
	line := e.here.with("JWTCTL="+e.bin.jwtctl).mustRun(t, "sh", "-c", `jwtctl() { "$JWTCTL" "$@"; }; `+fix)
	value, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "TEMPORAL_CLI_AUTH=")
	if !ok {
		t.Fatalf("%s: it printed %q", fix, redact(line))
	}
	return value
}
