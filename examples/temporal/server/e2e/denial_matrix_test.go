package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/headers"
)

// setting is a server with further settings, and what its tokens must be like.
type setting struct {
	name   string
	change func(*config.Authorization)
	flags  []string // of jwtctl explain-denial
	claim  string
	header string
	// permission writes NAMESPACE and ROLE as the server reads them.
	permission func(scope, role string) string
}

func settings() []setting {
	colon := func(scope, role string) string { return scope + ":" + role }
	const pattern = `^(?P<role>\w+)@(?P<namespace>[\w-]+)$`
	return []setting{
		{"plain", func(*config.Authorization) {}, nil, "permissions", "authorization", colon},
		{"audience", func(a *config.Authorization) { a.Audience = "temporal" }, []string{"--audience", "temporal"}, "permissions", "authorization", colon},
		{
			"pattern and claim", func(a *config.Authorization) {
				a.PermissionsRegex, a.PermissionsClaimName = pattern, "realm_access.roles"
			},
			[]string{"--permissions-regex", pattern, "--permissions-claim", "realm_access.roles"}, "realm_access.roles", "authorization",
			func(scope, role string) string { return role + "@" + scope },
		},
		{"pattern without groups", func(a *config.Authorization) { a.PermissionsRegex = `^(\w+):(\w+)$` }, []string{"--permissions-regex", `^(\w+):(\w+)$`}, "permissions", "authorization", colon},
		{
			"headers", func(a *config.Authorization) { a.AuthHeaderName, a.AuthExtraHeaderName = "X-Temporal-Auth", "x-more" },
			[]string{"--auth-header", "X-Temporal-Auth"}, "permissions", "x-temporal-auth", colon,
		},
	}
}

// heldToken is a token and the header it is sent in.
type heldToken struct{ name, header, authorization string }

// tokens returns more than twenty tokens for s, from valid ones to none.
func (e *explainer) tokens(s setting) []heldToken {
	var list []heldToken
	add := func(name string, changes map[string]any, permissions ...string) {
		c := goodClaims(map[string]any{"permissions": nil, "aud": "temporal", s.claim: permissions})
		for k, v := range changes {
			if c[k] = v; v == nil {
				delete(c, k)
			}
		}
		list = append(list, heldToken{name, s.header, "Bearer " + e.ec.token(nil, c)})
	}
	for _, scope := range []string{"own", "temporal-system"} {
		for _, role := range []string{"worker", "read", "write", "admin"} {
			add(scope+" "+role, nil, s.permission(scope, role))
		}
	}
	own := s.permission("own", "write")
	add("both", nil, s.permission("temporal-system", "read"), own)
	add("sum", nil, s.permission("own", "worker"), s.permission("own", "read"))
	add("upper case", nil, s.permission("own", "WRITE"))
	add("unknown role", nil, s.permission("own", "owner"))
	add("namespace first", nil, "own:write")
	add("role first", nil, "write:own")
	add("none", nil)
	add("no audience", map[string]any{"aud": nil}, own)
	add("wrong audience", map[string]any{"aud": "x"}, s.permission("temporal-system", "admin"))
	add("audiences", map[string]any{"aud": []string{"x", "temporal"}}, own)
	add("expired", map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}, own)
	add("no sub", map[string]any{"sub": nil}, own)
	add("inside a claim", map[string]any{s.claim: nil, "realm_access": map[string]any{"roles": []string{own}}})
	good := list[len(list)-4].authorization
	return append(list,
		heldToken{"no token", s.header, ""}, heldToken{"not a token", s.header, "Bearer x"},
		heldToken{"in the default header", "authorization", good}, heldToken{"in the extra header", "x-more", good})
}

// TestDenialEverywhere compares the verdicts of jwtctl explain-denial --all with a real
// server: every API of its table, every kind of token, two namespaces, several settings of
// the server.
func TestDenialEverywhere(t *testing.T) {
	t.Cleanup(func() { forbidCaching(t) })
	e := newExplainer(t)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(e.set) }))
	defer endpoint.Close()
	for _, s := range settings() {
		t.Run(s.name, func(t *testing.T) {
			ask := startDenialServer(t, endpoint.URL, s.change).asker(t)
			calls, allowed := 0, 0
			for _, token := range e.tokens(s) {
				for _, namespace := range []string{"own", "other"} {
					for _, v := range e.all(t, s, token, namespace) {
						if strings.HasPrefix(v.API, "/temporal.api.nexusservice.") {
							continue // HTTP only
						}
						calls++
						if v.Allowed {
							allowed++
						}
						c := denialCase{name: token.name, api: v.API, namespace: namespace, header: token.header, authorization: token.authorization}
						if err := compare(ask(t, c), v.verdict); err != nil {
							t.Errorf("%s, namespace %s, %s: %v", token.name, namespace, v.API, err)
						}
					}
				}
			}
			t.Logf("server %s, %s: %d calls, %d allowed", headers.ServerVersion, s.name, calls, allowed)
			if calls < 20*2*150 || allowed == 0 || allowed == calls {
				t.Errorf("%d calls, %d allowed: too few to prove anything", calls, allowed)
			}
		})
	}
}

// apiVerdict is the verdict on one API.
type apiVerdict struct {
	API string `json:"api"`
	verdict
}

// all gets the verdicts of jwtctl about every API.
func (e *explainer) all(t *testing.T, s setting, token heldToken, namespace string) []apiVerdict {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	args := []string{"explain-denial", "--all", "--server-version", headers.ServerVersion, "--namespace", namespace, "--jwks", "set.json", "--format", "json"}
	cmd := e.here.command(ctx, e.bin.jwtctl, slices.Concat(args, s.flags, []string{"-"})...)
	cmd.Stdin = strings.NewReader(fmt.Sprintf("TEMPORAL_GRPC_META_%s=%s", strings.ToUpper(strings.ReplaceAll(token.header, "-", "_")), token.authorization))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", token.name, err, redact(stderr.String()))
	}
	var report struct {
		ServerVersion string       `json:"server_version"`
		Calls         []apiVerdict `json:"calls"`
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	if report.ServerVersion != headers.ServerVersion {
		t.Fatalf("verdicts of %s, for a server %s", report.ServerVersion, headers.ServerVersion)
	}
	return report.Calls
}
