package goreleaser_test

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// sboms: each SBOM is valid by CycloneDX's own schema, and lists the same modules as "go
// version -m".
func (s source) sboms(t *testing.T) {
	schema := cycloneDX(t)
	for _, platform := range platforms {
		text := s.read(t, "dist/jwtctl_"+version+"_"+platform+".sbom.json")
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(document); err != nil {
			t.Errorf("%s: %v", platform, err)
		}
		var bom struct {
			Metadata struct {
				Timestamp string
				Component struct{ PURL string }
			}
			Components []struct{ Type, Name, Version, PURL string }
		}
		if err := json.Unmarshal([]byte(text), &bom); err != nil {
			t.Fatal(err)
		}
		if bom.Metadata.Timestamp != commitDate || bom.Metadata.Component.PURL != "pkg:golang/github.com/jwtctl/jwtctl@"+version {
			t.Errorf("%s: metadata %+v", platform, bom.Metadata)
		}
		var got []string
		for _, c := range bom.Components {
			got = append(got, c.Name+" "+c.Version)
		}
		if want := s.modules(t, platform); !slices.Equal(got, want) {
			t.Errorf("%s: got modules\n%v, want\n%v", platform, got, want)
		}
	}
}

// modules are those in the program, the standard library first.
func (s source) modules(t *testing.T, platform string) []string {
	t.Helper()
	data, _ := s.program(t, platform)
	info, err := buildinfo.Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	modules := []string{"std " + strings.TrimPrefix(info.GoVersion, "go")}
	for _, m := range info.Deps {
		modules = append(modules, m.Path+" "+m.Version)
	}
	if len(modules) < 10 {
		t.Fatalf("only %v", modules)
	}
	return modules
}

// cycloneDX compiles the schema that comes with CycloneDX's Go library.
func cycloneDX(t *testing.T) *jsonschema.Schema {
	t.Helper()
	here := source{dir: "."}
	dir := strings.TrimSpace(here.command(t, nil, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go"))
	c := jsonschema.NewCompiler()
	const at = "http://cyclonedx.org/schema/"
	for name, file := range map[string]string{"bom-1.6.schema.json": "", "spdx.schema.json": "", "jsf-0.82.schema.json": "jsf-0.82.schemax.json"} {
		if file == "" {
			file = name
		}
		data, err := os.ReadFile(filepath.Join(dir, "schema", file))
		if err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource(at+name, document); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := c.Compile(at + "bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}
