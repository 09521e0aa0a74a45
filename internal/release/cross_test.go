//go:build shipping

package release

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jwtctl/jwtctl/internal/cli" // so that go test runs these again when the program changes
)

// TestCross: the program builds for every platform for which archives are made, without
// cgo.
func TestCross(t *testing.T) {
	t.Parallel()
	if out, err := exec.CommandContext(t.Context(), "make", "-s", "-C", root, "cross").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, platform := range []string{"linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64", "windows-amd64", "windows-arm64"} {
		t.Run(platform, func(t *testing.T) {
			path := filepath.Join(root, "bin/cross/jwtctl-"+platform)
			if strings.HasPrefix(platform, "windows") {
				path += ".exe"
			}
			if got := platformOf(t, path); got != platform {
				t.Errorf("got a program for %q, want %q", got, platform)
			}
			info, err := buildinfo.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range info.Settings {
				if s.Key == "CGO_ENABLED" && s.Value != "0" {
					t.Error("built with cgo")
				}
			}
			if program, err := os.ReadFile(path); err != nil || bytes.Contains(program, []byte("text/template.(*state)")) {
				t.Errorf("%v, or the program links text/template, which keeps the methods of all types: use internal/template", err)
			}
			if size, err := os.Stat(path); err != nil || size.Size() > 38<<20 {
				t.Errorf("%v, got %d MB, want at most 38", err, size.Size()>>20)
			}
		})
	}
}

// platformOf returns the platform that a program is for; "" if unknown.
func platformOf(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if p, err := elf.NewFile(f); err == nil {
		return map[elf.Machine]string{elf.EM_X86_64: "linux-amd64", elf.EM_AARCH64: "linux-arm64"}[p.Machine]
	}
	if p, err := macho.NewFile(f); err == nil {
		return map[macho.Cpu]string{macho.CpuAmd64: "darwin-amd64", macho.CpuArm64: "darwin-arm64"}[p.Cpu]
	}
	if p, err := pe.NewFile(f); err == nil {
		return map[uint16]string{pe.IMAGE_FILE_MACHINE_AMD64: "windows-amd64", pe.IMAGE_FILE_MACHINE_ARM64: "windows-arm64"}[p.Machine]
	}
	return ""
}
