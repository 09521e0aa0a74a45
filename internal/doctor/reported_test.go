package doctor

import (
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

// reported is a set-up, and the rule that finds its mistake.
type reported struct {
	setup
	rule string
}

// reportedSetups are set-ups from public reports, each named after its mistake. A row that
// begins with "ours" is the nearest set-up that we could make: the text of the report was
// not available.
func reportedSetups(t *testing.T) map[string]reported {
	return map[string]reported{
		"helm-charts#848: the image reads the other variable":             {setup{name: ".env", text: env("SERVICES=frontend:internal-frontend:history:matching:worker\nTEMPORAL_", "TEMPORAL_"), version: "1.29.1"}, "services-unread"},
		"helm-charts#540: authorization in variables that are not read":   {setup{name: "values.yaml", text: "server:\n  additionalEnv:\n    - {name: TEMPORAL_AUTH_AUTHORIZER, value: default}\n"}, "authorizer-missing"},
		"helm-charts#875: no template has the audience":                   {setup{name: ".env", text: env("USE_", "TEMPORAL_AUTH_AUDIENCE=a\nUSE_")}, "variable-unread"},
		"helm-charts#571: the worker pod is refused":                      {setup{name: "values.yaml", text: helm("enabled: true", "enabled: false")}, "internal-frontend-missing"},
		"temporal#7857: system workers are refused":                       {setup{name: "s.yaml", text: static("  internal-frontend: {rpc: {grpcPort: 7236}}\n", "")}, "internal-frontend-missing"},
		"samples-go#301: internal-frontend configured, not started":       {setup{name: ".env", text: env("frontend:internal-frontend:", "frontend:"), version: "1.29.1"}, "internal-frontend-not-started"},
		"temporal#5127: keys are rotated, and read once":                  {setup{name: "s.yaml", text: static("      refreshInterval: 1m\n", "")}, "refresh-missing"},
		"temporal#4870: a file as a source, before 1.32":                  {setup{name: "s.yaml", text: static("http://keys:8080/jwks.json", "file:///keys.json"), version: "1.31.4"}, "key-source-unsupported"},
		"temporal#7574: a pattern without its groups":                     {setup{name: "s.yaml", text: static("authorizer:", "permissionsRegex: (\\w+)[.](\\w+)\n    authorizer:")}, "regex-ignored"},
		"temporal#2134: one of two sources is down":                       {setup{name: "s.yaml", text: static(), failure: errors.New("unsupported protocol scheme")}, "key-source-unreachable"},
		"ui#2493: the server has the Web UI's settings":                   {setup{name: "values.yaml", text: helm("    - {name", "    - {name: TEMPORAL_AUTH_CLAIM_MAPPER, value: default}\n    - {name")}, "server-settings-on-ui"},
		"ui#429: the Web UI sends no token":                               {setup{name: "values.yaml", text: helm("TEMPORAL_AUTH_ENABLED", "TEMPORAL_UI_PORT")}, "ui-without-login"},
		"the roles of Keycloak are inside a claim":                        {setup{name: "s.yaml", text: static("permissionsClaimName: permissions", "permissionsClaimName: resource_access.temporal.roles")}, "claim-name-dotted"},
		"the key set is on the host of the container":                     {setup{name: ".env", text: env("keys:8080", "localhost:61884")}, "key-source-loopback"},
		"helm-charts#734: the Web UI's login is configured on the server": {setup{name: "values.yaml", text: helm("  config:\n", "  config:\n    auth: {enabled: true}\n", "TEMPORAL_AUTH_ENABLED", "TEMPORAL_UI_PORT")}, "ui-without-login"},
		"temporal#5156: other applications share the issuer's keys":       {setup{name: "s.yaml", text: static("http://keys:8080/jwks.json", "https://login.microsoftonline.com/common/discovery/v2.0/keys")}, "issuer-unchecked"},
		"temporal#10005: replication between clusters sends no token":     {setup{token: explained(t, "", "", "StreamWorkflowReplicationMessages")}, "token-refused"},
		"ui#2365: the provider's access token is not a JWT":               {setup{token: explained(t, "Bearer hvb.AAAAAQJ5", "default", "ListWorkflowExecutions")}, "token-refused"},
		"temporal-ruby#139: calls that name no namespace":                 {setup{token: explained(t, bearer("default:write"), "", "PollWorkflowTaskQueue")}, "token-refused"},
		"ours for helm-charts#931: the other variable, since 1.30":        {setup{name: ".env", text: env("TEMPORAL_SERVICES=frontend,internal-frontend,history,matching,worker\n", ""), version: "1.30.8"}, "internal-frontend-not-started"},
		"ours for temporal#3362: publicClient and internal-frontend":      {setup{name: "s.yaml", text: static("services:", "publicClient: {hostPort: \"127.0.0.1:7233\"}\nservices:")}, "public-client-set"},
		"ours for temporal#6007: the token is in the usual header":        {setup{name: "s.yaml", text: static("authorizer:", "authHeaderName: x-token\n    authorizer:")}, "auth-header-renamed"},
	}
}

// bearer is the header of a token with one permission; nothing checks its signature.
func bearer(permission string) string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return "Bearer " + part(`{"alg":"ES256","kid":"k"}`) + "." + part(`{"sub":"a","exp":1900000000,"permissions":["`+permission+`"]}`) + "." + part(strings.Repeat("s", 64))
}

func explained(t *testing.T, authorization, namespace, api string) *temporal.Report {
	t.Helper()
	r, err := temporal.ExplainAll(temporal.Request{Authorization: authorization, Namespace: namespace, Now: time.Unix(1_800_000_000, 0)}, []string{api})
	if err != nil {
		t.Fatal(err)
	}
	return &r
}

func TestReportedSetups(t *testing.T) {
	all := reportedSetups(t)
	for name, row := range all {
		found := row.examine(t)
		if !slices.ContainsFunc(found, func(f finding.Finding) bool { return f.Rule == row.rule }) {
			t.Errorf("%s: got findings %v", name, found)
		}
	}
	for _, report := range []string{
		"helm-charts#848", "helm-charts#931", "helm-charts#540", "helm-charts#734", "temporal#5156", "temporal#3362", "temporal#10005", "temporal#6007",
		"ui#2493", "ui#2365", "temporal#7574", "temporal-ruby#139",
	} {
		named := func(name string) bool { return strings.Contains(name, report+":") }
		if names := slices.DeleteFunc(keys(all), func(name string) bool { return !named(name) }); len(names) != 1 {
			t.Errorf("%s: got %q", report, names)
		}
	}
}

// The same calls are not findings if the token, or what the server knows, is enough.
func TestReportedTokensMended(t *testing.T) {
	for name, token := range map[string]*temporal.Report{
		"token for the cluster":        explained(t, bearer("temporal-system:admin"), "", "StreamWorkflowReplicationMessages"),
		"a JWT":                        explained(t, bearer("default:read"), "default", "ListWorkflowExecutions"),
		"namespace":                    explained(t, bearer("default:write"), "default", "PollWorkflowTaskQueue"),
		"task token instead of a name": explained(t, bearer("default:write"), "", "RespondWorkflowTaskCompleted"),
	} {
		if found := (setup{token: token}).examine(t); len(found) > 0 {
			t.Errorf("%s: got %+v", name, found)
		}
	}
}

func keys(rows map[string]reported) []string {
	return slices.Sorted(maps.Keys(rows))
}
