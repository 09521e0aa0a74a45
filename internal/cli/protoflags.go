package cli

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// protoFlags say where descriptors come from.
type protoFlags struct {
	importPaths []string
	protos      []string
	sets        []string
}

func (p *protoFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVarP(&p.importPaths, "proto-path", "I", nil, "folder `DIR` that imports start from; repeatable. kalix/*.proto and google/api/*.proto are at hand without")
	fs.StringArrayVar(&p.protos, "proto", nil, ".proto `FILE`, folder, or pattern with * and **; repeatable")
	fs.StringArrayVar(&p.sets, "descriptor-set", nil, "descriptor set or Buf image `FILE` (also --protoset, --descriptor_set_in); repeatable")
	settings.Paths(fs, "proto-path", "proto", "descriptor-set")
	settings.KeyedAs(fs, "proto-path", "proto_paths")
	settings.KeyedAs(fs, "proto", "protos")
	settings.KeyedAs(fs, "descriptor-set", "descriptor_sets")
	settings.Exclusive(fs, "proto", "descriptor-set") // one of them given is the whole input
	fs.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		switch name {
		case "protoset", "descriptor_set_in": // as grpcurl and protoc call it
			name = "descriptor-set"
		}
		return pflag.NormalizedName(name)
	})
}

// pathArguments takes each PATH for the flag that it could have been given as:
// sources for --proto, anything else for --descriptor-set.
func pathArguments(cmd *cobra.Command, args []string) error {
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

// load reads the descriptors. Where nothing names any, they are the sources in
// the folder fallback; if that is empty too, it is a usage error.
func (p *protoFlags) load(ctx context.Context, a *app, fallback string) (*descset.Set, error) {
	src := descset.Sources{ImportPaths: p.importPaths, Protos: p.protos, DescriptorSets: p.sets, Stdin: a.System.In}
	if len(src.Protos)+len(src.DescriptorSets) == 0 {
		if fallback == "" {
			return nil, fault.New(fault.UsageError, "descriptors", "neither a .proto file nor a descriptor set is named").
				WithHint("--proto FILE or --descriptor-set FILE, or protos: in %s", settings.Name)
		}
		src.Protos = []string{fallback}
	}
	set, err := descset.Load(ctx, src)
	if err != nil {
		return nil, p.withHint(a, err, fallback)
	}
	for _, w := range set.Warnings() {
		a.Warn("%s", w)
	}
	return set, nil
}

// withHint says what named a path that cannot be read.
func (p *protoFlags) withHint(a *app, err error, fallback string) error {
	var f *fault.Error
	if len(p.protos)+len(p.sets) == 0 && errors.As(err, &f) && f.What == fallback {
		return f.WithHint("name .proto files, a folder or a descriptor set, here or in %s, which jwtctl init writes", settings.Name)
	}
	return err
}

// inputs returns the files that a result must not overwrite.
func (p *protoFlags) inputs(set *descset.Set) []string {
	list := slices.Clone(p.sets)
	for _, f := range set.Files() {
		list = append(list, f.Where)
	}
	return list
}
