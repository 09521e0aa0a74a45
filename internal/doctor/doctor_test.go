package doctor

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/serverconfig"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

const goodKey = `{"keys":[{"kty":"EC","kid":"k","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`

// setup is a set of files by name, and whatever else a fixture needs.
type setup struct {
	name, text string
	version    string
	source     string // the first key source's response; "" if not fetched
	failure    error
	token      *temporal.Report
	live       []Answer
}

func (s setup) examine(t *testing.T) []finding.Finding {
	t.Helper()
	p := Input{Token: s.token, Live: s.live}
	if s.name != "" {
		c, err := serverconfig.Read(serverconfig.Input{Name: s.name, Text: []byte(s.text)})
		if err != nil {
			t.Fatal(err)
		}
		p.Config = c
	}
	version := s.version
	if version == "" && p.Config != nil {
		version = p.Config.Version.Text
	}
	release, err := temporal.ParseRelease(version)
	if err != nil {
		release = temporal.Newest()
	}
	p.Release, p.VersionGiven = release, s.version != ""
	if (s.source != "" || s.failure != nil) && len(p.Config.Sources) > 0 {
		p.Sources = []temporal.Document{{Source: p.Config.Sources[0].Text, Body: []byte(s.source), Failure: s.failure}}
	}
	return Check(p)
}

// static returns a valid static configuration, env the same for a container.
func static(changes ...string) string {
	return strings.NewReplacer(changes...).Replace(`global:
  authorization:
    jwtKeyProvider:
      keySourceURIs: ["http://keys:8080/jwks.json"]
      refreshInterval: 1m
    permissionsClaimName: permissions
    authorizer: default
    claimMapper: default
services:
  frontend: {rpc: {grpcPort: 7233}}
  internal-frontend: {rpc: {grpcPort: 7236}}
`)
}

func env(changes ...string) string {
	return strings.NewReplacer(changes...).Replace(`TEMPORAL_JWT_KEY_SOURCE1=http://keys:8080/jwks.json
TEMPORAL_AUTH_AUTHORIZER=default
TEMPORAL_AUTH_CLAIM_MAPPER=default
USE_INTERNAL_FRONTEND=1
SERVICES=frontend:internal-frontend:history:matching:worker
TEMPORAL_SERVICES=frontend,internal-frontend,history,matching,worker
`)
}

func helm(changes ...string) string {
	return strings.NewReplacer(changes...).Replace(`server:
  image: {tag: 1.30.8}
  internalFrontend: {enabled: true}
  config:
    authorization:
      jwtKeyProvider: {keySourceURIs: ["https://login.example.com/keys"], refreshInterval: 1m}
      authorizer: default
      claimMapper: default
web:
  additionalEnv:
    - {name: TEMPORAL_AUTH_ENABLED, value: "true"}
`)
}

// fixtures has a setup for each rule in which it finds something; without the mistake,
// they are valid.
func fixtures(t *testing.T) map[string]setup {
	reportOf := func(namespace, permission, api string) *temporal.Report {
		r, err := temporal.ExplainAll(temporal.Request{Namespace: namespace, Now: time.Unix(1_800_000_000, 0)}, []string{api})
		if err != nil {
			t.Fatal(err)
		}
		return &r
	}
	denied := reportOf("default", "", "ListNamespaces")
	open := reportOf("default", "", "GetSystemInfo")
	return map[string]setup{
		"cannot-start":                  {name: ".env", text: env("TEMPORAL_AUTH_CLAIM_MAPPER", "TEMPORAL_JWT_PERMISSIONS_REGEX='(a): #(b)'\nTEMPORAL_AUTH_CLAIM_MAPPER")},
		"authorizer-missing":            {name: "s.yaml", text: static("    authorizer: default\n", "")},
		"authorizer-unknown":            {name: "s.yaml", text: static("authorizer: default", "authorizer: jwt")},
		"claim-mapper-missing":          {name: "s.yaml", text: static("    claimMapper: default\n", "")},
		"key-source-missing":            {name: "s.yaml", text: static(`["http://keys:8080/jwks.json"]`, `[""]`)},
		"internal-frontend-missing":     {name: "s.yaml", text: static("  internal-frontend: {rpc: {grpcPort: 7236}}\n", "")},
		"internal-frontend-not-started": {name: ".env", text: env("TEMPORAL_SERVICES=frontend,internal-frontend", "TEMPORAL_SERVICES=frontend")},
		"public-client-set":             {name: "s.yaml", text: static("services:", "publicClient: {hostPort: \"127.0.0.1:7233\"}\nservices:")},
		"regex-ignored":                 {name: "s.yaml", text: static("authorizer:", "permissionsRegex: ^(\\w+):(\\w+)$\n    authorizer:")},
		"key-source-unsupported":        {name: "s.yaml", text: static("http://keys:8080/jwks.json", "file:///keys.json"), version: "1.30.8"},
		"key-set-unusable":              {name: "s.yaml", text: static(), source: `{"keys":[]}`},
		"server-settings-on-ui":         {name: "values.yaml", text: helm("    - {name", "    - {name: TEMPORAL_AUTH_AUTHORIZER, value: default}\n    - {name")},
		"token-refused":                 {token: denied},
		"live-open":                     {live: []Answer{{Address: "h:1", Expected: denied.Calls[0]}}},
		"live-differs":                  {live: []Answer{{Address: "h:1", WithToken: true, Denied: true, Expected: open.Calls[0]}}},
		"services-unread":               {name: ".env", text: env("TEMPORAL_SERVICES=frontend,internal-frontend,history,matching,worker\n", "", "USE_INTERNAL_FRONTEND=1\n", "")},
		"variable-unread":               {name: ".env", text: env("USE_INTERNAL", "TEMPORAL_JWT_AUDIENCE=temporal\nUSE_INTERNAL")},
		"key-unread":                    {name: "s.yaml", text: static("permissionsClaimName", "permissionClaimName")},
		"refresh-missing":               {name: "s.yaml", text: static("      refreshInterval: 1m\n", "")},
		"claim-name-dotted":             {name: "s.yaml", text: static("permissionsClaimName: permissions", "permissionsClaimName: realm_access.roles")},
		"key-source-unreachable":        {name: "s.yaml", text: static(), failure: errors.New("connection refused")},
		"key-source-loopback":           {name: ".env", text: env("http://keys:8080", "http://127.0.0.1:8080")},
		"key-skipped":                   {name: "s.yaml", text: static(), source: strings.Replace(goodKey, `[{`, `[{"kty":"oct","k":"AAAA","kid":"x"},{`, 1)},
		"ui-without-login":              {name: "values.yaml", text: helm(`value: "true"`, `value: "false"`)},
		"issuer-unchecked":              {name: "s.yaml", text: static("http://keys:8080/jwks.json", "https://www.googleapis.com/oauth2/v3/certs")},
		"auth-header-renamed":           {name: "s.yaml", text: static("authorizer:", "authHeaderName: x-auth\n    authorizer:")},
		"release-unknown":               {name: "values.yaml", text: helm("1.30.8", "1.99.0")},
	}
}

