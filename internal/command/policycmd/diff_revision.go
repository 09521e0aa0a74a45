package policycmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/discover"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/gittree"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/input/policies"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// loadRevision reads the state of the new version's paths in revision rev, or everything
// annotated there if the new version is a tree.
func loadRevision(ctx context.Context, d command.Deps, o diffOptions, rev string, tree *discover.Tree) (*oldVersion, error) {
	if rev == "" {
		return nil, fault.New(fault.UsageError, "--against", "git: needs a revision").WithHint("name one, as in --against git:origin/main")
	}
	git, err := gittree.Open(ctx, ".", rev)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "jwtctl-diff-")
	if err != nil {
		return nil, fault.New(fault.FileFailed, "a temporary directory", "%w", files.Reason(err))
	}
	defer func() { _ = os.RemoveAll(dir) }()

	r := revision{tree: git, dir: dir}
	now := o.protos
	if tree != nil {
		now.Protos = []string{"."}
	}
	old := policies.ProtoFlags{ProtoFlags: input.ProtoFlags{ImportPaths: r.paths(now.ImportPaths), Protos: r.paths(now.Protos), Sets: r.paths(now.Sets)}}
	configured := ""
	if path := d.Settings.Path; path != "" {
		configured = r.path(path)
	}
	n, err := git.Extract(ctx, dir, func(path string) bool {
		return strings.HasSuffix(path, ".proto") || filepath.Join(dir, filepath.FromSlash(path)) == configured || slices.Contains(old.Sets, filepath.Join(dir, filepath.FromSlash(path)))
	})
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(configured); configured != "" && err == nil {
		n--
	}
	old.ImportPaths, old.Protos = slices.DeleteFunc(old.ImportPaths, r.isMissing), slices.DeleteFunc(old.Protos, r.isMissing)
	if n == 0 || !slices.ContainsFunc(append(slices.Clone(old.Protos), old.Sets...), r.hasFile) {
		return nil, fault.New(fault.FileFailed, o.against, "contains none of the compared paths").WithHint("name a revision or paths that are in both versions")
	}
	version := &oldVersion{dir: dir, source: o.against, top: git.Up(), missingModules: git.MissingModules}
	if tree != nil {
		err = version.find(ctx, d, policies.ProtoFlags{ProtoFlags: input.ProtoFlags{ImportPaths: old.ImportPaths}}, r.path("."), tree)
	} else {
		version.set, err = old.Load(ctx, d)
	}
	if err != nil {
		return nil, version.rename(err)
	}
	if configured != "" && r.hasFile(configured) {
		version.readConfig(d, configured)
	}
	return version, nil
}

// revision maps paths in the working folder to extracted ones.
type revision struct {
	tree *gittree.Tree
	dir  string
}

func (r revision) paths(list []string) []string {
	var out []string
	for _, p := range list {
		out = append(out, r.path(p))
	}
	return out
}

// path returns the extracted path of p; paths outside of the repository are unchanged.
func (r revision) path(p string) string {
	inside := filepath.Join(filepath.FromSlash(r.tree.Prefix), p)
	if filepath.IsAbs(p) {
		relative, err := filepath.Rel(r.tree.Top, p)
		if err != nil {
			return p
		}
		inside = relative
	}
	if inside != "." && !filepath.IsLocal(inside) {
		return p
	}
	return filepath.Join(r.dir, inside)
}

// isMissing reports whether the revision has nothing at path; a pattern may match nothing.
func (r revision) isMissing(path string) bool {
	base, _ := files.SplitPattern(path)
	_, err := os.Stat(base)
	return err != nil
}

// hasFile reports whether path was extracted: a file outside of the repository has no older
// version in it, and would be compared with itself.
func (r revision) hasFile(path string) bool {
	inside, err := filepath.Rel(r.dir, path)
	return err == nil && filepath.IsLocal(inside)
}

// rename replaces the folder in errors by the revision.
func (v *oldVersion) rename(err error) error {
	return fault.Map(err, func(f *fault.Error) error {
		return &fault.Error{Code: f.Code, What: v.withRevision(f.What), Reason: v.withRevision(f.Reason), Hint: v.hint(f)}
	})
}

// hint returns the hint of f, or that an import may be in a missing submodule.
func (v *oldVersion) hint(f *fault.Error) string {
	if f.Code != fault.ImportNotFound || len(v.missingModules) == 0 {
		return f.Hint
	}
	return fmt.Sprintf("the commit of submodule %s is not in this clone: run git submodule update --init, or git fetch in the submodule", strings.Join(v.missingModules, ", "))
}

// withRevisionHint adds how --against names a revision.
func withRevisionHint(err error, against string) error {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.What == against && errors.Is(err, fs.ErrNotExist) {
		return f.WithHint("for a branch, tag or commit, use --against %s", quote.Shell("git:"+against))
	}
	return err
}
