package policycmd

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/input/policies"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/respell"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const convertText = `Convert the JWT annotations in .proto files from package kalix, such as
(kalix.method).jwt, to package jwtctl.v1, such as (jwtctl.v1.method).

PATH is a .proto file, a directory of them, or a pattern; the default is the
files listed in jwtctl.yaml. The changes are printed as a diff; --write changes
the files instead. Comments, formatting and all other options are kept.

Before it prints or writes anything, jwtctl compiles the converted files and
compares the policies: explain and lint must report the same for both.`

const convertExample = `  jwtctl convert .
  jwtctl convert --write proto
  jwtctl convert proto/shop.proto | git apply`

type convertOptions struct {
	protos policies.ProtoFlags
	write  bool
}

// Convert returns the command.
func Convert(d command.Deps) *cobra.Command {
	var o convertOptions
	cmd := &cobra.Command{
		Use:     "convert [PATH…]",
		Short:   "Convert annotations in .proto files from kalix to jwtctl.v1",
		Long:    convertText,
		Example: convertExample,
		Args:    policies.PathArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runConvert(cmd.Context(), d, o)
		},
	}
	fs := cmd.Flags()
	o.protos.Register(fs)
	fs.BoolVarP(&o.write, "write", "w", false, "change the files instead of printing a diff")
	settings.FlagOnly(fs, "write")
	return cmd
}

// rewritten is a file to change.
type rewritten struct {
	old, now []byte
	found    int // annotations
}

func runConvert(ctx context.Context, d command.Deps, o convertOptions) error {
	if !o.protos.Named() {
		return fault.New(fault.UsageError, "convert", "no .proto file given").WithHint("for this directory and everything below, run jwtctl convert .")
	}
	set, err := o.protos.Load(ctx, d)
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for _, f := range set.Files() {
		if !f.Import && f.IsSource() {
			named[f.Location] = true
		}
	}
	if len(named) == 0 {
		return fault.New(fault.UsageError, "convert", "only .proto files can be rewritten, not descriptor sets").WithHint("run jwtctl convert DIR")
	}
	list, err := convertAll(ctx, d, o.protos, set, named)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		d.Info("no kalix annotations found, nothing to do")
		return nil
	}
	if o.write {
		return writeAll(d, list)
	}
	for _, path := range slices.Sorted(maps.Keys(list)) {
		name := filepath.ToSlash(path)
		text := diff.Diff("a/"+name, list[path].old, "b/"+name, list[path].now)
		_ = d.Print("%s", printablePatch(string(text)))
	}
	d.Info("%s; add --write to change the files", conversionSummary(list))
	return nil
}

// convertAll returns the converted files, after compiling them and checking that the
// policy is unchanged.
func convertAll(ctx context.Context, d command.Deps, protos policies.ProtoFlags, set *descset.Set, named map[string]bool) (map[string]rewritten, error) {
	var list map[string]rewritten
	compile := func(keepImports bool) error {
		var mu sync.Mutex
		list = map[string]rewritten{}
		protos.Rewrite = func(where string, text []byte) ([]byte, error) {
			if !named[where] {
				return text, nil
			}
			now, found, err := respell.Source(where, text, keepImports)
			if err != nil || found == 0 {
				return text, err
			}
			mu.Lock()
			defer mu.Unlock()
			list[where] = rewritten{text, now, found}
			return now, nil
		}
		after, err := protos.Load(ctx, d)
		if err != nil {
			return err
		}
		return respell.Same(policy.Read(set), policy.Read(after))
	}
	err := compile(false)
	if err == nil {
		return list, nil
	}
	if compile(true) == nil { // a file needs the vendor's import without naming it
		return list, nil
	}
	for _, one := range fault.All(err) {
		if f, ok := errors.AsType[*fault.Error](one); ok {
			return nil, f.WithHint("no file was changed; the position is in the rewritten file")
		}
	}
	return nil, err
}

// writeAll writes all files of list or none: if one fails, the ones before it are
// restored.
func writeAll(d command.Deps, list map[string]rewritten) error {
	var done []string
	write := func(path string, data []byte) error {
		mode := fs.FileMode(0o644)
		if info, err := os.Stat(path); err == nil {
			mode = info.Mode().Perm()
		}
		return (files.Writer{}).Write(path, data, mode, true)
	}
	paths := slices.Sorted(maps.Keys(list))
	for _, path := range paths {
		if err := files.CheckTarget(path, true); err != nil {
			return err
		}
	}
	for _, path := range paths {
		if err := write(path, list[path].now); err != nil {
			for _, other := range done {
				err = errors.Join(err, write(other, list[other].old))
			}
			return err
		}
		done = append(done, path)
	}
	for _, path := range paths {
		d.Info("%s: %s", path, annotations(list[path].found))
	}
	return nil
}

func conversionSummary(list map[string]rewritten) string {
	found := 0
	for _, one := range list {
		found += one.found
	}
	return annotations(found) + " in " + console.Count(len(list), "file", "files")
}

func annotations(n int) string { return console.Count(n, "annotation", "annotations") }

// printablePatch escapes what a terminal would interpret (S70), except line ends of both
// kinds, so that an ordinary patch can be applied.
func printablePatch(text string) string {
	lines := strings.Split(text, "\r\n")
	for i := range lines {
		lines[i] = quote.EscapeControls(lines[i])
	}
	return strings.Join(lines, "\r\n")
}
