package jwtpolicy

import (
	"context"

	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/jwtctl/jwtctl/internal/descset"
)

// Source provides annotated descriptors: Linked, Registry, DescriptorSets, or
// protosource.Files.
type Source interface {
	// Descriptors is only for packages of this module.
	Descriptors(ctx context.Context) (*descset.Set, error)
}

type source func(context.Context) (*descset.Set, error)

func (s source) Descriptors(ctx context.Context) (*descset.Set, error) { return s(ctx) }

// Linked uses the generated code in this program. Nothing else has to be shipped, and the
// policy is compiled from the descriptors of the program's own messages.
func Linked() Source { return Registry(protoregistry.GlobalFiles) }

// Registry uses the files registered in r when the policy is loaded. Services in the
// packages google and grpc are not part of the policy: health checks, reflection and
// others are refused unless Options.Open lists their methods.
func Registry(r *protoregistry.Files) Source {
	return source(func(context.Context) (*descset.Set, error) { return descset.FromRegistry(r) })
}

// DescriptorSets reads files that hold a FileDescriptorSet (protoc -o, buf build -o) or a
// Buf image, in binary or JSON, optionally gzipped.
func DescriptorSets(paths ...string) Source {
	return source(func(context.Context) (*descset.Set, error) {
		schema, err := descset.LoadSchema()
		if err != nil {
			return nil, err
		}
		sets, err := schema.ReadSets(paths, nil)
		if err != nil {
			return nil, err
		}
		return descset.Link(schema, sets...)
	})
}
