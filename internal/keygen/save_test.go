package keygen_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// pair returns the output that tests write to in dir.
func pair(dir string) keygen.Output {
	return keygen.Output{Private: filepath.Join(dir, "k.pem"), Public: filepath.Join(dir, "k.pub.pem"), Format: keygen.PEM}
}

// load returns the key in the file at path.
func load(t testing.TB, path string) *keys.Key {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(data))
}

func names(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

// TestS1_PrivateKeyIsForItsOwnerOnly: the private half is readable only by its owner and the public half by all;
// missing folders are created for the owner only.
func TestS1_PrivateKeyIsForItsOwnerOnly(t *testing.T) {
	for _, f := range []keygen.Format{keygen.PEM, keygen.JWK} {
		dir := t.TempDir()
		o := keygen.Output{Private: filepath.Join(dir, "a/b/k"), Public: filepath.Join(dir, "c/k.pub"), Format: f}
		k := generate(t, keygen.Request{Algorithm: keys.ES256})
		testkit.WantCode(t, keygen.Save(files.Writer{}, k, o), "")
		for name, mode := range map[string]fs.FileMode{"a": 0o700, "a/b": 0o700, "c": 0o700, "a/b/k": 0o600, "c/k.pub": 0o644} {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %v %v, want %o", name, info.Mode(), err, mode)
			}
		}
		private, public := load(t, o.Private), load(t, o.Public)
		if !private.CanSign() || public.CanSign() || !private.SameMaterial(k) || !public.SameMaterial(k) || private.ID() != k.ID() {
			t.Errorf("%s: %v and %v of %v", f, private, public, k)
		}
	}
}

