package serverconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// readCompose reads the containers of a compose file: the server's, and the Web
// UI's.
func (c *Config) readCompose(in Input, vars map[string]string) error {
	root, err := mapping(in)
	if err != nil {
		return err
	}
	d := document{file: in.Name}
	for name, service := range members(child(root, "services")) {
		image := expand(d.value(child(service, "image")).Text, vars)
		own := map[string]Value{}
		read := func() error {
			err := c.envFiles(in, child(service, "env_file"), d, own, vars)
			c.environment(child(service, "environment"), d, own, vars)
			return err
		}
		switch {
		case strings.Contains(image, "temporalio/ui") || strings.Contains(image, "temporalio/web"):
			c.HasUI = true
			if err := read(); err != nil {
				return err
			}
			maps.Copy(c.UI, own)
		case strings.Contains(image, "temporalio/server") || strings.Contains(image, "temporalio/auto-setup") || image == "" && name.Value == "temporal":
			c.Pos = d.pos(name)
			if _, tag, tagged := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":"); tagged {
				c.Version = Value{Text: tag, Set: true, Pos: d.pos(child(service, "image"))}
			}
			if err := read(); err != nil {
				return err
			}
			c.addContainer(own)
		}
	}
	return nil
}

// maxExpanded is the maximum number of bytes that the variables of all containers may
// produce.
const maxExpanded = 16 << 20

// environment reads NAME: VALUE, a list of NAME=VALUE, or Kubernetes' list of
// name and value.
func (c *Config) environment(n *yaml.Node, d document, into map[string]Value, vars map[string]string) {
	set := func(name, text string, at *yaml.Node) {
		if c.expanded > maxExpanded {
			c.Problem = fmt.Errorf("its variables expand to more than %d MiB", maxExpanded>>20)
			return
		}
		if vars != nil {
			text = expand(text, vars)
			c.expanded += len(text)
		}
		into[name] = Value{Text: text, Set: true, Pos: d.pos(at)}
	}
	if n == nil {
		return
	}
	for key, v := range members(n) {
		if v.Tag != "!!null" { // null takes the variable from the shell
			set(key.Value, v.Value, key)
		}
	}
	if n.Kind != yaml.SequenceNode {
		return
	}
	for _, item := range n.Content {
		if item.Kind == yaml.ScalarNode {
			if name, text, found := strings.Cut(item.Value, "="); found {
				set(name, text, item)
			}
			continue
		}
		if name, text := child(item, "name"), child(item, "value"); name != nil && text != nil {
			set(name.Value, text.Value, name)
		}
	}
}

// takeVariables reads .env files, which may be for the server, the Web UI, or both: each
// reads the names that it knows.
func (c *Config) takeVariables(vars map[string]Value) {
	for name := range vars {
		c.HasUI = c.HasUI || setsLogin(name)
	}
	for name, v := range vars {
		if c.HasUI && readByUI(name) {
			c.UI[name] = v
		} else {
			c.Variables[name] = v
		}
	}
}

// setsLogin reports whether a variable is about the Web UI's login, and not read by the
// server's image.
func setsLogin(name string) bool {
	short, found := strings.CutPrefix(name, "TEMPORAL_AUTH_")
	return found && slices.Contains([]string{
		"ENABLED", "REDIRECT_TO_PROVIDER", "LABEL", "TYPE", "PROVIDER_URL", "ISSUER_URL", "CLIENT_ID", "CLIENT_SECRET", "CALLBACK_URL",
		"USE_ID_TOKEN_AS_BEARER", "REFRESH_TOKEN_DURATION", "SCOPES",
	}, short)
}

// readByUI reports whether the Web UI's image reads a variable (config/docker.yaml of
// ui-server 2.58.1) that the server's does not.
func readByUI(name string) bool {
	others := []string{"TEMPORAL_ADDRESS", "TEMPORAL_DEFAULT_NAMESPACE", "TEMPORAL_MAX_SESSION_DURATION", "TEMPORAL_DISABLE_NEWS_FETCH"}
	for _, prefix := range []string{"TEMPORAL_UI_", "TEMPORAL_CORS_", "TEMPORAL_CSRF_", "TEMPORAL_CODEC_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return setsLogin(name) || slices.Contains(others, name)
}

// fromVariables makes the server's configuration like its image's template: texts are
// inserted into YAML unquoted, so YAML may read them differently.
func (c *Config) fromVariables() {
	if c.Pos.File == "" {
		for _, name := range slices.Sorted(maps.Keys(c.Variables)) {
			if c.Pos = (finding.Position{File: c.Variables[name].Pos.File}); strings.HasPrefix(name, "TEMPORAL_") {
				break
			}
		}
	}
	take := func(name, fallback string, target *Value) {
		v := c.Variables[name]
		if v.Text == "" {
			*target = Value{Text: fallback, Pos: c.Pos}
			return
		}
		var scalar yaml.Node
		if err := yaml.Unmarshal([]byte("x: "+v.Text+"\n"), &scalar); err != nil || len(scalar.Content) != 1 {
			c.Problem = fmt.Errorf("%s is not a valid YAML value in the image's template: %q", name, quote.Shorten(v.Text))
			return
		}
		n := child(scalar.Content[0], "x")
		if n == nil || n.Kind != yaml.ScalarNode {
			c.Problem = fmt.Errorf("%s changes the structure of the image's template: %q", name, quote.Shorten(v.Text))
			return
		}
		*target = Value{Text: n.Value, Set: true, Pos: v.Pos}
		if n.Tag == "!!null" {
			target.Text = ""
		}
	}
	take("TEMPORAL_AUTH_AUTHORIZER", "", &c.Authorizer)
	take("TEMPORAL_AUTH_CLAIM_MAPPER", "", &c.ClaimMapper)
	take("TEMPORAL_JWT_PERMISSIONS_CLAIM", "permissions", &c.ClaimName)
	take("TEMPORAL_JWT_PERMISSIONS_REGEX", "", &c.Regex)
	take("TEMPORAL_JWT_KEY_REFRESH", "1m", &c.RefreshInterval)
	for _, name := range []string{"TEMPORAL_JWT_KEY_SOURCE1", "TEMPORAL_JWT_KEY_SOURCE2"} {
		var source Value
		if take(name, "", &source); source.Text != "" {
			c.Sources = append(c.Sources, source)
		}
	}
	if v := c.Variables["USE_INTERNAL_FRONTEND"]; v.Text != "" {
		c.InternalFrontend = v
	}
	for _, name := range []string{"SERVICES", "TEMPORAL_SERVICES"} {
		if v := c.Variables[name]; v.Set {
			c.Services[name] = v
		}
	}
}
