package serverconfig

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// readFiles reads compose.yaml of the folder deploy, next to which these files are.
func readFiles(compose string, list map[string]string, more ...Input) (*Config, error) {
	open := func(path string) ([]byte, error) {
		if text, is := list[filepath.ToSlash(path)]; is {
			return []byte(text), nil
		}
		return nil, fault.New(fault.FileFailed, path, "%w", fs.ErrNotExist)
	}
	return ReadWith(open, append([]Input{{"deploy/compose.yaml", []byte(compose)}}, more...)...)
}

// The order of docker compose: files of env_file, later ones over earlier, then
// environment; a .env file only fills in ${NAME} in the compose file.
func TestComposeReadsFilesAsDockerDoes(t *testing.T) {
	service := func(text string) string {
		return "services:\n  temporal:\n    image: temporalio/server\n    " + text + "\n"
	}
	files := map[string]string{
		"deploy/a.env": "TEMPORAL_AUTH_AUTHORIZER=a\nTEMPORAL_JWT_PERMISSIONS_CLAIM=a\n",
		"deploy/b.env": "TEMPORAL_AUTH_AUTHORIZER=b\n",
		"c.env":        "TEMPORAL_AUTH_AUTHORIZER=c\n",
		"/abs/d.env":   "TEMPORAL_AUTH_AUTHORIZER=d\n",
		"deploy/.env":  "NAME=b\nTEMPORAL_JWT_PERMISSIONS_CLAIM=unused\n",
	}
	for name, row := range map[string]struct{ compose, want string }{
		"path":                               {service("env_file: a.env"), "a a"},
		"list":                               {service("env_file: [a.env, b.env]"), "b a"},
		"list, reversed":                     {service("env_file: [b.env, a.env]"), "a a"},
		"parent folder":                      {service("env_file: ../c.env"), "c permissions"},
		"absolute path":                      {service("env_file: [/abs/d.env]"), "d permissions"},
		"mapping":                            {service("env_file: [{path: a.env, required: true}]"), "a a"},
		"optional file, missing":             {service("env_file: [{path: none.env, required: false}, b.env]"), "b permissions"},
		"environment takes precedence":       {service("env_file: a.env\n    environment: {TEMPORAL_AUTH_AUTHORIZER: own}"), "own a"},
		"empty environment takes precedence": {service("env_file: a.env\n    environment: {TEMPORAL_AUTH_AUTHORIZER: \"\"}"), " a"},
		".env only for ${NAME}":              {service("env_file: ${NAME}.env"), "b permissions"},
		"other service's file":               {service("env_file: b.env") + "  other: {image: x, env_file: none.env}\n", "b permissions"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := readFiles(row.compose, files)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Authorizer.Text + " " + c.ClaimName.Text; got != row.want {
				t.Errorf("got authorizer and claim %q, want %q", got, row.want)
			}
		})
	}
	t.Run("a named .env replaces the one next to it", func(t *testing.T) {
		c, err := readFiles(service("env_file: ${NAME}.env"), files, Input{"prod.env", []byte("NAME=a\n")})
		if err != nil || c.Authorizer.Text != "a" {
			t.Errorf("got %v, %v", c, err)
		}
	})
	t.Run("where it is set", func(t *testing.T) {
		c, err := readFiles(service("env_file: a.env"), files)
		if at := c.ClaimName.Pos.String(); err != nil || filepath.ToSlash(at) != "deploy/a.env:2" {
			t.Errorf("at %s, %v", at, err)
		}
	})
}

func TestEnvFilesThatCannotBeRead(t *testing.T) {
	compose := "services: {temporal: {image: temporalio/server, env_file: %s}}"
	for text, want := range map[string]string{
		"none.env": "none.env", "[{path: none.env}]": "none.env", "[{required: false}]": "names no file", "[\"\"]": "names no file",
		"[" + strings.Repeat("x.env,", maxEnvFiles+1) + "]": "more than 100 files", "bad.env": "bad.env",
	} {
		_, err := readFiles(fmt.Sprintf(compose, text), map[string]string{"deploy/x.env": "A=b\n", "deploy/bad.env": "=\n'"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30s: %v, want %q", text, err, want)
		}
	}
}

// A server in several containers runs the services that each of them starts.
func TestSeveralContainersAreOneServer(t *testing.T) {
	c, err := readFiles(`services:
  front: {image: temporalio/server:1.31.2, environment: {TEMPORAL_SERVICES: "frontend,internal-frontend", SERVICES: "frontend:internal-frontend", USE_INTERNAL_FRONTEND: "1", TEMPORAL_AUTH_AUTHORIZER: default}}
  rest: {image: temporalio/server:1.31.2, environment: {TEMPORAL_SERVICES: "history,matching,worker", USE_INTERNAL_FRONTEND: "1"}}
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Services["TEMPORAL_SERVICES"].Text + " " + c.Services["SERVICES"].Text; got != "frontend,internal-frontend,history,matching,worker frontend:internal-frontend" {
		t.Errorf("got services %q", got)
	}
	if c.Authorizer.Text != "default" {
		t.Errorf("authorizer %q, want %q", c.Authorizer.Text, "default")
	}
}
