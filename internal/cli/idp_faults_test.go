package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/jwtctl/jwtctl/internal/idp"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// startIDP runs jwtctl idp in this process, with the client api and more arguments, and
// returns its issuer.
func startIDP(t *testing.T, args ...string) string {
	t.Helper()
	issuer, _ := runIDP(t, append([]string{"--user", "alice", "--client", "api:s3cret", "--aud", "shop", "--alg", "ES256"}, args...)...)
	return issuer
}

// runIDP runs jwtctl idp in this process until the test ends, and returns its issuer and
// its first line.
func runIDP(t *testing.T, args ...string) (issuer, line string) {
	t.Helper()
	f := newFake(t)
	ctx, interrupt := context.WithCancel(context.Background())
	f.ctx = ctx
	file := filepath.Join(t.TempDir(), "url")
	code := make(chan int, 1)
	args = append([]string{"idp", "--url-file", file}, args...)
	go func() { code <- Main(args, f.System) }()
	t.Cleanup(func() {
		interrupt()
		if got := <-code; got != 0 {
			t.Errorf("idp: exit code %d, want 0\n%s", got, f.err.String())
		}
	})
	testkit.Eventually(t, "idp has written its URL", func() bool {
		_, err := os.Stat(file)
		return err == nil
	})
	return strings.TrimSpace(testkit.Read(t, file)), f.out.String()
}

// tokenEndpoint returns the token endpoint in the provider's metadata.
func tokenEndpoint(t *testing.T, issuer string) string {
	t.Helper()
	res, err := http.Get(issuer + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var metadata struct {
		Token string `json:"token_endpoint"`
	}
	if err := json.NewDecoder(res.Body).Decode(&metadata); err != nil || metadata.Token == "" {
		t.Fatalf("%s: no token endpoint: %v", res.Status, err)
	}
	return metadata.Token
}

// ownToken requests a token for the client api itself.
func ownToken(t *testing.T, issuer, audience string) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}}
	if audience != "" {
		form.Set("audience", audience)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, tokenEndpoint(t, issuer), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("api", "s3cret")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.Token == "" {
		t.Fatalf("%s: no token: %v", res.Status, err)
	}
	return answer.Token
}

// faultRows returns the rows of the table in docs/idp.md: from fault to jwtctl proxy's
// response.
func faultRows(t *testing.T) map[string]string {
	t.Helper()
	rows := map[string]string{}
	_, table, found := strings.Cut(testkit.Read(t, "../../docs/idp.md"), "\n| fault |")
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || !strings.HasPrefix(line, "| `") {
			if len(rows) > 0 {
				break
			}
			continue
		}
		rows[strings.Trim(cells[1], " `")] = strings.TrimSpace(cells[4])
	}
	if !found || len(rows) == 0 {
		t.Fatal("docs/idp.md has no table of faults")
	}
	return rows
}

// TestIDPFaultsAreRefusedAsDocumented checks each row of the table in docs/idp.md with a
// real provider and a real proxy.
func TestIDPFaultsAreRefusedAsDocumented(t *testing.T) {
	t.Parallel()
	rows := faultRows(t)
	for _, f := range idp.Faults() {
		if rows[string(f)] == "" {
			t.Errorf("docs/idp.md has no row for %s", f)
		}
	}
	if len(rows) != len(idp.Faults()) {
		t.Errorf("docs/idp.md has %d rows for %d faults", len(rows), len(idp.Faults()))
	}
	rows[""] = "accepts it"
	for name, answer := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var args []string
			if name != "" {
				args = []string{"--fault", name}
			}
			issuer := startIDP(t, args...)
			dir := t.TempDir()
			testkit.File(t, filepath.Join(dir, "proto", "s.proto"), guarded("S", issuer))
			file := testkit.File(t, filepath.Join(dir, "jwtctl.yaml"), "protos: [proto]\nkey_sets: [{issuer: \""+issuer+"\", oidc_discovery: true, audiences: [shop], require_expiry: true}]\n")
			token := ownToken(t, issuer, "")
			r := startProxy(t, dir, startEcho(t).addr, "--config", file)
			if name == string(idp.RotateNow) { // the proxy only has the key of the first token
				r.eventuallyIs("S/Who", token, codes.OK) // a call gives up before a slow fetch of the keys does
				token = ownToken(t, issuer, "")
			}
			if strings.HasPrefix(answer, "accepts") {
				r.eventuallyIs("S/Who", token, codes.OK)
				return
			}
			m := regexp.MustCompile("^`([A-Z_]+)`, ([a-z_]+)").FindStringSubmatch(answer)
			if m == nil {
				t.Fatalf("docs/idp.md lacks the proxy's response: %s", answer)
			}
			var want codes.Code
			if err := want.UnmarshalJSON([]byte(`"` + m[1] + `"`)); err != nil {
				t.Fatal(err)
			}
			r.eventuallyIs("S/Who", token, want)
			r.eventuallyLogs("code=" + m[2])
			if name == string(idp.RotateNow) {
				r.later.Store(int64(31 * time.Second))
				r.eventuallyIs("S/Who", token, codes.OK)
			}
		})
	}
}

// TestWorkflowTokenIsVerifiedAndAdmitted: inspect --oidc-issuer and the proxy verify the
// tokens of --like github-actions and gitlab.
func TestWorkflowTokenIsVerifiedAndAdmitted(t *testing.T) {
	t.Parallel()
	for like, row := range map[idp.Like]struct {
		sub, claim, value string
		shown             []string
	}{
		idp.LikeGitHub: {"repo:api/api:ref:refs/heads/main", "repository", "api/api",
			[]string{"repository ", "workflow_ref ", "job_workflow_ref ", "runner_environment ", "run_id ", "nbf "}},
		idp.LikeGitLab: {"project_path:api/api:ref_type:branch:ref:main", "project_path", "api/api",
			[]string{"namespace_path ", "project_path ", "ref ", "ref_type ", "ref_protected ", "pipeline_source ", "ci_config_ref_uri ", "nbf "}},
	} {
		t.Run(string(like), func(t *testing.T) {
			t.Parallel()
			issuer := startIDP(t, "--like", string(like))
			token := ownToken(t, issuer, "sts.example.test")
			inspect := func(code int, sub string) string {
				f := newFake(t)
				f.In = strings.NewReader(token)
				return f.run(t, code, "inspect", "--oidc-issuer", issuer, "--aud", "sts.example.test", "--sub", sub, "--max-lifetime", "1h", "-")
			}
			shown := inspect(0, row.sub)
			for _, claim := range row.shown {
				if !strings.Contains(shown, "  "+claim) {
					t.Errorf("no %s\n%s", claim, shown)
				}
			}
			inspect(1, row.sub+"x") // of another branch
			dir := t.TempDir()
			testkit.File(t, filepath.Join(dir, "proto", "s.proto"), strings.Replace(guarded("S", issuer), `bearer_token_issuer: "`+issuer+`"`,
				`bearer_token_issuer: "`+issuer+`", static_claim: {claim: "`+row.claim+`", value: "`+row.value+`"}`, 1))
			file := testkit.File(t, filepath.Join(dir, "jwtctl.yaml"), "protos: [proto]\nkey_sets: [{issuer: \""+issuer+"\", oidc_discovery: true, audiences: [sts.example.test]}]\n")
			r := startProxy(t, dir, startEcho(t).addr, "--config", file)
			r.eventuallyIs("S/Who", token, codes.OK)
			r.want("S/Who", ownToken(t, issuer, "another.example.test"), codes.Unauthenticated)
		})
	}
}
