package cli

import (
	"encoding/base64"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// guideIssuer is the address in the commands of docs/idp.md; the test replaces it with the
// actual one.
const guideIssuer = "http://127.0.0.1:8085"

// fence is a block of a guide.
type fence struct{ language, text string }

// fences returns the blocks of docs/idp.md.
func fences(t *testing.T) []fence {
	t.Helper()
	var list []fence
	for _, m := range regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$").FindAllStringSubmatch(testkit.Read(t, "../../docs/idp.md"), -1) {
		list = append(list, fence{m[1], strings.ReplaceAll(m[2], "\\\n", " ")})
	}
	return list
}

// curl runs a line of the guide that calls the provider, and returns the token in the
// response.
func curl(t *testing.T, line, issuer string) string {
	t.Helper()
	if !strings.Contains(line, guideIssuer) {
		t.Fatalf("no %s in %q", guideIssuer, line)
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(line, guideIssuer, issuer)).Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(out, &answer); err != nil || answer.Token == "" {
		t.Fatalf("%s: no token: %v", line, err)
	}
	return answer.Token
}

// TestIDPGuideRuns: the commands of docs/idp.md, in order, do what it says. Only the port
// differs.
func TestIDPGuideRuns(t *testing.T) {
	t.Parallel()
	settings := filepath.Join(t.TempDir(), "jwtctl.yaml")
	issuer, first, token := "", "", ""
	ran := map[string]int{}
	for _, f := range fences(t) {
		text := strings.ReplaceAll(f.text, "--listen 127.0.0.1:8085", "--listen 127.0.0.1:0")
		ran[f.language]++
		switch f.language {
		case "":
			if want := strings.ReplaceAll(text, guideIssuer, issuer); first != want {
				t.Errorf("got first line %q, the guide has %q", first, want)
			}
		case "yaml":
			testkit.File(t, settings, strings.Replace(text, "127.0.0.1:8085", "127.0.0.1:0", 1))
			issuer, _ = runIDP(t, "--config", settings)
		case "sh":
			for line := range strings.Lines(text) {
				if args, ok := strings.CutPrefix(line, "jwtctl idp "); ok {
					issuer, first = runIDP(t, strings.Fields(args)...)
				} else {
					token = curl(t, line, issuer)
				}
			}
		}
		if f.language == "sh" && ran["yaml"] == 1 && ran["sh"] == 2 {
			text, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
			if !strings.Contains(string(text), `"permissions":["default:write"]`) || !strings.Contains(string(text), `"aud":"temporal"`) {
				t.Errorf("the worker's token has %s", text)
			}
		}
	}
	if ran["sh"] != 3 || ran["yaml"] != 1 || ran[""] != 1 {
		t.Fatalf("docs/idp.md has blocks that this test does not run: %v", ran)
	}
	m := regexp.MustCompile("`jwtctl (inspect --oidc-issuer .*?)` verifies it").FindStringSubmatch(testkit.Read(t, "../../docs/idp.md"))
	if m == nil {
		t.Fatal("docs/idp.md does not inspect a CI job's token")
	}
	f := newFake(t)
	f.In = strings.NewReader(token)
	f.run(t, 0, strings.Fields(strings.ReplaceAll(m[1], guideIssuer, issuer))...)
}
