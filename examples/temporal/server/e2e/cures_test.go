//go:build !server130

package e2e

import (
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.temporal.io/api/enums/v1"
)

// cureCase is a set-up with a mistake, and the same set-up after the cure that jwtctl
// doctor prints.
type cureCase struct {
	rule           string
	broken, mended setup
	// adds is what the cure says to add, and the fixed file has; removes is what the cure
	// says to remove.
	adds, removes string
	// cure is the cure's text if it does not change a file.
	cure string
	// fails checks that the server with the mistake fails as doctor says, works that the
	// fixed one does what the cure promises.
	fails, works func(*testing.T, trial)
}

// trial is a server and tokens for it.
type trial struct {
	*program
	e     *explainer
	hosts *keyHosts
}

// refuses reports whether the server refuses a call that requires write in the namespace
// own.
func (r trial) refuses(t *testing.T, token string) bool {
	t.Helper()
	return r.denied(t, startAPI, "own", "authorization", token)
}

func (r trial) good() string { return r.e.holder("own:write") }

// TestCures runs Temporal's own program with each set-up in which jwtctl doctor finds a
// mistake: it must fail as doctor says, and work once the cure is applied.
func TestCures(t *testing.T) {
	t.Cleanup(func() { forbidCaching(t) })
	temporalServer(t)
	e := newExplainer(t)
	hosts := newKeyHosts(t, e)
	here := e.here.with("HTTP_PROXY=" + hosts.proxy)
	e.here = here
	mended := map[string]*program{} // the valid set-up is the cure of many
	var started sync.Mutex
	same := func(s setup) *program {
		started.Lock()
		defer started.Unlock()
		_, text := s.file(t)
		if mended[text] == nil {
			mended[text] = startProgram(t, here, s, hosts.proxy)
		}
		return mended[text]
	}
	t.Run("all", func(t *testing.T) {
		for _, c := range cureCases(t, hosts) {
			t.Run(c.rule, func(t *testing.T) {
				t.Parallel()
				hint := e.diagnose(t, c.broken, c.rule)
				c.check(t, hint)
				c.fails(t, trial{startProgram(t, here, c.broken, hosts.proxy), e, hosts})
				if left := e.diagnose(t, c.mended, c.rule); left != "" {
					t.Error("doctor finds it in the fixed set-up too")
				}
				c.works(t, trial{same(c.mended), e, hosts})
			})
		}
	})
	e.everyRuleTried(t, cureCases(t, hosts))
}

// check compares the changes in the fixed set-up with the cure.
func (c cureCase) check(t *testing.T, hint string) {
	t.Helper()
	_, before := c.broken.file(t)
	_, after := c.mended.file(t)
	for _, part := range []string{c.adds, c.removes, c.cure} {
		if !strings.Contains(hint, part) {
			t.Errorf("got the cure %q, want %q in it", hint, part)
		}
	}
	if c.adds != "" && strings.Count(after, c.adds) <= strings.Count(before, c.adds) {
		t.Errorf("the fixed set-up lacks %q", c.adds)
	}
	if c.removes != "" && strings.Count(after, c.removes) >= strings.Count(before, c.removes) {
		t.Errorf("the fixed set-up still has %q", c.removes)
	}
}

// diagnose runs jwtctl doctor on a set-up and returns the cure for rule, or "" if doctor
// does not find it.
func (e *explainer) diagnose(t *testing.T, s setup, rule string) string {
	t.Helper()
	here := e.here
	here.dir = t.TempDir()
	name, text := s.file(t)
	(&explainer{here: here}).write(t, name, []byte(text))
	r := here.run(t, e.bin.jwtctl, "doctor", "--server-config", name, "--allow-http", "--format", "json")
	var report struct {
		Findings []struct{ Rule, Message, Hint string }
	}
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
		t.Fatalf("%v: %s", err, r)
	}
	hint := ""
	for _, f := range report.Findings {
		if f.Rule == rule {
			hint = f.Hint
		}
	}
	return hint
}

// everyRuleTried expects each rule of doctor to have a row, or a reason for its absence.
func (e *explainer) everyRuleTried(t *testing.T, cases []cureCase) {
	t.Helper()
	elsewhere := map[string]string{
		"token-refused":         "TestDenial runs the command that it names",
		"live-open":             "TestDoctorAsksTheRealServer",
		"live-differs":          "TestDoctorAsksTheRealServer",
		"server-settings-on-ui": "it is about the Web UI",
		"ui-without-login":      "it is about the Web UI",
		"key-source-loopback":   "it takes a container's network",
		"release-unknown":       "the server does nothing else for it",
	}
	for line := range strings.Lines(e.here.mustRun(t, e.bin.jwtctl, "doctor", "--rules")) {
		rule := strings.Fields(line)[1]
		tried := slices.ContainsFunc(cases, func(c cureCase) bool { return c.rule == rule })
		if _, excused := elsewhere[rule]; tried == excused {
			t.Errorf("%s: tried is %v", rule, tried)
		}
		delete(elsewhere, rule)
	}
	if len(elsewhere) > 0 {
		t.Errorf("unknown rules: %v", elsewhere)
	}
}

// keyHosts are key sources under host names of other machines: a proxy, which responds for
// all of them.
type keyHosts struct {
	proxy string
	mu    sync.Mutex
	sets  map[string]string
}

func newKeyHosts(t *testing.T, e *explainer) *keyHosts {
	h := &keyHosts{sets: map[string]string{"": string(e.set), "empty.example": `{"keys":[]}`, "mixed.example": mixedSet(e)}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, h.set(r.URL.Hostname()))
	}))
	t.Cleanup(server.Close)
	h.proxy = server.URL
	return h
}

func (h *keyHosts) set(host string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if set, own := h.sets[host]; own {
		return set
	}
	return h.sets[""]
}

func (h *keyHosts) publish(host, set string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sets[host] = set
}

// mixedSet is the set with an added Ed25519 key.
func mixedSet(e *explainer) string {
	return strings.Replace(string(e.set), `[`, `[{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},`, 1)
}

// jwkSet is the set of one key of P-256.
func jwkSet(k signingKey) string {
	point, err := k.private.(*ecdsa.PrivateKey).PublicKey.Bytes() // 4, then both coordinates
	if err != nil {
		panic(err) // the curve is P-256
	}
	coordinate := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","kid":%q,"x":%q,"y":%q}]}`, k.kid, coordinate(point[1:33]), coordinate(point[33:]))
}

var errRefused = errors.New("refused")

// ownWorkers waits until the server's own workers poll: they need the internal-frontend.
func (r trial) ownWorkers(t *testing.T) {
	t.Helper()
	c := (&server{address: r.address}).client(t, "temporal-system", authorization(r.e.holder("temporal-system:admin")))
	eventually(t, "the server's own workers poll", func() error {
		ctx, cancel := callContext()
		defer cancel()
		queue, err := c.DescribeTaskQueue(ctx, "default-worker-tq", enums.TASK_QUEUE_TYPE_WORKFLOW)
		if err == nil && len(queue.GetPollers()) == 0 {
			err = errors.New("none so far")
		}
		return err
	})
}
