package keycmd

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/gittree"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// warnUnignored warns of a new private key that the next `git add .` would take
// along. It changes no file: the line to add is in the hint.
func warnUnignored(ctx context.Context, d command.Deps, path string) {
	warnUnignoredBy(ctx, d, path, gittree.IgnoreLine(filepath.Base(path)))
}

// warnUnignoredBy is warnUnignored with the line for the .gitignore of path's folder.
func warnUnignoredBy(ctx context.Context, d command.Deps, path, line string) {
	if !gittree.Unignored(ctx, path) {
		return
	}
	d.Danger("%s: git does not ignore it, so \"git add .\" would commit a private key", quote.Printable(path))
	print := "echo "
	if strings.Contains(line, `\`) { // which echo of some shells takes for an escape
		print = `printf '%s\n' `
	}
	d.Hint(print + quote.Shell(line) + " >>" + quote.ShellPath(filepath.Join(filepath.Dir(path), ".gitignore")))
}
