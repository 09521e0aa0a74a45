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

// packedBundle is a descriptor set of protobuf's files without a generated package here,
// and of files that annotated ones often import. As bytes they cost nothing until needed,
// while generated packages would register themselves at each start. tools/bundle makes
// it.
//
//go:embed bundle.binpb.gz
var packedBundle []byte

// bundledFolders returns the folders in bundle, except protobuf's own.
func bundledFolders() []string {
	return []string{"google/api/", "google/rpc/", "google/type/", "google/longrunning/", "validate/", "buf/validate/", "protoc-gen-openapiv2/options/"}
}

// bundle is the unpacked packedBundle.
type bundle struct {
	protos map[string]*descriptorpb.FileDescriptorProto

	mu     sync.Mutex
	linked *protoregistry.Files // of protobuf, as far as needed so far
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
		panic("descset: bundle.binpb.gz: " + err.Error()) // embedded in the program
	}
	b := &bundle{protos: map[string]*descriptorpb.FileDescriptorProto{}, linked: &protoregistry.Files{}}
	for _, f := range set.GetFile() {
		b.protos[f.GetName()] = f
	}
	return b
}

// wellKnown returns a file of protobuf, linked with its imports, or nil if it is not in
// the bundle.
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

// linkAll links an embedded descriptor set. Its files must follow their imports; files
// that it lacks have generated packages in the program.
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

// Standard returns a file of protobuf that inputs need not include, or nil.
func (s *Schema) Standard(name string) protoreflect.FileDescriptor {
	if !IsWellKnown(name) {
		return nil
	}
	if f := linked(name); f != nil {
		return f
	}
	return s.bundled().wellKnown(name)
}

// Bundled returns a file of the bundle for an import that no input has, without its own
// imports, which may be an input's own copies. It returns nil if there is no such file.
func (s *Schema) Bundled(name string) *descriptorpb.FileDescriptorProto {
	if !slices.ContainsFunc(bundledFolders(), func(dir string) bool { return strings.HasPrefix(name, dir) }) {
		return nil
	}
	return s.bundled().protos[name]
}

// linked returns a file of protobuf that has a generated package in the program.
func linked(name string) protoreflect.FileDescriptor {
	if !IsWellKnown(name) {
		return nil
	}
	f, _ := protoregistry.GlobalFiles.FindFileByPath(name)
	return f
}

// IsWellKnown reports whether name is one of protobuf's own files, for which our copy is
// always used since it defines options. Other files in that folder are treated like any
// other.
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

// isKalix reports whether name is a file of the vendor's schema. Files in folders below,
// such as kalix/tck/model.proto, are not.
func isKalix(name string) bool {
	dir, _ := path.Split(name)
	return dir == "kalix/"
}

func isGoogleAPI(name string) bool { return strings.HasPrefix(name, "google/api/") }
