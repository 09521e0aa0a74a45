package serverconfig

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/joho/godotenv"
	"go.yaml.in/yaml/v3"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/finding"
)

// Input is one of the operator's files.
type Input struct {
	Name string
	Text []byte
}

// Read is ReadWith for inputs that refer to no other files.
func Read(inputs ...Input) (*Config, error) {
	return ReadWith(func(path string) ([]byte, error) {
		return nil, fault.New(fault.FileFailed, path, "%w", fs.ErrNotExist)
	}, inputs...)
}

// ReadWith returns the setup given by all inputs: first variables from .env and compose
// files, then the static YAML or Helm values that use them. Any other file is an error; a
// setup with which the server would not start is in Config.Problem. open opens the files
// that a compose file names in env_file, and the .env file next to it.
func ReadWith(open func(path string) ([]byte, error), inputs ...Input) (*Config, error) {
	c := &Config{open: open, Variables: map[string]Value{}, UI: map[string]Value{}, Services: map[string]Value{}}
	var dotenv, compose, settings []Input
	for _, in := range inputs {
		switch kind, err := kindOf(in); {
		case err != nil:
			return nil, err
		case kind == ".env":
			dotenv = append(dotenv, in)
		case kind == "compose":
			compose = append(compose, in)
		default:
			settings = append(settings, in)
		}
	}
	if len(settings) > 1 {
		return nil, fault.New(fault.UsageError, settings[1].Name, "a second configuration after %s: only .env and compose files can be combined with another file", settings[0].Name)
	}
	vars := map[string]Value{}
	for _, in := range dotenv {
		list, err := readDotenv(in)
		if err != nil {
			return nil, err
		}
		maps.Copy(vars, list)
	}
	for _, in := range compose {
		if len(dotenv) == 0 {
			var err error
			if vars, err = c.defaultEnv(in); err != nil {
				return nil, err
			}
		}
		if err := c.readCompose(in, texts(vars)); err != nil {
			return nil, err
		}
	}
	if len(compose) == 0 {
		c.takeVariables(vars)
	}
	if len(settings) == 0 {
		if c.HasUI && len(c.Variables) == 0 {
			return nil, fault.New(fault.UsageError, inputs[0].Name, "configures only the Web UI, not a server").WithHint("add the server's configuration")
		}
		c.Form = Container
		c.fromVariables()
		return c, nil
	}
	if err := c.readSettings(settings[0]); err != nil {
		return nil, err
	}
	return c, nil
}

func unreadable(name, format string, args ...any) error {
	return fault.New(fault.FileFailed, name, format, args...).
		WithHint("use a Temporal server's static YAML, Helm values, a compose file or a .env file")
}

// kindOf detects the kind of an input by its content.
func kindOf(in Input) (string, error) {
	base := filepath.Base(in.Name)
	if base == ".env" || strings.HasPrefix(base, ".env.") || strings.HasSuffix(base, ".env") {
		return ".env", nil
	}
	if isTemplate(in.Text) {
		return "static", nil
	}
	root, err := mapping(in)
	if err != nil && bytes.Contains(in.Text, []byte("{{")) {
		return "", unreadable(in.Name, "has templates, but no comment \"# enable-template\" in its first 1024 bytes: the server does not expand them")
	}
	if err != nil {
		return "", err
	}
	services := child(root, "services")
	for _, service := range members(services) {
		if child(service, "image") != nil || child(service, "environment") != nil {
			return "compose", nil
		}
	}
	switch {
	case child(root, "global") != nil || child(root, "persistence") != nil || services != nil:
		return "static", nil
	case child(root, "server") != nil || child(root, "web") != nil:
		return "helm", nil
	}
	return "", unreadable(in.Name, "has no global:, server: or services:")
}

func mapping(in Input) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(in.Text, &doc); err != nil {
		return nil, unreadable(in.Name, "is not YAML: %v", err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, unreadable(in.Name, "is not a YAML mapping")
	}
	return doc.Content[0], nil
}

