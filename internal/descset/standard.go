package descset

import (
	_ "embed"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// googleAPI is a descriptor set of google/api. As bytes it costs nothing until
// it is needed; the generated packages of it would register themselves at each
// start of the program.
//
//go:embed google_api.binpb
var googleAPI []byte

// readGoogleAPI links googleAPI.
func readGoogleAPI() *protoregistry.Files {
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(googleAPI, &set); err != nil {
		panic("descset: google_api.binpb: " + err.Error()) // it is part of the program
	}
	files := &protoregistry.Files{}
	for _, dep := range set.GetFile() {
		for _, name := range dep.GetDependency() {
			if isWellKnown(name) {
				registerStandard(files, wellKnown(name))
			}
		}
		f, err := protodesc.NewFile(dep, files)
		if err != nil {
			panic("descset: google_api.binpb: " + err.Error())
		}
		_ = files.RegisterFile(f)
	}
	return files
}

// standard returns the files that need not be given: google/protobuf and
// google/api, the latter unless an input has its own.
func (s *schema) standard(name string) protoreflect.FileDescriptor {
	switch {
	case isWellKnown(name):
		return wellKnown(name)
	case isGoogleAPI(name):
		if f, err := s.api().FindFileByPath(name); err == nil {
			return f
		}
	}
	return nil
}

func wellKnown(name string) protoreflect.FileDescriptor {
	none := protocompile.ResolverFunc(func(string) (protocompile.SearchResult, error) {
		return protocompile.SearchResult{}, protoregistry.NotFound
	})
	found, _ := protocompile.WithStandardImports(none).FindFileByPath(name)
	return found.Desc
}

// isWellKnown says whether name is one of protobuf's own files, of which ours
// is taken always: it defines what options are.
func isWellKnown(name string) bool { return strings.HasPrefix(name, "google/protobuf/") }

func isKalix(name string) bool { return strings.HasPrefix(name, "kalix/") }

func isGoogleAPI(name string) bool { return strings.HasPrefix(name, "google/api/") }
