package input

import (
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/settings"
)

// ProtoFlags are the sources of descriptors.
type ProtoFlags struct {
	ImportPaths []string
	Protos      []string
	Sets        []string
	MaxInput    int // total bytes of sources, or of a descriptor set; 0 means the default
	// Rewrite is as in protofile.Sources.
	Rewrite func(where string, text []byte) ([]byte, error)
}

// defaultInput is package protofile's default limit for sources.
const defaultInput = 96 << 20

// Register adds the flags.
func (p *ProtoFlags) Register(fs *pflag.FlagSet) {
	fs.StringArrayVarP(&p.ImportPaths, "proto-path", "I", nil, "import path `DIR`; repeatable. kalix/*.proto, google/{api,rpc,type,longrunning}, validate, buf/validate and protoc-gen-openapiv2 are built in")
	fs.StringArrayVar(&p.Protos, "proto", nil, ".proto `FILE`, directory, or pattern with * and **, in the current directory or an import path; repeatable")
	fs.StringArrayVar(&p.Sets, "descriptor-set", nil, "descriptor set or Buf image `FILE` (also --protoset, --descriptor_set_in); repeatable")
	settings.SizeVar(fs, &p.MaxInput, "max-input", defaultInput, 1, 4<<30, "maximum `SIZE` of all .proto files together (default 96MiB), and of a descriptor set (default 64MiB)")
	settings.Paths(fs, "proto-path", "proto", "descriptor-set")
	settings.KeyedAs(fs, "proto-path", "proto_paths")
	settings.KeyedAs(fs, "max-input", "max_input")
	settings.KeyedAs(fs, "proto", "protos")
	settings.KeyedAs(fs, "descriptor-set", "descriptor_sets")
	settings.Exclusive(fs, "proto", "descriptor-set") // either is the whole input
	fs.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		switch name {
		case "protoset", "descriptor_set_in": // names in grpcurl and protoc
			name = "descriptor-set"
		}
		return pflag.NormalizedName(name)
	})
}

// Named reports whether flags, arguments or configuration give any descriptors.
func (p *ProtoFlags) Named() bool { return len(p.Protos)+len(p.Sets) > 0 }

// Limit returns the maximum number of bytes to read, or 0 for the default.
func (p *ProtoFlags) Limit() int64 {
	if p.MaxInput == defaultInput {
		return 0
	}
	return int64(p.MaxInput)
}
