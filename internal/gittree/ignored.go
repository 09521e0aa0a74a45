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

// NotIgnored reports whether `git add .` would add the file at path: it is in a work tree,
// and no .gitignore or exclude file matches it. If git is not installed, or does not
// respond within half a minute, it returns false.
func NotIgnored(ctx context.Context, path string) bool {
	path, err := filepath.Abs(path)
	if err != nil || !below(filepath.Dir(path)) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = (&Tree{}).command(ctx, filepath.Dir(path), nil, "check-ignore", "--quiet", "--", path).Run()
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == 1 // 0: ignored; 128: no work tree
}

// patience is long, since a file that is not named to its owner may be committed.
const patience = 30 * time.Second

// below reports whether dir or a parent has a .git; otherwise git need not be started.
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

// IgnoreLine returns a line for the .gitignore in a file's folder that matches only the
// file called name (gitignore(5)).
func IgnoreLine(name string) string {
	escaped := strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, " ", `\ `).Replace(name)
	return "/" + escaped
}
