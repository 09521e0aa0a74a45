//go:build !server130

package e2e

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// soundSection is a valid section of a static YAML, with changes.
func soundSection(changes ...string) setup {
	return setup{services: allServices(), authorization: strings.NewReplacer(changes...).Replace(`jwtKeyProvider:
  keySourceURIs: ["http://keys.example/jwks.json"]
  refreshInterval: 1s
permissionsClaimName: permissions
authorizer: default
claimMapper: default
`)}
}

// soundVariables are the variables of a container.
func soundVariables(changes ...string) setup {
	return setup{env: strings.NewReplacer(changes...).Replace(`TEMPORAL_JWT_KEY_SOURCE1=http://keys.example/jwks.json
TEMPORAL_JWT_KEY_REFRESH=1s
TEMPORAL_AUTH_AUTHORIZER=default
TEMPORAL_AUTH_CLAIM_MAPPER=default
USE_INTERNAL_FRONTEND=1
SERVICES=frontend:internal-frontend:history:matching:worker
TEMPORAL_SERVICES=frontend,internal-frontend,history,matching,worker
`)}
}

func (s setup) with(more string) setup {
	s.more = more
	return s
}

func (s setup) without(service string) setup {
	s.services = strings.Fields(strings.Replace(strings.Join(s.services, " "), service, "", 1))
	return s
}

// ends expects the server to end with a text in its log.
func ends(text string) func(*testing.T, trial) {
	return func(t *testing.T, r trial) {
		if log := r.ended(t); !strings.Contains(log, text) {
			t.Errorf("it ended without %q:\n%s", text, redact(log))
		}
	}
}

func goodIsRefused(t *testing.T, r trial) {
	if !r.refuses(t, r.good()) {
		t.Error("a valid token is accepted")
	}
}

// goodIsAccepted expects the server to accept a valid token, and to refuse a call without
// one.
func goodIsAccepted(t *testing.T, r trial) {
	eventually(t, "a valid token is accepted", func() error {
		if r.refuses(t, r.good()) {
			return errRefused
		}
		return nil
	})
	if !r.refuses(t, "") {
		t.Error("a call without a token is allowed")
	}
}

func open(t *testing.T, r trial) {
	if r.refuses(t, "") {
		t.Error("a call without a token is refused")
	}
}

// expect expects the server to refuse one token, and to accept the other; an empty text
// omits one.
func (r trial) expect(t *testing.T, refused, accepted string) {
	t.Helper()
	if refused != "" && !r.refuses(t, refused) {
		t.Error("it accepts a token that it should refuse")
	}
	if accepted != "" && r.refuses(t, accepted) {
		t.Error("it refuses a token that it should accept")
	}
}

func (r trial) token(changes map[string]any) string {
	return "Bearer " + r.e.ec.token(nil, goodClaims(changes))
}

