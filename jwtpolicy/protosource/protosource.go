// Package protosource reads the policy of jwtpolicy from .proto sources, which it compiles
// in the process. It is a package of its own because the compiler is large: programs
// that have generated code, or a descriptor set, do without.
package protosource

import (
	"context"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/protofile"
	"github.com/jwtctl/jwtctl/jwtpolicy"
)

// Files are .proto files, folders (every .proto file below) and patterns. Imports are
// looked for in importPaths; without any, in the folders that paths name. The files of
// the annotations need none.
func Files(importPaths []string, paths ...string) jwtpolicy.Source {
	return protos{importPaths, paths}
}

type protos struct{ importPaths, paths []string }

func (p protos) Descriptors(ctx context.Context) (*descset.Set, error) {
	return protofile.Load(ctx, protofile.Sources{ImportPaths: p.importPaths, Protos: p.paths})
}
