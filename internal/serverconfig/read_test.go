package serverconfig

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const (
	static = `global:
  authorization:
    jwtKeyProvider:
      keySourceURIs: ["http://127.0.0.1:1/a", "", " "]
      refreshInterval: 1m
    permissionsClaimName: roles
    audience: temporal
    authorizer: default
    claimmapper: default
services:
  frontend: {rpc: {grpcPort: 7233}}
  internal-frontend: {rpc: {grpcPort: 7236}}
publicClient: {hostPort: "x:7233"}
`
	sprigTemplate = `# enable-template
global:
  authorization:
    authorizer: {{ default "" (env "TEMPORAL_AUTH_AUTHORIZER") }}
    permissionsRegex: {{ default "" (env "TEMPORAL_JWT_PERMISSIONS_REGEX") }}
    permissionsClaimName: {{ default "permissions" (env "TEMPORAL_JWT_PERMISSIONS_CLAIM") | lower }}
services: {frontend: {}}
`
	dockerizeTemplate = `global:
  authorization:
    authorizer: {{ default .Env.TEMPORAL_AUTH_AUTHORIZER "" }}
    permissionsClaimName: {{ default .Env.TEMPORAL_JWT_PERMISSIONS_CLAIM "permissions" }}
    {{- if .Env.TEMPORAL_JWT_KEY_SOURCE1 }}
    jwtKeyProvider: {keySourceURIs: ["{{ .Env.TEMPORAL_JWT_KEY_SOURCE1 }}"]}
    {{- end }}
`
	helm = `server:
  image: {tag: 1.30.8}
  internalFrontend: {enabled: true}
  config:
    authorization: {authorizer: default, claimMapper: default, jwtKeyProvider: {keySourceURIs: ["https://x/jwks"]}}
web:
  additionalEnv: [{name: TEMPORAL_AUTH_ENABLED, value: "true"}]
`
	compose = `services:
  temporal:
    image: temporalio/server:${TAG:-1.31.2}
    environment:
      - TEMPORAL_AUTH_AUTHORIZER=${AUTHORIZER}
      - TEMPORAL_AUTH_CLAIM_MAPPER=default
      - TEMPORAL_SERVICES=frontend
      - PRICE=$$5
  ui:
    image: ghcr.io/temporalio/ui:2
    environment: {TEMPORAL_AUTH_ENABLED: "true", UNSET: }
`
)

// show lists the relevant parts of a set-up.
func show(c *Config) string {
	var sources []string
	for _, s := range c.Sources {
		sources = append(sources, s.Text)
	}
	var unread []string
	for _, u := range c.Unread {
		unread = append(unread, u.Text)
	}
	return fmt.Sprintf("%s auth=%s mapper=%s claim=%s regex=%s aud=%s refresh=%s internal=%s version=%s ui=%v sources=%v unread=%v problem=%v",
		c.Form, c.Authorizer.Text, c.ClaimMapper.Text, c.ClaimName.Text, c.Regex.Text, c.Audience.Text, c.RefreshInterval.Text,
		c.InternalFrontend.Text, c.Version.Text, c.HasUI, sources, unread, c.Problem != nil)
}

