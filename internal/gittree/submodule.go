package gittree

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// maxDepth is the maximum nesting of submodules.
const maxDepth = 8

// extractModules extracts the submodules of a tree, and records missing ones.
func (t *Tree) extractModules(ctx context.Context, into string, modules []blob, keep func(path string) bool) (files int, err error) {
	for _, m := range modules {
		sub := t.module(ctx, m)
		if sub == nil || sub.depth > maxDepth {
			t.MissingModules = append(t.MissingModules, m.path)
			continue
		}
		n, err := sub.Extract(ctx, filepath.Join(into, filepath.FromSlash(m.path)), func(path string) bool { return keep(m.path + "/" + path) })
		if err != nil {
			return files, err
		}
		files += n
		for _, path := range sub.MissingModules {
			t.MissingModules = append(t.MissingModules, m.path+"/"+path)
		}
	}
	return files, nil
}

// module returns the tree of a submodule at the commit m, from its work tree or from
// git's own copy, or nil if neither has that commit.
func (t *Tree) module(ctx context.Context, m blob) *Tree {
	var dirs []string
	work := filepath.Join(t.Top, filepath.FromSlash(m.path))
	if _, err := os.Stat(filepath.Join(work, ".git")); err == nil && t.gitDir == "" {
		if dir, err := t.git(ctx, work, "rev-parse", "--absolute-git-dir"); err == nil {
			dirs = append(dirs, strings.TrimSpace(string(dir)))
		}
	}
	common := t.gitDir
	if common == "" {
		if dir, err := t.git(ctx, t.Top, "rev-parse", "--path-format=absolute", "--git-common-dir"); err == nil {
			common = strings.TrimSpace(string(dir))
		}
	}
	for _, name := range []string{t.moduleName(ctx, m.path), m.path} {
		if name != "" && common != "" && filepath.IsLocal(filepath.FromSlash(name)) {
			dirs = append(dirs, filepath.Join(common, "modules", filepath.FromSlash(name)))
		}
	}
	for _, dir := range dirs {
		sub := &Tree{Top: dir, rev: t.rev + "/" + m.path, commit: m.id, gitDir: dir, depth: t.depth + 1}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		if _, err := sub.git(ctx, dir, "cat-file", "-e", m.id+"^{commit}"); err == nil {
			return sub
		}
	}
	return nil
}

// moduleName returns the name of the submodule at path in the revision's .gitmodules, or
// "".
func (t *Tree) moduleName(ctx context.Context, path string) string {
	list, err := t.git(ctx, t.Top, "config", "--blob", t.commit+":.gitmodules", "--null", "--get-regexp", `^submodule\..*\.path$`)
	if err != nil {
		return ""
	}
	for entry := range strings.SplitSeq(string(list), "\x00") {
		if key, value, _ := strings.Cut(entry, "\n"); value == path {
			return strings.TrimSuffix(strings.TrimPrefix(key, "submodule."), ".path")
		}
	}
	return ""
}