// cureCases has a row for each rule of doctor that a server can demonstrate. The public
// reports behind them: helm-charts#931 and #848 (services), #540 (authorizer),
// temporal#3362 (publicClient), #5156 (issuer), #6007 (header), #7574 (regex).
func cureCases(t *testing.T, hosts *keyHosts) []cureCase {
	sound := soundSection()
	late := lateKeys(t, hosts)
	return append(startCases(), []cureCase{
		{rule: "authorizer-missing", broken: soundSection("authorizer: default\n", ""), mended: sound, adds: "authorizer: default", fails: open, works: goodIsAccepted},
		{rule: "claim-mapper-missing", broken: soundSection("claimMapper: default\n", ""), mended: sound, adds: "claimMapper: default", fails: open, works: goodIsAccepted},
		{rule: "key-source-missing", broken: soundSection("http://keys.example/jwks.json", ""), mended: sound, cure: "keySourceURIs", fails: goodIsRefused, works: goodIsAccepted},
		{
			rule: "key-source-unsupported", broken: soundSection(`["`, `["ftp://keys.example/jwks.json", "`), mended: sound, cure: "use http",
			fails: goodIsRefused, works: goodIsAccepted,
		},
		{
			rule: "key-set-unusable", broken: soundSection("keys.example", "empty.example"), mended: sound, cure: "publish RSA or P-256 keys with a kid",
			fails: func(t *testing.T, r trial) {
				goodIsRefused(t, r)
				r.hosts.publish("empty.example", r.hosts.set("")) // the cure on the same server: it reads the set again
				goodIsAccepted(t, r)
			}, works: goodIsAccepted,
		},
		{
			rule: "key-source-unreachable", broken: soundSection("http://keys.example", late.url), mended: sound, cure: "check the URL",
			fails: func(t *testing.T, r trial) {
				goodIsRefused(t, r)
				late.start()
				goodIsAccepted(t, r)
			}, works: goodIsAccepted,
		},
		{
			rule: "key-skipped", broken: soundSection("keys.example", "mixed.example"), mended: sound, cure: "P-256",
			fails: func(t *testing.T, r trial) {
				r.expect(t, "Bearer "+signingKey{"EdDSA", "ed", r.e.ec.private}.token(nil, goodClaims(nil)), r.good())
			}, works: goodIsAccepted,
		},
		{
			rule: "regex-ignored", broken: soundSection("authorizer:", `permissionsRegex: ^(\w+)@(\w+)$`+"\nauthorizer:"),
			mended: soundSection("authorizer:", `permissionsRegex: ^(?P<role>\w+):(?P<namespace>\w+)$`+"\nauthorizer:"), adds: `^(?P<role>\w+):(?P<namespace>\w+)$`,
			fails: func(t *testing.T, r trial) { r.expect(t, r.e.holder("write@own"), r.good()) },
			works: func(t *testing.T, r trial) { r.expect(t, r.good(), r.e.holder("write:own")) },
		},
		{
			rule: "variable-unread", broken: soundVariables("USE_", "TEMPORAL_JWT_AUDIENCE=temporal\nUSE_"),
			mended: soundSection("authorizer:", "audience: temporal\nauthorizer:"), adds: "audience", cure: "your own static YAML",
			fails: func(t *testing.T, r trial) { r.expect(t, "", r.good()) },
			works: func(t *testing.T, r trial) { r.expect(t, r.good(), r.token(map[string]any{"aud": "temporal"})) },
		},
		{
			rule: "key-unread", broken: soundSection("permissionsClaimName: permissions", "permissionClaimName: roles"),
			mended: soundSection("permissionsClaimName: permissions", "permissionsClaimName: roles"), cure: "correct its spelling",
			fails: rolesIn("roles", false), works: rolesIn("roles", true),
		},
		{
			rule: "claim-name-dotted", broken: soundSection("permissionsClaimName: permissions", "permissionsClaimName: realm_access.roles"),
			mended: soundSection("permissionsClaimName: permissions", "permissionsClaimName: roles"), cure: "into a claim of their own",
			fails: func(t *testing.T, r trial) {
				r.expect(t, r.token(map[string]any{"permissions": nil, "realm_access": map[string]any{"roles": []string{"own:write"}}}), "")
			}, works: rolesIn("roles", true),
		},
		{
			rule: "refresh-missing", broken: soundSection("keys.example", "rotated.example", "  refreshInterval: 1s\n", ""),
			mended: soundSection("keys.example", "rotated.example", "1s", "1m"), adds: "1m", cure: "jwtKeyProvider.refreshInterval",
			fails: func(t *testing.T, r trial) { // next to one that reads the keys again
				other := trial{startProgram(t, r.e.here, soundSection("keys.example", "rotated.example"), r.hosts.proxy), r.e, r.hosts}
				next := newKey("ES256", "next")
				token := "Bearer " + next.token(nil, goodClaims(nil))
				r.expect(t, token, r.good())
				r.hosts.publish("rotated.example", jwkSet(next))
				eventually(t, "the other server knows the new key", func() error {
					if other.refuses(t, token) {
						return errRefused
					}
					return nil
				})
				r.expect(t, token, r.good())
			},
			works: func(*testing.T, trial) {}, // already seen, with a shorter interval
		},
		{
			rule: "issuer-unchecked", broken: soundSection("http://keys.example/jwks.json", "http://www.googleapis.com/oauth2/v3/certs"),
			mended: soundSection("http://keys.example/jwks.json", "http://www.googleapis.com/oauth2/v3/certs", "authorizer:", "audience: temporal\nauthorizer:"), adds: "audience:",
			fails: func(t *testing.T, r trial) { r.expect(t, "", r.token(map[string]any{"aud": "another application"})) },
			works: func(t *testing.T, r trial) {
				r.expect(t, r.token(map[string]any{"aud": "another application"}), r.token(map[string]any{"aud": "temporal"}))
			},
		},
		{
			rule: "auth-header-renamed", broken: soundSection("authorizer:", "authHeaderName: x-auth\nauthorizer:"), mended: sound, cure: `--grpc-meta NAME="Bearer …"`,
			fails: func(t *testing.T, r trial) {
				goodIsRefused(t, r)
				if r.denied(t, startAPI, "own", "x-auth", r.good()) {
					t.Error("a token in that header is refused")
				}
			}, works: goodIsAccepted,
		},
	}...)
}

