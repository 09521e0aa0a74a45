package input

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/protofile"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// ProtoFlags say where descriptors come from.
type ProtoFlags struct {
	ImportPaths []string
	Protos      []string
	Sets        []string
	// Rewrite is that of protofile.Sources.
	Rewrite func(where string, text []byte) ([]byte, error)
}

// Register adds the flags.
func (p *ProtoFlags) Register(fs *pflag.FlagSet) {
	fs.StringArrayVarP(&p.ImportPaths, "proto-path", "I", nil, "folder `DIR` that imports start from; repeatable. kalix/*.proto, google/{api,rpc,type,longrunning}, validate, buf/validate and protoc-gen-openapiv2 are built in")
	fs.StringArrayVar(&p.Protos, "proto", nil, ".proto `FILE` (from the working folder, else from an import path), folder, or pattern with * and **; repeatable")
	fs.StringArrayVar(&p.Sets, "descriptor-set", nil, "descriptor set or Buf image `FILE` (also --protoset, --descriptor_set_in); repeatable")
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

// PathArguments takes each PATH for the flag that it could have been given as:
// sources for --proto, anything else for --descriptor-set.
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

// Load reads the descriptors. Where nothing names any, they are the sources in
// the folder fallback; if that is empty too, it is a usage error.
func (p *ProtoFlags) Load(ctx context.Context, d command.Deps, fallback string) (*descset.Set, error) {
	src := protofile.Sources{ImportPaths: p.ImportPaths, Protos: p.Protos, DescriptorSets: p.Sets, Stdin: d.System.In, Rewrite: p.Rewrite}
	if len(src.Protos)+len(src.DescriptorSets) == 0 {
		if fallback == "" {
			return nil, fault.New(fault.UsageError, "descriptors", "no .proto file or descriptor set is named").
				WithHint("--proto FILE or --descriptor-set FILE, or protos: in %s", config.Name)
		}
		src.Protos = []string{fallback}
	}
	set, err := protofile.Load(ctx, src)
	if err != nil {
		return nil, p.withHint(d, err, fallback)
	}
	for _, w := range set.Warnings() {
		d.Warn("%s", w)
	}
	return set, nil
}

// withHint says what named a path that cannot be read.
func (p *ProtoFlags) withHint(d command.Deps, err error, fallback string) error {
	var f *fault.Error
	if len(p.Protos)+len(p.Sets) == 0 && errors.As(err, &f) && f.What == fallback {
		return f.WithHint("name .proto files, a folder or a descriptor set, here or in %s, which jwtctl init writes", config.Name)
	}
	return err
}

// Inputs returns the files that a result must not overwrite.
func (p *ProtoFlags) Inputs(set *descset.Set) []string {
	list := slices.Clone(p.Sets)
	for _, f := range set.Files() {
		list = append(list, f.Where)
	}
	return list
}