func TestReadFindsWhatTheServerReads(t *testing.T) {
	const none = " auth= mapper= claim= regex= aud= refresh= internal= version= ui=false sources=[] unread=[] problem="
	for name, row := range map[string]struct {
		inputs []Input
		want   string
	}{
		"static YAML, key in another spelling": {
			[]Input{{"server.yaml", []byte(static)}},
			"static configuration auth=default mapper= claim=roles regex= aud=temporal refresh=1m internal=true version= ui=false sources=[http://127.0.0.1:1/a] unread=[claimmapper] problem=false",
		},
		"sprig template": {
			[]Input{{"t.yaml", []byte(sprigTemplate)}, {".env", []byte("export TEMPORAL_AUTH_AUTHORIZER=default\nTEMPORAL_JWT_PERMISSIONS_CLAIM='ROLES'\n")}},
			"static configuration auth=default mapper= claim=roles regex= aud= refresh= internal= version= ui=false sources=[] unread=[] problem=false",
		},
		"dockerize template": {
			[]Input{{"t.yaml", []byte(dockerizeTemplate)}, {"a.env", []byte("TEMPORAL_JWT_KEY_SOURCE1=http://a/b\n")}},
			"static configuration auth= mapper= claim=permissions regex= aud= refresh= internal= version= ui=false sources=[http://a/b] unread=[] problem=false",
		},
		"failing template": {
			[]Input{{"t.yaml", []byte("# enable-template\n{{ fail \"no\" }}\n")}}, "static configuration" + none + "true",
		},
		"template with a network": {
			[]Input{{"t.yaml", []byte("# enable-template\nx: {{ getHostByName \"localhost\" }}\n")}}, "static configuration" + none + "true",
		},
		"Helm values": {
			[]Input{{"values.yaml", []byte(helm)}},
			"Helm values auth=default mapper=default claim= regex= aud= refresh= internal=true version=1.30.8 ui=true sources=[https://x/jwks] unread=[] problem=false",
		},
		"compose and its .env": {
			[]Input{{"compose.yaml", []byte(compose)}, {".env", []byte("AUTHORIZER=default\n")}},
			"container variables auth=default mapper=default claim=permissions regex= aud= refresh=1m internal= version=1.31.2 ui=true sources=[] unread=[] problem=false",
		},
		"anchors and merge keys": {
			[]Input{{"compose.yaml", []byte("x-auth: &auth {TEMPORAL_AUTH_AUTHORIZER: default, TEMPORAL_AUTH_CLAIM_MAPPER: none}\nservices: {temporal: {image: temporalio/server, environment: {<<: *auth, TEMPORAL_AUTH_CLAIM_MAPPER: default}}}\n")}},
			"container variables auth=default mapper=default claim=permissions regex= aud= refresh=1m internal= version= ui=false sources=[] unread=[] problem=false",
		},
		"variable that YAML reads as another type": {
			[]Input{{".env", []byte("TEMPORAL_JWT_PERMISSIONS_REGEX='(?P<namespace>a): #(?P<role>b)'\n")}},
			"container variables auth= mapper= claim=permissions regex= aud= refresh=1m internal= version= ui=false sources=[] unread=[] problem=true",
		},
		"the server's and the Web UI's .env files": {
			[]Input{{".env", []byte("TEMPORAL_AUTH_AUTHORIZER=default\nTEMPORAL_AUTH_CLAIM_MAPPER=default\n")}, {"ui.env", []byte("TEMPORAL_AUTH_ENABLED=true\nTEMPORAL_ADDRESS=h:7233\n")}},
			"container variables auth=default mapper=default claim=permissions regex= aud= refresh=1m internal= version= ui=true sources=[] unread=[] problem=false",
		},
		"comment in a variable": {
			[]Input{{".env", []byte("TEMPORAL_JWT_PERMISSIONS_CLAIM='roles #x'\n")}},
			"container variables auth= mapper= claim=roles regex= aud= refresh=1m internal= version= ui=false sources=[] unread=[] problem=false",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Read(row.inputs...)
			if err != nil {
				t.Fatal(err)
			}
			if got := show(c); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestReadRefusesOtherFiles(t *testing.T) {
	for name, text := range map[string]string{
		"not YAML": "a: b: c", "list": "[]", "nothing": "", "other keys": "a: b", "templates without the comment": "global: {authorization: {authorizer: {{ env \"X\" }}}}",
	} {
		if c, err := Read(Input{"x.yaml", []byte(text)}); err == nil && c.Problem == nil {
			t.Errorf("%s: got %+v", name, c)
		}
	}
	if _, err := Read(Input{"a.yaml", []byte(static)}, Input{"b.yaml", []byte(static)}); err == nil || !strings.Contains(err.Error(), "second") {
		t.Errorf("two configurations: got %v, want %q in it", err, "second")
	}
	if _, err := Read(Input{"ui.env", []byte("TEMPORAL_AUTH_ENABLED=true\nTEMPORAL_UI_PORT=1\n")}); err == nil || !strings.Contains(err.Error(), "not a server") {
		t.Errorf("only the Web UI: got %v, want %q in it", err, "not a server")
	}
}

func TestExpand(t *testing.T) {
	vars := map[string]string{"A": "1", "E": ""}
	for text, want := range map[string]string{
		"$A": "1", "${A}x": "1x", "$$A": "$A", "${B:-d}": "d", "${E:-d}": "d", "${E-d}": "", "${B-d}": "d", "$B": "", "${A:+y}": "y", "a$": "a$", "${A": "${A", "$1": "$1",
	} {
		if got := expand(text, vars); got != want {
			t.Errorf("expand(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestPositionsAreTheFiles(t *testing.T) {
	c, err := Read(Input{"c.yaml", []byte(compose)}, Input{".env", []byte("# x\nAUTHORIZER=default\n")})
	if err != nil {
		t.Fatal(err)
	}
	if at := c.ClaimMapper.Pos.String(); at != "c.yaml:6:9" {
		t.Errorf("got claim mapper at %s, want %s", at, "c.yaml:6:9")
	}
	if !slices.Contains([]string{"c.yaml:2:3"}, c.Pos.String()) {
		t.Errorf("got container at %s", c.Pos)
	}
}

func TestNearest(t *testing.T) {
	for key, want := range map[string]string{"claimmapper": "claimMapper", "key_source_uris": "keySourceURIs", "keySourceURI": "keySourceURIs", "permissionClaimName": "permissionsClaimName", "x": ""} {
		if got := Nearest(key, Keys()); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", key, got, want)
		}
	}
}

// FuzzRead looks for files that break the reader.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{static, sprigTemplate, dockerizeTemplate, helm, compose, "a: &a {<<: *a}", "services: &s {x: {<<: [*s]}}", "# enable-template\n{{ template \"x\" }}"} {
		f.Add("x.yaml", seed)
		f.Add("x.env", seed)
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		c, err := Read(Input{name, []byte(text)})
		if (c == nil) == (err == nil) {
			t.Errorf("got %v, %v", c, err)
		}
	})
}
