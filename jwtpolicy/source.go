package jwtpolicy

import (
	"context"

	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/jwtctl/jwtctl/internal/descset"
)

// Source is where annotated descriptors come from: Linked, Registry, DescriptorSets, or
// Files of package protosource.
type Source interface {
	// Descriptors is for this module's packages.
	Descriptors(ctx context.Context) (*descset.Set, error)
}

type source func(context.Context) (*descset.Set, error)

func (s source) Descriptors(ctx context.Context) (*descset.Set, error) { return s(ctx) }

// Linked is the generated code in this program: nothing has to be shipped with it, and
// the policy is compiled on the descriptors that its messages have.
func Linked() Source { return Registry(protoregistry.GlobalFiles) }

// Registry is the files that are registered in r when the policy is loaded. Services of
// the packages google and grpc are not enforced: health, reflection and others
// are refused unless Options.Open names their methods.
func Registry(r *protoregistry.Files) Source {
	return source(func(context.Context) (*descset.Set, error) { return descset.FromRegistry(r) })
}

// DescriptorSets are files that hold a FileDescriptorSet (protoc -o, buf build -o) or a
// Buf image, in binary or JSON, gzip or not.
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