// readDotenv reads NAME=VALUE lines.
func readDotenv(in Input) (map[string]Value, error) {
	values, err := godotenv.UnmarshalBytes(in.Text)
	if err != nil {
		return nil, unreadable(in.Name, "is not a .env file")
	}
	list := map[string]Value{}
	for name, text := range values {
		list[name] = Value{Text: text, Set: true, Pos: finding.Position{File: in.Name}}
	}
	lines := bufio.NewScanner(bytes.NewReader(in.Text))
	named := regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*[=:]`)
	for n := 1; lines.Scan(); n++ {
		if found := named.FindStringSubmatch(lines.Text()); found != nil {
			if v, known := list[found[1]]; known {
				v.Pos.Line = n
				list[found[1]] = v
			}
		}
	}
	return list, nil
}

func texts(vars map[string]Value) map[string]string {
	list := map[string]string{}
	for name, v := range vars {
		list[name] = v.Text
	}
	return list
}

// readSettings reads a static configuration or Helm values.
func (c *Config) readSettings(in Input) error {
	kind, err := kindOf(in)
	if err != nil {
		return err
	}
	c.Form = Static
	if kind == "helm" {
		c.Form = Helm
	}
	text, missing, err := render(in.Name, in.Text, texts(c.Variables))
	if err != nil {
		c.Pos, c.Problem = finding.Position{File: in.Name}, templateProblem(in.Name, err)
		return nil
	}
	c.Missing = missing
	root, err := mapping(Input{in.Name, text})
	if err != nil {
		if !bytes.Equal(text, in.Text) {
			c.Pos, c.Problem = finding.Position{File: in.Name}, errors.New("the output of the template is not a YAML mapping")
			return nil
		}
		return err
	}
	d := document{in.Name, !bytes.Equal(text, in.Text)}
	if c.Form == Helm {
		c.readHelm(root, d)
		return nil
	}
	c.Pos = finding.Position{File: in.Name}
	c.authorization(child(child(root, "global"), "authorization"), d)
	if n := child(child(root, "services"), "internal-frontend"); n != nil {
		c.InternalFrontend = Value{Text: "true", Set: true, Pos: d.pos(n)}
	}
	c.PublicClient = d.value(child(child(root, "publicClient"), "hostPort"))
	return nil
}

// readHelm reads the values of the Temporal chart.
func (c *Config) readHelm(root *yaml.Node, d document) {
	server := child(root, "server")
	c.Pos = d.pos(root)
	c.authorization(child(child(server, "config"), "authorization"), d)
	for _, name := range []string{"internalFrontend", "internal-frontend"} {
		if enabled := d.value(child(child(server, name), "enabled")); enabled.Text == "true" {
			c.InternalFrontend = enabled
		}
	}
	c.Version = d.value(child(child(server, "image"), "tag"))
	c.environment(child(server, "additionalEnv"), d, c.Variables, nil)
	for _, service := range []string{"frontend", "internalFrontend", "worker"} {
		c.environment(child(child(server, service), "additionalEnv"), d, c.Variables, nil)
	}
	web := child(root, "web")
	c.environment(child(web, "additionalEnv"), d, c.UI, nil)
	c.HasUI = web != nil && d.value(child(web, "enabled")).Text != "false"
}

// authorization reads the server's section.
func (c *Config) authorization(section *yaml.Node, d document) {
	if section == nil {
		return
	}
	c.Pos = d.pos(section)
	known := c.settingsByKey()
	for key, n := range members(section) {
		switch target := known[key.Value]; {
		case target != nil && n.Kind != yaml.ScalarNode:
			c.Problem = fmt.Errorf("%s is not a string", key.Value)
		case target != nil:
			*target = d.value(n)
		case key.Value == "jwtKeyProvider":
			c.provider(n, d)
		case key.Value != "remoteClusterAuth":
			c.Unread = append(c.Unread, Value{Text: key.Value, Set: true, Pos: d.pos(key)})
		}
	}
}

func (c *Config) provider(section *yaml.Node, d document) {
	for key, n := range members(section) {
		switch key.Value {
		case "keySourceURIs":
			for _, item := range n.Content {
				if item = resolved(item); strings.TrimSpace(item.Value) != "" { // the server ignores empty ones
					c.Sources = append(c.Sources, d.value(item))
				}
			}
		case "refreshInterval":
			c.RefreshInterval = d.value(n)
		default:
			c.Unread = append(c.Unread, Value{Text: key.Value, Set: true, Pos: d.pos(key)})
		}
	}
}
