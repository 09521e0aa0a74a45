// Package protokit reads policies for tests. It is below package policytest, so that
// packages which that one needs can use it in their own tests.
package protokit

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/protofile"
)

// TB is the part of testing.TB that rapid.TB has, too.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Set returns the descriptors of sources.
func Set(tb TB, src protofile.Sources) *descset.Set {
	tb.Helper()
	set, err := protofile.Load(context.Background(), src)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	return set
}

// Read returns the policy of sources.
func Read(tb TB, src protofile.Sources) *policy.Policy {
	tb.Helper()
	return policy.Read(Set(tb, src))
}

// File returns the policy of a file, or of all .proto files of a folder.
func File(tb TB, path string) *policy.Policy {
	tb.Helper()
	return Read(tb, protofile.Sources{Protos: []string{path}})
}

// Sources writes files to dir, with head before texts without syntax or edition, and
// returns where they are.
func Sources(tb TB, dir, head string, files map[string]string) protofile.Sources {
	tb.Helper()
	for name, text := range files {
		if !strings.HasPrefix(text, "syntax") && !strings.HasPrefix(text, "edition") {
			text = head + text
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			tb.Fatalf("%v", err)
		}
	}
	return protofile.Sources{ImportPaths: []string{dir}, Protos: []string{dir}}
}

// WithoutPositions writes the files of p, with imports and without source info, to a
// descriptor set in dir, and returns where it is.
func WithoutPositions(tb TB, dir string, p *policy.Policy) protofile.Sources {
	tb.Helper()
	set := &descriptorpb.FileDescriptorSet{}
	for _, f := range p.Set().Files() {
		file := protodesc.ToFileDescriptorProto(f.Descriptor)
		file.SourceCodeInfo = nil
		set.File = append(set.File, file)
	}
	return Write(tb, dir, set)
}

// Write writes a descriptor set to dir, and returns where it is.
func Write(tb TB, dir string, set *descriptorpb.FileDescriptorSet) protofile.Sources {
	tb.Helper()
	data, err := proto.Marshal(set)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	path := filepath.Join(dir, "set.binpb")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatalf("%v", err)
	}
	return protofile.Sources{DescriptorSets: []string{path}}
}
