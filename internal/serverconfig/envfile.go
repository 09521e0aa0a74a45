package serverconfig

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// maxEnvFiles is the maximum number of files that compose files may name.
const maxEnvFiles = 100

// defaultEnv reads the .env file next to a compose file, which docker compose uses if no
// other is given.
func (c *Config) defaultEnv(in Input) (map[string]Value, error) {
	name := filepath.Join(filepath.Dir(in.Name), ".env")
	text, err := c.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return readDotenv(Input{Name: name, Text: text})
}

// envFiles reads the files that a container's env_file names, relative to the
// compose file: one path, or a list of paths and of mappings with path and
// required. A later file wins over an earlier one.
func (c *Config) envFiles(in Input, n *yaml.Node, d document, into map[string]Value, vars map[string]string) error {
	if n == nil {
		return nil
	}
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	for _, item := range list {
		item = resolved(item)
		path, required := d.value(item), true
		if item.Kind == yaml.MappingNode {
			path, required = d.value(child(item, "path")), d.value(child(item, "required")).Text != "false"
		}
		name := expand(path.Text, vars)
		if name == "" {
			return fault.New(fault.FileFailed, in.Name, "an env_file names no file")
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(in.Name), name)
		}
		if err := c.envFile(in, name, required, into); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) envFile(in Input, name string, required bool, into map[string]Value) error {
	if c.envFilesRead++; c.envFilesRead > maxEnvFiles {
		return fault.New(fault.FileFailed, in.Name, "names more than %d files by env_file", maxEnvFiles)
	}
	text, err := c.open(name)
	if !required && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	list, err := readDotenv(Input{Name: name, Text: text})
	maps.Copy(into, list)
	return err
}

// addContainer merges the variables of one of the server's containers with those of the
// others, which together run the server.
func (c *Config) addContainer(own map[string]Value) {
	for name, separator := range map[string]string{"SERVICES": ":", "TEMPORAL_SERVICES": ","} {
		if before := c.Variables[name]; before.Text != "" && own[name].Text != "" {
			both := own[name]
			both.Text = before.Text + separator + both.Text
			own[name] = both
		}
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		c.Variables[name] = own[name]
	}
}