// TestEveryRuleFindsItsFixture: every rule has a fixture for which it is the one with a
// finding and a cure.
func TestEveryRuleFindsItsFixture(t *testing.T) {
	all := fixtures(t)
	for _, r := range Rules() {
		t.Run(r.ID, func(t *testing.T) {
			s, has := all[r.ID]
			if !has {
				t.Fatal("no fixture for the rule")
			}
			delete(all, r.ID)
			found := s.examine(t)
			i := slices.IndexFunc(found, func(f finding.Finding) bool { return f.Rule == r.ID })
			if i < 0 {
				t.Fatalf("got findings %v", found)
			}
			f := found[i]
			if f.Hint == "" || f.Hint != Cure(r.ID) || f.Message == "" || f.Severity != r.Severity || (s.name != "" && f.Pos.File == "") {
				t.Errorf("got %+v", f)
			}
			related := map[string]string{"services-unread": "internal-frontend-missing", "internal-frontend-not-started": "internal-frontend-not-started"}
			for _, other := range found {
				if other.Rule != r.ID && other.Rule != related[r.ID] {
					t.Errorf("unexpected finding %s: %s", other.Rule, other.Message)
				}
			}
		})
	}
	if len(all) > 0 {
		t.Errorf("fixtures without a rule: %v", all)
	}
}

func TestNothingIsFoundInSoundSetups(t *testing.T) {
	for name, s := range map[string]setup{
		"static YAML":         {name: "s.yaml", text: static(), source: goodKey},
		"a container":         {name: ".env", text: env(), source: goodKey},
		"an older container":  {name: ".env", text: env("TEMPORAL_SERVICES=frontend,internal-frontend,history,matching,worker\n", ""), version: "1.29.1"},
		"with the Web UI":     {name: ".env", text: env() + "TEMPORAL_AUTH_ENABLED=true\nTEMPORAL_AUTH_PROVIDER_URL=https://login.example\nTEMPORAL_AUTH_SCOPES=openid\n", source: goodKey},
		"Helm values":         {name: "values.yaml", text: helm(), source: goodKey},
		"a file as a source":  {name: "s.yaml", text: static("http://keys:8080/jwks.json", "file:///keys.json"), version: "1.32.0"},
		"a pattern of groups": {name: "s.yaml", text: static("authorizer:", "permissionsRegex: ^(?P<role>\\w+):(?P<namespace>\\w+)$\n    authorizer:")},
	} {
		if found := s.examine(t); len(found) > 0 {
			t.Errorf("%s: got %+v", name, found)
		}
	}
}

// Cure returns what to do about the findings of a rule, or "" for an unknown ID.
func Cure(id string) string {
	for _, r := range table() {
		if r.ID == id {
			return r.cure
		}
	}
	return ""
}

// TestS69_FindingsShowNoQuery: the query of a key source, which may be a secret, is in no
// finding.
func TestS69_FindingsShowNoQuery(t *testing.T) {
	for rule, from := range map[string]struct{ source, body string }{
		"key-source-loopback":    {"http://127.0.0.1/jwks?token=sesame", ""},
		"key-source-unsupported": {"ftp://keys/jwks?token=sesame", ""},
		"key-set-unusable":       {"https://keys/jwks?token=sesame", "{}"},
	} {
		t.Run(rule, func(t *testing.T) {
			found := setup{name: ".env", text: env("http://keys:8080/jwks.json", from.source), source: from.body}.examine(t)
			if !slices.ContainsFunc(found, func(f finding.Finding) bool { return f.Rule == rule }) {
				t.Errorf("no finding of the rule in %v", found)
			}
			for _, f := range found {
				if strings.Contains(f.Message, "sesame") {
					t.Errorf("%s: got %s", f.Rule, f.Message)
				}
			}
		})
	}
}
