package goreleaser_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sassoftware/go-rpmutils"
)

// file is a file of an archive.
type file struct {
	data     []byte
	modified time.Time
	link     string // target of a symbolic link
}

type files map[string]file

func (f files) names() []string { return slices.Sorted(maps.Keys(f)) }

// unpack reads the archive for a platform.
func (s source) unpack(t *testing.T, platform string) files {
	t.Helper()
	name := "dist/jwtctl_" + version + "_" + platform
	if strings.HasPrefix(platform, "windows") {
		return unzip(t, s.read(t, name+".zip"))
	}
	return untar(t, s.read(t, name+".tar.gz"))
}

// program returns the program for a platform, and its file.
func (s source) program(t *testing.T, platform string) ([]byte, string) {
	t.Helper()
	name := "jwtctl"
	if strings.HasPrefix(platform, "windows") {
		name += ".exe"
	}
	data := s.unpack(t, platform)[name].data
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return data, path
}

// untar reads a compressed tar archive of one or, like apk, several parts.
func untar(t *testing.T, archive string) files {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	all := files{}
	r := tar.NewReader(z)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeSymlink {
			continue
		}
		// Links in apk only have numbers.
		named := h.Typeflag != tar.TypeSymlink
		if (h.Uid != 0 || h.Gid != 0 || named && (h.Uname != "root" || h.Gname != "root")) && !strings.HasPrefix(h.Name, ".") { // except apk's metadata
			t.Errorf("%s belongs to %s:%s", h.Name, h.Uname, h.Gname)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[h.Name] = file{data, h.ModTime, h.Linkname}
	}
}

func unzip(t *testing.T, archive string) files {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	all := files{}
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		data, err := fs.ReadFile(z, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name] = file{data, f.Modified, ""}
	}
	return all
}

// otherPackages: rpm and apk contain the same as deb, in their own places.
func (s source) otherPackages(t *testing.T) {
	want := []string{"usr/bin/jwtctl", "usr/share/licenses/jwtctl/LICENSE", "usr/share/bash-completion/completions/jwtctl",
		"usr/share/zsh/site-functions/_jwtctl", "usr/share/fish/vendor_completions.d/jwtctl.fish"}
	for _, page := range s.manPages(t) {
		want = append(want, "usr/share/man/man1/"+page+".gz")
	}
	want = append(want, slices.Collect(maps.Keys(links))...)
	slices.Sort(want)
	packed, err := rpmutils.ReadRpm(strings.NewReader(s.read(t, "dist/jwtctl-0.1.0~snapshot-1.x86_64.rpm")))
	if err != nil {
		t.Fatal(err)
	}
	infos, err := packed.Header.GetFiles()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range infos {
		switch name := strings.TrimPrefix(f.Name(), "/"); f.Mode() & 0o170000 {
		case 0o120000: // a link
			if f.Linkname() != links[name] {
				t.Errorf("rpm: %s is a link to %q, want %q", name, f.Linkname(), links[name])
			}
			got = append(got, name)
		case 0o100000: // a regular file
			got = append(got, name)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("rpm: got files\n%v, want\n%v", got, want)
	}
	apk := untar(t, s.read(t, "dist/jwtctl_0.1.0_snapshot_x86_64.apk"))
	got = slices.DeleteFunc(apk.names(), func(name string) bool { return strings.HasPrefix(name, ".") }) // its metadata
	if !slices.Equal(got, want) {
		t.Errorf("apk: got files\n%v, want\n%v", got, want)
	}
	for link, target := range links {
		if apk[link].link != target {
			t.Errorf("apk: %s is a link to %q, want %q", link, apk[link].link, target)
		}
	}
	once, _ := s.program(t, "linux_amd64")
	if !bytes.Equal(apk["usr/bin/jwtctl"].data, once) {
		t.Error("the program in the apk differs from the archive's")
	}
}

// checkProgram: a program for that platform that needs no other file to run.
func checkProgram(t *testing.T, data []byte, platform string) {
	t.Helper()
	r := bytes.NewReader(data)
	got := ""
	if f, err := elf.NewFile(r); err == nil {
		got = map[elf.Machine]string{elf.EM_X86_64: "linux_amd64", elf.EM_AARCH64: "linux_arm64"}[f.Machine]
		if libraries, err := f.ImportedLibraries(); err != nil || len(libraries) > 0 || f.Section(".interp") != nil || f.Section(".symtab") != nil {
			t.Errorf("not static, or not stripped: %v %v", libraries, err)
		}
	} else if f, err := macho.NewFile(r); err == nil {
		got = map[macho.Cpu]string{macho.CpuAmd64: "darwin_amd64", macho.CpuArm64: "darwin_arm64"}[f.Cpu]
	} else if f, err := pe.NewFile(r); err == nil {
		got = map[uint16]string{pe.IMAGE_FILE_MACHINE_AMD64: "windows_amd64", pe.IMAGE_FILE_MACHINE_ARM64: "windows_arm64"}[f.Machine]
	}
	if got != platform {
		t.Errorf("got a program for %q, want %q", got, platform)
	}
	info, err := buildinfo.Read(r)
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	for key, want := range map[string]string{"CGO_ENABLED": "0", "-trimpath": "true", "vcs.modified": "false"} {
		if settings[key] != want {
			t.Errorf("built with %s=%s, want %s", key, settings[key], want)
		}
	}
	if len(data) > 30<<20 {
		t.Errorf("got %d MB, want at most 30", len(data)>>20)
	}
}

// tree lists the files under a folder.
func tree(t *testing.T, root string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(path, root+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}
