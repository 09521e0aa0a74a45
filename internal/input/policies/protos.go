package policies

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/discover"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/protofile"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// ProtoFlags are input.ProtoFlags that can load descriptors.
type ProtoFlags struct{ input.ProtoFlags }

// PathArguments treats each PATH like a value of the matching flag: sources for --proto,
// anything else for --descriptor-set.
func PathArguments(cmd *cobra.Command, args []string) error {
	for _, arg := range args {
		name := "descriptor-set"
		if info, err := os.Stat(arg); strings.HasSuffix(arg, ".proto") || err == nil && info.IsDir() {
			name = "proto"
		}
		if err := cmd.Flags().Set(name, arg); err != nil {
			return err
		}
	}
	return nil
}

// Load reads the given descriptors; none given is a usage error.
func (p *ProtoFlags) Load(ctx context.Context, d command.Deps) (*descset.Set, error) {
	if !p.Named() {
		return nil, fault.New(fault.UsageError, "descriptors", "no .proto files or descriptor set given").
			WithHint("add --proto FILE or --descriptor-set FILE, or protos: in %s", config.Name)
	}
	return p.load(ctx, d, protofile.Sources{ImportPaths: p.ImportPaths, Protos: p.Protos, DescriptorSets: p.Sets, Stdin: d.System.In, Rewrite: p.Rewrite})
}

func (p *ProtoFlags) load(ctx context.Context, d command.Deps, src protofile.Sources) (*descset.Set, error) {
	src.MaxBytes = p.Limit()
	set, err := protofile.Load(ctx, src)
	if err != nil {
		return nil, err
	}
	for _, w := range set.Warnings() {
		d.Warn("%s", w)
	}
	d.Detail("read %s", readWords(set.Spellings()))
	return set, nil
}

// readWords describes which annotations were read (A111): "3 annotations of jwtctl.v1 and
// 1 of kalix".
func readWords(counts map[string]int) string {
	var parts []string
	for _, pkg := range slices.Sorted(maps.Keys(counts)) {
		text := strconv.Itoa(counts[pkg])
		if len(parts) == 0 {
			text = console.Count(counts[pkg], "annotation", "annotations")
		}
		parts = append(parts, text+" of "+pkg)
	}
	if len(parts) == 0 {
		return "no annotations"
	}
	return strings.Join(parts, " and ")
}

// LoadOrFind is Load, except that without given descriptors it reads the annotated
// sources below the working folder, files next to them, files that declare one of the
// names, and their imports, however large the folder is. It fails if nothing is
// annotated.
func (p *ProtoFlags) LoadOrFind(ctx context.Context, d command.Deps, names []string) (*descset.Set, error) {
	if p.Named() {
		return p.Load(ctx, d)
	}
	tree, err := p.Find(ctx, d, ".")
	if err != nil {
		return nil, err
	}
	set, found, err := p.LoadFound(ctx, d, tree, names)
	if err == nil && found.IsPartial() {
		d.Info("checked %s", DescribeSearch(found, ""))
	}
	if err == nil && !set.Annotated() && len(names) == 0 {
		return nil, notAnnotated(tree)
	}
	return set, err
}

// Find searches sources below a folder, and warns of annotated ones that it skips.
func (p *ProtoFlags) Find(ctx context.Context, d command.Deps, dir string) (*discover.Tree, error) {
	tree, err := discover.Scan(ctx, dir)
	if err == nil {
		for _, file := range tree.Skipped() {
			d.Warn("%s: may have JWT annotations, but was skipped: hidden directories, node_modules and links are searched only if named", quote.Printable(file))
		}
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == fault.DescriptorUnreadable {
		return nil, f.WithHint("no input given, so everything below %s is searched: name .proto files, a directory or a descriptor set, as arguments or in %s", place(dir), config.Name)
	}
	if err == nil && tree.Len() == 0 {
		return nil, fault.New(fault.DescriptorUnreadable, dir, "contains no .proto files").
			WithHint("name .proto files, a directory or a descriptor set, as arguments or in %s (jwtctl init writes it)", config.Name)
	}
	return tree, err
}

// LoadFound reads from a tree what LoadOrFind would, and returns the selection.
func (p *ProtoFlags) LoadFound(ctx context.Context, d command.Deps, tree *discover.Tree, names []string, paths ...string) (*descset.Set, discover.Selection, error) {
	found := tree.Select(names, paths...)
	if len(found.Protos) == 0 {
		return nil, found, notAnnotated(tree)
	}
	src := protofile.Sources{ImportPaths: p.ImportPaths, Protos: found.Protos, Rewrite: p.Rewrite}
	if len(src.ImportPaths) == 0 {
		src.ImportPaths = found.ImportPaths
	}
	set, err := p.load(ctx, d, src)
	return set, found, err
}

// DescribeSearch describes what was read of a folder, after "looked at"; of says whose files they
// are, and may be empty.
func DescribeSearch(found discover.Selection, of string) string {
	return fmt.Sprintf("%d of %d .proto files%s: those with JWT annotations, and their directories; name a directory to check all of it", len(found.Protos), found.Total, of)
}

// notAnnotated returns the error for a folder without annotations: an unprotected folder
// must not look like one without problems.
func notAnnotated(tree *discover.Tree) error {
	return fault.New(fault.DescriptorUnreadable, tree.Dir(), "has no JWT annotations (.proto files searched: %d)", tree.Len()).
		WithHint("to check them anyway, name the files or the directory")
}

func place(dir string) string {
	if dir == "." {
		return "the current directory"
	}
	return dir
}

// Inputs returns the files that a result must not overwrite.
func (p *ProtoFlags) Inputs(set *descset.Set) []string {
	list := slices.Clone(p.Sets)
	for _, f := range set.Files() {
		list = append(list, f.Location)
	}
	return list
}
