package descset

import (
	_ "embed"
	"errors"
	"path"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// bundle is a descriptor set of google/api, and of the files of protobuf that no
// generated package here has. As bytes they cost nothing until they are needed;
// generated packages would register themselves at each start of the program.
//
//go:embed standard.binpb
var bundle []byte

// readBundle links bundle.
func readBundle() *protoregistry.Files {
	files, err := linkAll(bundle)
	if err != nil {
		panic("descset: standard.binpb: " + err.Error()) // it is part of the program
	}
	return files
}

// linkAll links a descriptor set that is part of the program. Its files come
// after their imports, and of those it lacks the program has generated packages.
func linkAll(data []byte) (*protoregistry.Files, error) {
	var set descriptorpb.FileDescriptorSet
	err := proto.Unmarshal(data, &set)
	files := &protoregistry.Files{}
	for _, one := range set.GetFile() {
		for _, name := range one.GetDependency() {
			if f := linked(name); f != nil {
				registerStandard(files, f)
			}
		}
		f, failed := protodesc.NewFile(one, files)
		if err = errors.Join(err, failed); failed == nil {
			err = errors.Join(err, files.RegisterFile(f))
		}
	}
	return files, err
}

// Standard returns the files that need not be given: google/protobuf and
// google/api, the latter unless an input has its own.
func (s *Schema) Standard(name string) protoreflect.FileDescriptor {
	if f := linked(name); f != nil {
		return f
	}
	if IsWellKnown(name) || isGoogleAPI(name) {
		if f, err := s.bundled().FindFileByPath(name); err == nil {
			return f
		}
	}
	return nil
}

// linked returns the file of protobuf that a generated package of the program
// has.
func linked(name string) protoreflect.FileDescriptor {
	if !IsWellKnown(name) {
		return nil
	}
	f, _ := protoregistry.GlobalFiles.FindFileByPath(name)
	return f
}

// IsWellKnown reports whether name is one of protobuf's own files, of which ours
// is taken always: it defines what options are.
func IsWellKnown(name string) bool { return strings.HasPrefix(name, "google/protobuf/") }

// isKalix reports whether name is a file of the vendor's schema. Those below, such
// as kalix/tck/model.proto, are not.
func isKalix(name string) bool {
	dir, _ := path.Split(name)
	return dir == "kalix/"
}

func isGoogleAPI(name string) bool { return strings.HasPrefix(name, "google/api/") }
