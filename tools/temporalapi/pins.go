package main

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const (
	serverModule = "go.temporal.io/server"
	apiModule    = "go.temporal.io/api"
)

// pin is one line of releases.txt.
type pin struct{ version, sum, digest string }

func readPins(name string) ([]pin, error) {
	text, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var pins []pin
	for i, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || fields[0][0] == '#':
		case len(fields) != 3:
			return nil, fmt.Errorf("%s:%d: want version, checksum and digest", name, i+1)
		default:
			pins = append(pins, pin{fields[0], fields[1], fields[2]})
		}
	}
	slices.SortFunc(pins, func(a, b pin) int { return compare(a.version, b.version) })
	return pins, nil
}

// add appends a release to the list.
func add(list string, pins []pin, version string, reviewed bool) error {
	m, err := download(serverModule, version)
	if err != nil {
		return err
	}
	digest, err := m.digest()
	if err != nil {
		return err
	}
	known := slices.ContainsFunc(pins, func(p pin) bool { return p.digest == digest })
	if !known && !reviewed {
		return fmt.Errorf("%s: the code that decides has changed; compare these files with those of the release before, then add it with -reviewed:\n  %s",
			version, strings.Join(deciding(), "\n  "))
	}
	pins = append(slices.DeleteFunc(pins, func(p pin) bool { return p.version == version }), pin{version, m.Sum, digest})
	slices.SortFunc(pins, func(a, b pin) int { return compare(a.version, b.version) })
	var b strings.Builder
	b.WriteString("# Releases of go.temporal.io/server: version, checksum, digest of the code that decides a call.\n# Add one with: go -C tools run ./temporalapi add v1.2.3\n")
	for _, p := range pins {
		fmt.Fprintln(&b, p.version, p.sum, p.digest)
	}
	return os.WriteFile(list, []byte(b.String()), 0o644)
}

// checkNewest fails if the module proxy lists a release newer than all pins.
func checkNewest(pins []pin) error {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", serverModule+"@latest").Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	newest, have := strings.TrimSpace(string(out)), pins[len(pins)-1].version
	if compare(newest, have) > 0 {
		return fmt.Errorf("the module proxy has %s, the table ends at %s\nadd it: go -C tools run ./temporalapi add %s && make generate", newest, have, newest)
	}
	fmt.Printf("%s is the newest release, and in the table\n", newest)
	return nil
}

// module is a module's source, read from its archive: a module that wants a
// newer Go is not unpacked.
type module struct {
	Path, Version, Sum, Zip, Error string
}

func download(path, version string) (*module, error) {
	cmd := exec.Command("go", "mod", "download", "-json", path+"@"+version)
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod")
	out, err := cmd.Output() // fails too where the module wants a newer Go
	var m module
	if json.Unmarshal(out, &m) != nil || m.Zip == "" {
		return nil, fmt.Errorf("go mod download %s@%s: %w: %s", path, version, err, m.Error)
	}
	return &m, nil
}

// read returns one file of the module.
func (m *module) read(name string) ([]byte, error) {
	r, err := zip.OpenReader(m.Zip)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return fs.ReadFile(r, m.Path+"@"+m.Version+"/"+name)
}

// compare orders versions of the form v1.2.3.
func compare(a, b string) int { return slices.Compare(numbers(a), numbers(b)) }

func numbers(version string) []int {
	var list []int
	for _, part := range strings.Split(strings.TrimPrefix(version, "v"), ".") {
		n := 0
		_, _ = fmt.Sscanf(part, "%d", &n)
		list = append(list, n)
	}
	return list
}
