package descset

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
)

// Unit is a file of an input before linking.
type Unit struct {
	Proto *descriptorpb.FileDescriptorProto
	// Location is its name in messages; Source is the file of its positions: for a file of a
	// set its import name, as in compiler messages.
	Location, Source string
	// Imported is set if the file was not named as input, but is imported by others.
	Imported bool
}

// ReadSets reads descriptor sets, each separately; "-" in paths is stdin, unless that is
// nil. Errors are descriptor_unreadable, descriptor_limit, descriptor_invalid and
// file_too_large.
func (s *Schema) ReadSets(paths []string, stdin io.Reader) ([][]Unit, error) {
	var sets [][]Unit
	for _, path := range paths {
		var data []byte
		var err error
		if path == "-" && stdin != nil {
			path = "standard input"
			data, err = files.ReadAll(stdin, path, s.MaxSet, fault.DescriptorUnreadable)
		} else {
			data, err = files.Read(path, s.MaxSet, fault.DescriptorUnreadable)
		}
		if err != nil {
			return nil, withRaiseHint(err)
		}
		set, err := decodeSet(data, path, s)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// decodeSet decodes a descriptor set or image in any form.
func decodeSet(data []byte, where string, schema *Schema) ([]Unit, error) {
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, invalid(where, "gzip: %w", err)
		}
		if data, err = files.ReadAll(unpacked, where, schema.MaxSet, fault.DescriptorInvalid); err != nil {
			return nil, withRaiseHint(err)
		}
	}
	var set *descriptorpb.FileDescriptorSet
	var imports map[int]bool
	var err error
	if bytes.HasPrefix(data, []byte("{")) { // in a binary set, this byte would start a group
		set, imports, err = decodeJSON(data, where, schema)
	} else {
		set, imports, err = decodeBinary(data, where, schema.maxNodes())
	}
	if err != nil {
		return nil, withSetHint(err, where)
	}
	if len(set.GetFile()) == 0 {
		return nil, withSetHint(invalid(where, "contains no files: not a descriptor set"), where)
	}
	units := make([]Unit, len(set.GetFile()))
	seen := map[string]bool{}
	for i, f := range set.GetFile() {
		if f.GetName() == "" || seen[f.GetName()] {
			return nil, invalid(where, "file %d has no name, or the name of another file: %q", i, Brief(f.GetName()))
		}
		seen[f.GetName()] = true
		imported := imports[i] || IsWellKnown(f.GetName()) || strings.HasPrefix(f.GetName(), "kalix/") || f.GetName() == JwtctlFile || isGoogleAPI(f.GetName())
		units[i] = Unit{f, where + ": " + Brief(f.GetName()), Brief(f.GetName()), imported}
	}
	return units, nil
}

// bufExtension is the field of a file in a Buf image whose first field marks imported
// files.
const bufExtension = 8042

func decodeBinary(data []byte, where string, maxNodes int) (*descriptorpb.FileDescriptorSet, map[int]bool, error) {
	set := &descriptorpb.FileDescriptorSet{}
	nodes := nodeCount{max: maxNodes}
	if err := measure(data, set.ProtoReflect().Descriptor(), 0, &nodes, where); err != nil {
		return nil, nil, err
	}
	// Without types, extensions stay bytes, whatever declares them.
	noTypes := proto.UnmarshalOptions{Resolver: (*protoregistry.Types)(nil), AllowPartial: true}
	if err := noTypes.Unmarshal(data, set); err != nil || len(set.ProtoReflect().GetUnknown()) > 0 {
		return nil, nil, invalid(where, "neither a FileDescriptorSet nor a Buf image, or truncated")
	}
	imports := map[int]bool{}
	for i, f := range set.GetFile() {
		buf, _, err := content(f.ProtoReflect().GetUnknown(), bufExtension)
		if err != nil {
			return nil, nil, invalid(where, "%w", err)
		}
		for m, err := range wireFields(buf) {
			if err != nil {
				return nil, nil, invalid(where, "the Buf data of %s is malformed", Brief(f.GetName()))
			}
			if v, size := protowire.ConsumeVarint(m.value); m.number == 1 && m.kind == protowire.VarintType && size > 0 {
				imports[i] = v != 0
			}
		}
		f.ProtoReflect().SetUnknown(nil) // not part of the file's meaning
	}
	return set, imports, nil
}

// maxNodes returns the maximum number of elements in a set. It is low by default, since
// two bytes of a hostile set can become an object of hundreds, and realistic if the user
// has raised the limit.
func (s *Schema) maxNodes() int {
	const usual = 8 // average bytes per element
	return int(min(s.MaxSet, maxSet)/bytesPerNode + max(0, s.MaxSet-maxSet)/usual)
}

// nodeCount is the number of elements of a set so far, and the maximum.
type nodeCount struct{ count, max int }

// withRaiseHint adds to err how to raise the limit.
func withRaiseHint(err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Code == fault.FileTooLarge {
		return f.WithRemedy(fault.RaiseMaxInput)
	}
	return err
}

// measure counts the messages in data, of type d, before they are allocated: two bytes of
// input can become an object of hundreds (S51).
func measure(data []byte, d protoreflect.MessageDescriptor, depth int, nodes *nodeCount, where string) error {
	if depth > maxSetDepth {
		return LimitExceeded(where, "messages nest more than %d levels", maxSetDepth)
	}
	for m, err := range wireFields(data) {
		if err != nil {
			return invalid(where, "neither a FileDescriptorSet nor a Buf image, or truncated")
		}
		if f := d.Fields().ByNumber(m.number); f != nil && (f.Message() != nil || f.IsList()) {
			if nodes.count++; nodes.count > nodes.max {
				return RaisableLimit(where, "contains more than %d elements", nodes.max)
			}
			if f.Message() != nil && m.kind == protowire.BytesType {
				if err := measure(m.bytes(), f.Message(), depth+1, nodes, where); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// withSetHint adds the likely cause if a file is not a descriptor set.
func withSetHint(err error, where string) error {
	var f *fault.Error
	switch {
	case !errors.As(err, &f) || f.Code != fault.DescriptorInvalid || f.Hint != "":
		return err
	case strings.HasSuffix(where, ".proto"):
		return f.WithRemedy(fault.NameSources)
	}
	return f.WithHint("make a descriptor set with protoc -o FILE or buf build -o FILE")
}

func invalid(what, format string, args ...any) error {
	f := fault.New(fault.DescriptorInvalid, what, format, args...)
	f.Reason = Brief(f.Reason)
	return f
}
