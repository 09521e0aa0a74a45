// Package protosource reads the policy of jwtpolicy from .proto sources, which it
// compiles itself. It is a separate package because the compiler is large: programs with
// generated code, or with a descriptor set, do not need it.
package protosource

import (
	"context"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/protofile"
	"github.com/jwtctl/jwtctl/jwtpolicy"
)

// Files reads .proto files, directories (every .proto file below them) and patterns.
// Imports are searched in importPaths or, without any, in the directories that paths name.
// The files that declare the annotations are built in.
func Files(importPaths []string, paths ...string) jwtpolicy.Source {
	return protos{importPaths, paths}
}

type protos struct{ importPaths, paths []string }

func (p protos) Descriptors(ctx context.Context) (*descset.Set, error) {
	return protofile.Load(ctx, protofile.Sources{ImportPaths: p.importPaths, Protos: p.paths})
}
