// Package protofile compiles .proto sources in the process, and links them with
// descriptor sets into a descset.Set. It is the only package that uses protocompile:
// programs that already have descriptors do not need it.
//
// It only opens files under the import paths, and the sets in Sources.
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
	// ImportPaths are the folders to search for imports, in order. The default is the
	// folders and patterns of Protos, and the working folder for single files.
	ImportPaths []string
	// Protos are .proto files, folders (every .proto file below), and patterns with *, ?,
	// [] and **. Folders named node_modules or starting with a dot are skipped.
	Protos []string
	// DescriptorSets are files with a FileDescriptorSet or a Buf image; "-" is Stdin.
	DescriptorSets []string
	Stdin          io.Reader
	// MaxBytes limits the total size of the sources, and the size of a descriptor set; 0
	// means 96 MiB of sources and 64 MiB per set.
	MaxBytes int64
	// Rewrite, if not nil, returns the text to compile instead of the content of the file
	// where. It is called concurrently.
	Rewrite func(where string, text []byte) ([]byte, error)
}

// Load reads, compiles and links src. The error is a *fault.Error, or several joined
// (every syntax error of a file is reported): descriptor_unreadable, descriptor_limit,
// descriptor_invalid, proto_syntax, import_not_found, import_not_allowed,
// annotation_unreadable, file_too_large, interrupted, or usage if src is empty.
func Load(ctx context.Context, src Sources) (set *descset.Set, err error) {
	defer func() {
		if v := recover(); v != nil { // no input may cause a crash (S51, S52)
			set, err = nil, fault.New(fault.DescriptorInvalid, "descriptors", "the compiler failed on them: %s", descset.Brief(fmt.Sprint(v)))
		}
	}()
	if len(src.Protos)+len(src.DescriptorSets) == 0 {
		return nil, fault.New(fault.UsageError, "descriptors", "no .proto files or descriptor set given")
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
