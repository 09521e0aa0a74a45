package gittree

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Unignored reports whether `git add .` would take the file at path along: it is
// in a work tree, and no .gitignore or exclude file names it. Where git is not
// installed, or has no answer in two seconds, it reports false.
func Unignored(ctx context.Context, path string) bool {
	path, err := filepath.Abs(path)
	if err != nil || !below(filepath.Dir(path)) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	err = (&Tree{}).command(ctx, filepath.Dir(path), nil, "check-ignore", "--quiet", "--", path).Run()
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == 1 // 0: ignored; 128: no work tree
}

// below reports whether dir or a folder above it has a .git, so that git need not
// be started elsewhere.
func below(dir string) bool {
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); !errors.Is(err, fs.ErrNotExist) {
			return err == nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return false
		}
		dir = parent
	}
}

// IgnoreLine is the line for the .gitignore of a file's own folder that names the
// file called name, and no other (gitignore(5)).
func IgnoreLine(name string) string {
	escaped := strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, " ", `\ `).Replace(name)
	return "/" + escaped
}
