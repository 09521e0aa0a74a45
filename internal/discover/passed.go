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

// What is read of all folders that are passed over, together: names, and bytes of .proto
// files. It is for a warning alone, and must cost little.
const (
	passedEntries = 20_000
	passedBytes   = 32 << 20
)

// Passed returns an annotated file of each folder that Look passed over, and found one in
// before it had read 20,000 names or 32 MiB there: paths from the working folder.
func (t *Tree) Passed() []string { return t.passed }

// lookInto notes an annotated file of each folder. What a link leads to is looked into
// where it is not below t's folder, which has been looked through.
func (t *Tree) lookInto(ctx context.Context, folders []string) {
	home, err := realPath(t.dir)
	if err != nil {
		return
	}
	p := peek{tree: t, ctx: ctx, home: home}
	for _, dir := range folders {
		target, err := realPath(dir)
		if info, failed := os.Lstat(dir); err != nil || failed != nil || info.Mode()&fs.ModeSymlink != 0 && within(home, target) {
			continue
		}
		p.found = ""
		_ = filepath.WalkDir(target, p.visit)
		if relative, err := filepath.Rel(target, p.found); p.found != "" && err == nil {
			t.passed = append(t.passed, filepath.Join(dir, relative))
		}
	}
}

// peek is a search for one annotated file in folders that are passed over.
type peek struct {
	tree           *Tree
	ctx            context.Context
	home, found    string
	entries, bytes int
}

// visit is for filepath.WalkDir, which follows no links.
func (p *peek) visit(name string, d fs.DirEntry, err error) error {
	p.entries++
	switch {
	case p.ctx.Err() != nil || p.entries > passedEntries || p.bytes > passedBytes:
		return fs.SkipAll
	case err != nil:
		return nil
	case d.IsDir() && (d.Name() == ".git" || name == p.home): // a link can lead to what is around home
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

// realPath returns the absolute path that links lead to.
func realPath(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(absolute)
}

// within reports whether path is dir or below it.
func within(dir, path string) bool {
	relative, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(relative)
}