// TestS2_ExistingFilesAreKept: existing files are kept unless Force is set, and the two halves may not
// have the same path, however spelled.
func TestS2_ExistingFilesAreKept(t *testing.T) {
	k := generate(t, keygen.Request{Algorithm: keys.EdDSA})
	for name, c := range map[string]struct {
		have   string // an existing file
		change func(*keygen.Output)
		code   fault.Code
	}{
		"no files":                   {"", nil, ""},
		"private file exists":        {"k.pem", nil, fault.FileExists},
		"public file exists":         {"k.pub.pem", nil, fault.FileExists},
		"private file exists, force": {"k.pem", func(o *keygen.Output) { o.Force = true }, ""},
		"public file exists, force":  {"k.pub.pem", func(o *keygen.Output) { o.Force = true }, ""},
		"same path":                  {"", func(o *keygen.Output) { o.Public = o.Private }, fault.FileConflict},
		"same path, force":           {"k.pem", func(o *keygen.Output) { o.Public, o.Force = o.Private, true }, fault.FileConflict},
		"same path, ./":              {"", func(o *keygen.Output) { o.Public = filepath.Dir(o.Private) + "/./k.pem" }, fault.FileConflict},
		"same path, ../": {"", func(o *keygen.Output) {
			o.Public = filepath.Dir(o.Private) + "/../" + filepath.Base(filepath.Dir(o.Private)) + "/k.pem"
		}, fault.FileConflict},
		"no public file": {"", func(o *keygen.Output) { o.Public = "" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := pair(dir)
			if c.have != "" {
				if err := os.WriteFile(filepath.Join(dir, c.have), []byte("old"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if c.change != nil {
				c.change(&o)
			}
			err := o.Check()
			testkit.WantCode(t, err, c.code)
			err = keygen.Save(files.Writer{}, k, o)
			testkit.WantCode(t, err, c.code)
			if c.code != "" {
				if fault.ClassOf(err) != fault.Usage || names(t, dir) != c.have {
					t.Errorf("class %d: got files %q, want %q", fault.ClassOf(err), names(t, dir), c.have)
				}
				return
			}
			if !load(t, o.Private).SameMaterial(k) {
				t.Error("another key was written")
			}
			if info, err := os.Stat(o.Private); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("got %v %v", info.Mode(), err)
			}
		})
	}
	dir := t.TempDir()
	o := pair(dir)
	if err := os.WriteFile(o.Private, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(o.Private, o.Public); err != nil {
		t.Fatal(err)
	}
	o.Force = true
	testkit.WantCode(t, keygen.Save(files.Writer{}, k, o), fault.FileConflict)
}

// TestS3_OnlyPlainFilesAreWritten: if one path is a link, a folder or a pipe, nothing is written.
func TestS3_OnlyPlainFilesAreWritten(t *testing.T) {
	k := generate(t, keygen.Request{Algorithm: keys.ES256})
	for _, place := range []string{"k.pem", "k.pub.pem"} {
		for kind, create := range map[string]func(path string) error{
			"link":   func(path string) error { return os.Symlink("elsewhere", path) },
			"folder": func(path string) error { return os.Mkdir(path, 0o755) },
		} {
			dir := t.TempDir()
			if err := create(filepath.Join(dir, place)); err != nil {
				t.Fatal(err)
			}
			o := pair(dir)
			o.Force = true
			err := keygen.Save(files.Writer{}, k, o)
			testkit.WantCode(t, err, fault.FileNotPlain)
			if names(t, dir) != place || fault.ClassOf(err) != fault.Undecided {
				t.Errorf("%s: got files %q, class %d, want %q, %d",
					kind, names(t, dir), fault.ClassOf(err), place, fault.Undecided)
			}
		}
	}
}

// TestS7_FailedSaveKeepsOldFiles: if the halves cannot be written, the old files remain.
func TestS7_FailedSaveKeepsOldFiles(t *testing.T) {
	dir := t.TempDir()
	old := generate(t, keygen.Request{Algorithm: keys.ES256})
	o := pair(dir)
	testkit.WantCode(t, keygen.Save(files.Writer{}, old, o), "")
	o.Force = true
	err := keygen.Save(files.Writer{Disk: fullDisk{}}, generate(t, keygen.Request{Algorithm: keys.ES256}), o)
	testkit.WantCode(t, err, fault.FileFailed)
	if !errors.Is(err, syscall.ENOSPC) || !load(t, o.Private).SameMaterial(old) || !load(t, o.Public).SameMaterial(old) {
		t.Errorf("%v; %s", err, names(t, dir))
	}
	blocked := pair(filepath.Join(o.Private, "folder"))
	testkit.WantCode(t, keygen.Save(files.Writer{}, old, blocked), fault.FileFailed)
}

// fullDisk is a disk on which no file can be created.
type fullDisk struct{ files.Disk }

func (fullDisk) CreateTemp(string, string) (files.File, error) { return nil, syscall.ENOSPC }

// TestEncodeEndsInOneNewline: a secret has no PEM form, and both forms end in one newline.
func TestEncodeEndsInOneNewline(t *testing.T) {
	secret := generate(t, keygen.Request{Algorithm: keys.HS256})
	_, err := keygen.Encode(secret, keygen.PEM)
	testkit.WantCode(t, err, fault.KeyIsSecret)
	dir := t.TempDir()
	testkit.WantCode(t, keygen.Save(files.Writer{}, secret, pair(dir)), fault.KeyIsSecret)
	o := pair(dir)
	o.Format = keygen.JWK
	testkit.WantCode(t, keygen.Save(files.Writer{}, secret, o), fault.KeyIsSecret)
	if left := names(t, dir); left != "" {
		t.Errorf("got files %s, want none", left)
	}
	for _, f := range []keygen.Format{keygen.PEM, keygen.JWK} {
		text, err := keygen.Encode(generate(t, keygen.Request{Algorithm: keys.ES256}), f)
		if err != nil || !strings.HasSuffix(string(text), "\n") || strings.HasSuffix(string(text), "\n\n") {
			t.Errorf("%s: got %q %v", f, text, err)
		}
	}
}
