package keycmd

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/gittree"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// warnNotIgnored warns of a new private key that the next `git add .` would include. It
// changes no file: the hint has the line to add.
func warnNotIgnored(ctx context.Context, d command.Deps, path string) {
	warnNotIgnoredBy(ctx, d, path, gittree.IgnoreLine(filepath.Base(path)))
}

// warnNotIgnoredBy is warnNotIgnored with a line for the .gitignore in path's folder.
func warnNotIgnoredBy(ctx context.Context, d command.Deps, path, line string) {
	if !gittree.NotIgnored(ctx, path) {
		return
	}
	d.AlwaysWarn("%s: git does not ignore it, so \"git add .\" would commit a private key", quote.Printable(path))
	show := "echo "
	if strings.Contains(line, `\`) { // some shells' echo interprets it
		show = `printf '%s\n' `
	}
	d.Hint(show + quote.Shell(line) + " >>" + quote.ShellPath(filepath.Join(filepath.Dir(path), ".gitignore")))
}
