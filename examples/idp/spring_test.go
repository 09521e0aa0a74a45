package idp

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestSpringLogsInAndRenews: Spring Security does what it does behind oauth2Login(), and
// refuses each invalid id_token. JWTCTL_IDP_JAVA names the folder of the program that make
// idp-clients builds.
func TestSpringLogsInAndRenews(t *testing.T) {
	folder := os.Getenv("JWTCTL_IDP_JAVA")
	if folder == "" && os.Getenv("CI") != "" {
		t.Fatal("JWTCTL_IDP_JAVA is not set: run make idp-clients")
	}
	if folder == "" {
		t.Skip("JWTCTL_IDP_JAVA is not set: make idp-clients builds the program and sets it")
	}
	for name, row := range map[string]struct {
		args []string
		want string // the output of the program; "" if it must refuse
	}{
		"plain":       {nil, "alice alice@example.test [default:write]\n"},
		"okta":        {[]string{"--like", "okta"}, "00u61e53a32f7774ee6b alice@example.test [default:write]\n"},
		"rotate-now":  {[]string{"--fault", "rotate-now"}, "alice alice@example.test [default:write]\n"},
		"expired":     {[]string{"--fault", "expired"}, ""},
		"wrong-aud":   {[]string{"--fault", "wrong-aud"}, ""},
		"wrong-iss":   {[]string{"--fault", "wrong-iss"}, ""},
		"wrong-key":   {[]string{"--fault", "wrong-key"}, ""},
		"wrong-nonce": {[]string{"--fault", "wrong-nonce"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := start(t, row.args...)
			cmd := exec.CommandContext(t.Context(), "java", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(folder, "*")+string(os.PathListSeparator)+folder, "example.Login", issuer, redirect)
			out, err := cmd.Output()
			var exit *exec.ExitError
			if errors.As(err, &exit) && row.want == "" && regexp.MustCompile(`\[invalid_(id_token|nonce)\]`).Match(exit.Stderr) {
				return
			}
			if err != nil || string(out) != row.want || row.want == "" {
				t.Errorf("printed %q, %v, want %q", out, err, row.want)
			}
		})
	}
}