// startCases are for servers that end, or never finish starting.
func startCases() []cureCase {
	sound := soundSection()
	works := func(t *testing.T, r trial) {
		r.ownWorkers(t)
		goodIsAccepted(t, r)
	}
	return []cureCase{
		{
			rule: "cannot-start", broken: soundVariables("USE_", "TEMPORAL_JWT_PERMISSIONS_REGEX=(a): #(b)\nUSE_"), mended: soundVariables(),
			cure: "correct the file or the variable", fails: ends("Unable to load configuration"), works: works,
		},
		{rule: "authorizer-unknown", broken: soundSection("authorizer: default", "authorizer: jwt"), mended: sound, adds: "default", fails: ends("Unable to instantiate authorizer"), works: works},
		{rule: "internal-frontend-missing", broken: sound.without("internal-frontend"), mended: sound, adds: "internal-frontend", fails: ends("error starting scanner"), works: works},
		{
			rule: "internal-frontend-not-started", broken: soundVariables("TEMPORAL_SERVICES=frontend,internal-frontend", "TEMPORAL_SERVICES=frontend"), mended: soundVariables(),
			adds: "TEMPORAL_SERVICES=frontend,internal-frontend,history,matching,worker",
			fails: func(t *testing.T, r trial) {
				eventually(t, "its workers wait for the internal frontend", func() error {
					return containsAll(r.log(), "error creating sdk client", "failed reaching server: context deadline exceeded")
				})
			}, works: works,
		},
		{
			rule: "services-unread", broken: soundVariables("USE_INTERNAL_FRONTEND=1\n", "", "TEMPORAL_SERVICES=frontend,internal-frontend,history,matching,worker\n", ""),
			mended: soundVariables(), adds: "TEMPORAL_SERVICES", fails: ends("error starting scanner"), works: works,
		},
		{
			rule: "public-client-set", broken: sound.with("publicClient:\n  hostPort: 127.0.0.1:7233\n"), mended: sound, removes: "publicClient",
			fails: ends("publicClient"), works: works,
		},
	}
}

// rolesIn returns a check of a token whose permissions are in another claim.
func rolesIn(claim string, read bool) func(*testing.T, trial) {
	return func(t *testing.T, r trial) {
		token := r.token(map[string]any{"permissions": nil, claim: []string{"own:write"}})
		if r.refuses(t, token) == read {
			t.Errorf("the claim %s is read: %v", claim, !read)
		}
	}
}

// lateSource is a key source that answers only once it is started.
type lateSource struct {
	url   string
	start func()
}

func lateKeys(t *testing.T, hosts *keyHosts) lateSource {
	t.Helper()
	var started atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !started.Load() {
			panic(http.ErrAbortHandler) // closes the connection
		}
		_, _ = w.Write([]byte(hosts.set("")))
	}))
	t.Cleanup(server.Close)
	return lateSource{server.URL, func() { started.Store(true) }}
}
