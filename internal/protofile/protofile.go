// Package protofile compiles .proto sources in the process, and links them with
// descriptor sets into one descset.Set. It is the only package that knows protocompile:
// a program that has descriptors already does not need it.
//
// It opens no file but those under the import paths and the sets that Sources names.
package protofile

import (
	"context"
	"fmt"
	"io"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
)

// Sources says what to read. Paths are relative to the working folder.
type Sources struct {
	// ImportPaths are the folders in which imports are looked for, in order.
	// Without any, the folders and patterns of Protos are their own import
	// paths, and the working folder is one for single files.
	ImportPaths []string
	// Protos are .proto files, folders (every .proto file below), and patterns
	// with *, ?, [] and **. Folders called node_modules or with a dot in front
	// are passed over.
	Protos []string
	// DescriptorSets are files that hold a FileDescriptorSet or a Buf image;
	// "-" is Stdin.
	DescriptorSets []string
	Stdin          io.Reader
	// MaxBytes is how large all sources together, or a descriptor set, may be; 0 is
	// 96 MiB of sources, and 64 MiB of a set.
	MaxBytes int64
	// Rewrite, if it is not nil, returns the text that is compiled in place of that
	// of the file where. It is called by several goroutines.
	Rewrite func(where string, text []byte) ([]byte, error)
}

// Load reads, compiles and links src. The error is a *fault.Error, or several
// joined (every syntax error of a file is reported): descriptor_unreadable,
// descriptor_limit, descriptor_invalid, proto_syntax, import_not_found,
// import_not_allowed, annotation_unreadable, file_too_large, interrupted, or
// usage where src names nothing.
func Load(ctx context.Context, src Sources) (set *descset.Set, err error) {
	defer func() {
		if v := recover(); v != nil { // no input is worth a crash (S51, S52)
			set, err = nil, fault.New(fault.DescriptorInvalid, "descriptors", "the compiler failed on them: %s", descset.Brief(fmt.Sprint(v)))
		}
	}()
	if len(src.Protos)+len(src.DescriptorSets) == 0 {
		return nil, fault.New(fault.UsageError, "descriptors", "no .proto file or descriptor set is named")
	}
	schema, err := descset.LoadSchema()
	if err != nil {
		return nil, err
	}
	if src.MaxBytes > 0 {
		schema.MaxSet = src.MaxBytes
	}
	sets, err := schema.ReadSets(src.DescriptorSets, src.Stdin)
	if err != nil {
		return nil, err
	}
	compiled, err := compile(ctx, schema, src, sets)
	if err != nil {
		return nil, err
	}
	return descset.Link(schema, append([][]descset.Unit{compiled}, sets...)...)
}
