//go:build !server130

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.temporal.io/server/common/config"
	"gopkg.in/yaml.v3"
)

// TestTemplatesAreReadAsByTheServer gives jwtctl the templates of the server's own
// releases, in both forms, with a container's variables, and expects the same findings and
// verdicts as for the output of the server's loader.
func TestTemplatesAreReadAsByTheServer(t *testing.T) {
	t.Cleanup(func() { forbidCaching(t) })
	e := newExplainer(t)
	embedded := template(t, "v1.32.2", "common/config/config_template_embedded.yaml")
	templates := map[string]string{"1.32.2, embedded": embedded}
	for _, version := range []string{"v1.29.1", "v1.30.8", "v1.32.2"} {
		templates[version+", for dockerize"] = template(t, version, "docker/config_template.yaml")
	}
	templates["1.30.8, embedded"] = template(t, "v1.30.8", "common/config/config_template_embedded.yaml")
	const on = "TEMPORAL_AUTH_AUTHORIZER=default\nTEMPORAL_AUTH_CLAIM_MAPPER=default\nTEMPORAL_JWT_KEY_SOURCE1=http://keys.example/jwks.json\n"
	for name, env := range map[string]string{
		"on":                          on + "USE_INTERNAL_FRONTEND=1\n",
		"without internal-frontend":   on,
		"off":                         "TEMPORAL_JWT_KEY_SOURCE1=http://keys.example/jwks.json\n",
		"no key source":               "TEMPORAL_AUTH_AUTHORIZER=default\nTEMPORAL_AUTH_CLAIM_MAPPER=default\nUSE_INTERNAL_FRONTEND=1\n",
		"two sources, other interval": on + "TEMPORAL_JWT_KEY_SOURCE2=ftp://keys.example/more.json\nTEMPORAL_JWT_KEY_REFRESH=0s\nUSE_INTERNAL_FRONTEND=1\n",
		"other claim":                 on + "TEMPORAL_JWT_PERMISSIONS_CLAIM=roles\nUSE_INTERNAL_FRONTEND=1\n",
		"a pattern":                   on + `TEMPORAL_JWT_PERMISSIONS_REGEX=^(?P<role>\w+)@(?P<namespace>\w+)$` + "\nUSE_INTERNAL_FRONTEND=1\n",
		"a pattern without groups":    on + `TEMPORAL_JWT_PERMISSIONS_REGEX=^(\w+)@(\w+)$` + "\nUSE_INTERNAL_FRONTEND=1\n",
		"a comment in a variable":     on + "TEMPORAL_JWT_PERMISSIONS_CLAIM='roles #x'\nUSE_INTERNAL_FRONTEND=1\n",
	} {
		t.Run(name, func(t *testing.T) {
			e.write(t, "server.yaml", loaded(t, embedded, env))
			e.write(t, "a.env", []byte(env))
			want := e.readings(t, "server.yaml")
			for release, path := range templates {
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				e.write(t, "template.yaml", text)
				if got := e.readings(t, "template.yaml", "a.env"); !reflect.DeepEqual(got, want) {
					t.Errorf("%s: read as\n%q\nthe server reads\n%q", release, got, want)
				}
			}
		})
	}
}

// template returns the path of a file in a release of the server.
func template(t *testing.T, version, path string) string {
	t.Helper()
	var module struct{ Dir string }
	if err := json.Unmarshal(goTool(t, "..", "mod", "download", "-json", "go.temporal.io/server@"+version), &module); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(module.Dir, filepath.FromSlash(path))
}

// loaded returns the part about authorization of what the server's loader makes of a
// template with variables.
func loaded(t *testing.T, path, env string) []byte {
	t.Helper()
	for line := range strings.Lines(env) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		t.Setenv(name, strings.Trim(value, "'"))
	}
	t.Setenv("DB", "sqlite")
	cfg, err := config.Load(config.WithConfigFile(path))
	if err != nil {
		t.Fatal(err)
	}
	services := map[string]any{"frontend": map[string]any{}}
	if _, has := cfg.Services["internal-frontend"]; has {
		services["internal-frontend"] = map[string]any{}
	}
	text, err := yaml.Marshal(map[string]any{
		"global": map[string]any{"authorization": cfg.Global.Authorization}, "services": services,
		"publicClient": map[string]any{"hostPort": cfg.PublicClient.HostPort},
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// readings are doctor's findings, and verdicts on some tokens, for configuration files.
func (e *explainer) readings(t *testing.T, files ...string) []string {
	t.Helper()
	var named []string
	for _, file := range files {
		named = append(named, "--server-config", file)
	}
	var found struct {
		Findings []struct{ Rule, Message string }
	}
	r := e.here.run(t, e.bin.jwtctl, slices.Concat([]string{"doctor", "--format", "json"}, named)...)
	if err := json.Unmarshal([]byte(r.stdout), &found); err != nil {
		t.Fatalf("%v: %s", err, r)
	}
	var list []string
	for _, f := range found.Findings {
		list = append(list, f.Rule+": "+f.Message)
	}
	slices.Sort(list)
	for _, changes := range []map[string]any{nil, {"permissions": nil, "roles": []string{"own:write"}}, {"permissions": []string{"write@own"}}} {
		c := denialCase{api: startAPI, namespace: "own", authorization: "Bearer " + e.ec.token(nil, goodClaims(changes))}
		v, err := e.explain(t, c, named)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprint(v.Allowed, v.Faults))
	}
	return list
}
