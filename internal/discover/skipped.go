package discover

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
)

// Limits for all skipped folders together: names, and bytes of .proto files. They are
// searched only for a warning, which must be cheap.
const (
	maxSkippedEntries = 20_000
	maxSkippedBytes   = 32 << 20
)

// Skipped returns an annotated file in each folder that Scan skipped, if one was found
// within 20,000 names and 32 MiB, as paths from the working folder.
func (t *Tree) Skipped() []string { return t.skipped }

// scanFolders records an annotated file of each folder. It searches the target of a link if
// that is not below t's folder, which has been searched.
func (t *Tree) scanFolders(ctx context.Context, folders []string) {
	home, err := files.RealPath(t.dir)
	if err != nil {
		return
	}
	p := skippedScan{tree: t, ctx: ctx, home: home}
	for _, dir := range folders {
		target, err := files.RealPath(dir)
		if info, failed := os.Lstat(dir); err != nil || failed != nil || info.Mode()&fs.ModeSymlink != 0 && within(home, target) {
			continue
		}
		p.found = ""
		_ = filepath.WalkDir(target, p.visit)
		if relative, err := filepath.Rel(target, p.found); p.found != "" && err == nil {
			t.skipped = append(t.skipped, filepath.Join(dir, relative))
		}
	}
}

// skippedScan searches skipped folders for one annotated file.
type skippedScan struct {
	tree           *Tree
	ctx            context.Context
	home, found    string
	entries, bytes int
}

// visit is for filepath.WalkDir, which follows no links.
func (p *skippedScan) visit(name string, d fs.DirEntry, err error) error {
	p.entries++
	switch {
	case p.ctx.Err() != nil || p.entries > maxSkippedEntries || p.bytes > maxSkippedBytes:
		return fs.SkipAll
	case err != nil:
		return nil
	case d.IsDir() && (d.Name() == ".git" || name == p.home): // a link can lead to a parent of home
		return fs.SkipDir
	case !d.Type().IsRegular() || !strings.HasSuffix(name, ".proto"):
		return nil
	}
	text, err := files.Read(name, MaxSource, fault.DescriptorUnreadable)
	if err != nil {
		return nil
	}
	p.bytes += len(text)
	if p.tree.mentions(text) {
		if pkg, _ := p.tree.reader.read(text); !p.tree.isSchema(filepath.ToSlash(name), pkg, text) {
			p.found = name
			return fs.SkipAll
		}
	}
	return nil
}

// within reports whether path is dir or below it.
func within(dir, path string) bool {
	relative, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(relative)
}
