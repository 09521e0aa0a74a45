// Command sbom writes the bill of materials of a Go program: CycloneDX 1.6 in
// JSON, with the modules that the linker noted in it, which is what is really
// inside. goreleaser runs it on every program of a release.
//
// The same program and date make the same bytes.
package main

import (
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: sbom PROGRAM VERSION DATE OUT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(program, version, date, out string) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	bom, err := describe(info, version, date)
	if err != nil {
		return err
	}
	var text strings.Builder
	if err := write(&text, bom); err != nil {
		return err
	}
	return os.WriteFile(out, []byte(text.String()), 0o644)
}

func write(w io.Writer, bom *cyclonedx.BOM) error {
	return cyclonedx.NewBOMEncoder(w, cyclonedx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cyclonedx.SpecVersion1_6)
}

// describe lists the modules of a program; date is in RFC 3339.
func describe(info *debug.BuildInfo, version, date string) (*cyclonedx.BOM, error) {
	program := component(cyclonedx.ComponentTypeApplication, info.Main.Path, version)
	components := []cyclonedx.Component{component(cyclonedx.ComponentTypeLibrary, "std", strings.TrimPrefix(info.GoVersion, "go"))}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := component(cyclonedx.ComponentTypeLibrary, m.Path, m.Version)
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:"))
		if err != nil || len(sum) != 32 {
			return nil, fmt.Errorf("%s %s: sum %q is no h1: of 32 bytes", m.Path, m.Version, m.Sum)
		}
		// go.sum's hash, which is SHA-256 over the module's list of files.
		c.Properties = &[]cyclonedx.Property{{Name: "go:sum:h1", Value: hex.EncodeToString(sum)}}
		components = append(components, c)
	}
	requires := make([]string, 0, len(components))
	for _, c := range components {
		requires = append(requires, c.BOMRef)
	}
	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{Timestamp: date, Component: &program, Properties: settings(info)}
	bom.Components = &components
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: program.BOMRef, Dependencies: &requires}}
	return bom, nil
}

// component names a module by its package URL.
func component(kind cyclonedx.ComponentType, path, version string) cyclonedx.Component {
	purl := "pkg:golang/" + path + "@" + version
	return cyclonedx.Component{BOMRef: purl, Type: kind, Name: path, Version: version, PackageURL: purl}
}

// settings are the build's platform and flags.
func settings(info *debug.BuildInfo) *[]cyclonedx.Property {
	var properties []cyclonedx.Property
	for _, s := range info.Settings {
		properties = append(properties, cyclonedx.Property{Name: "go:build:" + s.Key, Value: s.Value})
	}
	return &properties
}
