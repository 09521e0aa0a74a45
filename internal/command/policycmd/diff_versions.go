package policycmd

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/discover"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/input/policies"
)

// loadBoth reads the new version and the old one. If no paths are given, each is what is
// annotated in it, plus the declarations of services and messages annotated in the other:
// a service that lost all its annotations, or moved to another file without them, must
// not look as if it had been removed.
func loadBoth(ctx context.Context, d command.Deps, o diffOptions) (now *descset.Set, old *oldVersion, err error) {
	if o.protos.Named() {
		if now, err = o.protos.Load(ctx, d); err != nil {
			return nil, nil, err
		}
		old, err = loadAgainst(ctx, d, o, nil)
		return now, old, err
	}
	tree, err := o.protos.Find(ctx, d, ".")
	if err != nil {
		return nil, nil, err
	}
	if old, err = loadAgainst(ctx, d, o, tree); err != nil {
		return nil, nil, err
	}
	now, found, err := o.protos.LoadFound(ctx, d, tree, old.names, old.annotated...)
	switch {
	case err != nil:
	case found.IsPartial() && old.found.IsPartial():
		d.Info("checked %d of %d .proto files of the old version, and %s", len(old.found.Protos), old.found.Total, policies.DescribeSearch(found, " of the new one"))
	case found.IsPartial():
		d.Info("checked %s", policies.DescribeSearch(found, " of the new version"))
	case old.found.IsPartial():
		d.Info("checked %s", policies.DescribeSearch(old.found, " of the old version"))
	}
	if err == nil && !now.Annotated() && !old.set.Annotated() {
		err = fault.New(fault.DescriptorUnreadable, "descriptors", "neither version has a JWT annotation").
			WithHint("to compare them anyway, name the files or the directory")
	}
	return now, old, err
}

// loadAgainst reads the old version. tree is the new one if no paths are given, and nil
// otherwise.
func loadAgainst(ctx context.Context, d command.Deps, o diffOptions, tree *discover.Tree) (*oldVersion, error) {
	if rev, isRev := strings.CutPrefix(o.against, "git:"); isRev {
		return loadRevision(ctx, d, o, rev, tree)
	}
	old := policies.ProtoFlags{}
	version := &oldVersion{}
	info, err := os.Stat(o.against)
	isDir := err == nil && info.IsDir()
	switch {
	case isDir && tree != nil:
		if err := version.find(ctx, d, policies.ProtoFlags{ProtoFlags: input.ProtoFlags{ImportPaths: o.protos.ImportPaths}}, o.against, tree); err != nil {
			return nil, err
		}
	case isDir:
		old.Protos, old.ImportPaths = []string{o.against}, append([]string{o.against}, o.protos.ImportPaths...)
	case strings.HasSuffix(o.against, ".proto"):
		old.Protos, old.ImportPaths = []string{o.against}, o.protos.ImportPaths
	default:
		old.Sets = []string{o.against}
	}
	if version.set == nil {
		if version.set, err = old.Load(ctx, d); err != nil {
			return nil, withRevisionHint(err, o.against)
		}
		version.names = declaredIn(version.set)
	}
	if isDir {
		version.readConfig(d, filepath.Join(o.against, config.Name))
	}
	return version, nil
}

// find reads what is annotated below dir, and the declarations of what is annotated in
// now. A version with neither has an empty policy.
func (v *oldVersion) find(ctx context.Context, d command.Deps, protos policies.ProtoFlags, dir string, now *discover.Tree) error {
	tree, err := discover.Scan(ctx, dir)
	if err != nil {
		return err
	}
	v.names, v.annotated = tree.Declared(), tree.Annotated()
	if len(tree.Select(now.Declared(), now.Annotated()...).Protos) == 0 {
		schema, err := descset.LoadSchema()
		if err != nil {
			return err
		}
		v.set, err = descset.Link(schema)
		return err
	}
	v.set, v.found, err = protos.LoadFound(ctx, d, tree, now.Declared(), now.Annotated()...)
	return err
}

// declaredIn returns the names of the services and messages in a set.
func declaredIn(set *descset.Set) (names []string) {
	for _, s := range set.Services() {
		names = append(names, string(s.Name()))
	}
	for _, m := range set.Messages() {
		names = append(names, string(m.Name()))
	}
	return names
}
