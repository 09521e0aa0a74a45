package descset

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// packedBundle is a descriptor set of the files of protobuf that no generated
// package here has, and of widely used files that annotated ones import. As bytes
// they cost nothing until they are needed; generated packages would register
// themselves at each start of the program. tools/bundle makes it.
//
//go:embed bundle.binpb.gz
var packedBundle []byte

// bundledFolders are those of bundle, protobuf's own aside.
func bundledFolders() []string {
	return []string{"google/api/", "google/rpc/", "google/type/", "google/longrunning/", "validate/", "buf/validate/", "protoc-gen-openapiv2/options/"}
}

// bundle is packedBundle, unpacked.
type bundle struct {
	protos map[string]*descriptorpb.FileDescriptorProto

	mu     sync.Mutex
	linked *protoregistry.Files // of protobuf, those that were needed
}

// readBundle unpacks packedBundle.
func readBundle() *bundle {
	var set descriptorpb.FileDescriptorSet
	r, err := gzip.NewReader(bytes.NewReader(packedBundle))
	if err == nil {
		var data []byte
		data, err = io.ReadAll(r)
		err = errors.Join(err, proto.Unmarshal(data, &set))
	}
	if err != nil {
		panic("descset: bundle.binpb.gz: " + err.Error()) // it is part of the program
	}
	b := &bundle{protos: map[string]*descriptorpb.FileDescriptorProto{}, linked: &protoregistry.Files{}}
	for _, f := range set.GetFile() {
		b.protos[f.GetName()] = f
	}
	return b
}

// wellKnown returns a file of protobuf, linked with what it imports; nil if it is
// not in the bundle.
func (b *bundle) wellKnown(name string) protoreflect.FileDescriptor {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.link(name)
}

func (b *bundle) link(name string) protoreflect.FileDescriptor {
	if f, err := b.linked.FindFileByPath(name); err == nil {
		return f
	}
	one := b.protos[name]
	if one == nil || !IsWellKnown(name) {
		return nil
	}
	for _, dep := range one.GetDependency() {
		if f := linked(dep); f != nil {
			registerStandard(b.linked, f)
		} else if b.link(dep) == nil {
			return nil
		}
	}
	f, err := protodesc.NewFile(one, b.linked)
	if err != nil || b.linked.RegisterFile(f) != nil {
		return nil
	}
	return f
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

// Standard returns a file of protobuf, which need not be given; nil if there is
// none of that name.
func (s *Schema) Standard(name string) protoreflect.FileDescriptor {
	if !IsWellKnown(name) {
		return nil
	}
	if f := linked(name); f != nil {
		return f
	}
	return s.bundled().wellKnown(name)
}

// AtHand returns a file of the bundle for an import that no input has, by itself:
// what it imports may be an input's own copy. nil if there is none of that name.
func (s *Schema) AtHand(name string) *descriptorpb.FileDescriptorProto {
	if !slices.ContainsFunc(bundledFolders(), func(dir string) bool { return strings.HasPrefix(name, dir) }) {
		return nil
	}
	return s.bundled().protos[name]
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
// is taken always: it defines what options are. Any other file of that folder is as
// good as those of other folders.
func IsWellKnown(name string) bool {
	base, inside := strings.CutPrefix(name, "google/protobuf/")
	if !inside {
		return false
	}
	switch strings.TrimSuffix(base, ".proto") {
	case "any", "api", "compiler/plugin", "cpp_features", "descriptor", "duration", "empty", "field_mask",
		"go_features", "java_features", "source_context", "struct", "timestamp", "type", "wrappers":
		return strings.HasSuffix(base, ".proto")
	}
	return false
}

// isKalix reports whether name is a file of the vendor's schema. Those below, such
// as kalix/tck/model.proto, are not.
func isKalix(name string) bool {
	dir, _ := path.Split(name)
	return dir == "kalix/"
}

func isGoogleAPI(name string) bool { return strings.HasPrefix(name, "google/api/") }
