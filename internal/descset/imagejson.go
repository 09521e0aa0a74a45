package descset

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// decodeJSON decodes an image in JSON, where options are named and so need their types:
// those that the image declares, or else ours. An option that neither declares is not one
// of ours, and is omitted (A3).
func decodeJSON(data []byte, where string, schema *Schema) (*descriptorpb.FileDescriptorSet, map[int]bool, error) {
	if len(data) > maxJSONSet {
		return nil, nil, LimitExceeded(where, "larger than %d bytes in JSON; the limit of the binary form is %d", maxJSONSet, maxSet)
	}
	if nestsDeeper(data, maxJSONDepth) {
		return nil, nil, LimitExceeded(where, "brackets nest more than %d levels", maxJSONDepth)
	}
	// First without options, to get the types that they need.
	bare := &descriptorpb.FileDescriptorSet{}
	noTypes := protojson.UnmarshalOptions{AllowPartial: true, DiscardUnknown: true, Resolver: (*protoregistry.Types)(nil), RecursionLimit: maxJSONDepth}
	if err := noTypes.Unmarshal(data, bare); err != nil {
		return nil, nil, invalidImage(where, err)
	}
	types := optionTypes{imageTypes(bare), schema.types}
	slim, imports, err := strip(data, types)
	if err != nil {
		return nil, nil, invalid(where, "%w", err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	strict := protojson.UnmarshalOptions{AllowPartial: true, Resolver: types, RecursionLimit: maxJSONDepth}
	if err := strict.Unmarshal(slim, set); err != nil {
		return nil, nil, invalidImage(where, err)
	}
	return set, imports, nil
}

// invalidImage returns the fault for an error of protojson.
func invalidImage(where string, err error) error {
	return invalid(where, "not a Buf image in JSON: %s", protobufError(err))
}

// protobufError returns the text of an error of Go's protobuf without its prefix, whose white
// space varies between builds.
func protobufError(err error) string {
	return strings.TrimLeftFunc(strings.TrimPrefix(err.Error(), "proto:"), unicode.IsSpace)
}

// optionTypes resolves extensions by an image's declarations, or else by ours.
type optionTypes struct {
	*dynamicpb.Types
	ours *dynamicpb.Types
}

func (t optionTypes) FindExtensionByName(name protoreflect.FullName) (protoreflect.ExtensionType, error) {
	if x, err := t.Types.FindExtensionByName(name); err == nil {
		return x, nil
	}
	return t.ours.FindExtensionByName(name)
}

// imageTypes links as much of an image as possible, only to resolve its options.
func imageTypes(set *descriptorpb.FileDescriptorSet) *dynamicpb.Types {
	all, err := (protodesc.FileOptions{AllowUnresolvable: true}).NewFiles(set)
	if err != nil { // link reports the error
		all = &protoregistry.Files{}
	}
	return dynamicpb.NewTypes(all)
}

// nestsDeeper reports whether brackets in data nest deeper than limit levels.
func nestsDeeper(data []byte, limit int) bool {
	level, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if level++; level > limit {
				return true
			}
		case c == '}' || c == ']':
			level--
		}
	}
	return false
}

// strip copies an image without what protojson would refuse: Buf's information about each
// file, from which it returns the imports, and options without a type. It copies
// everything else unchanged, even if invalid.
func strip(data []byte, types optionTypes) (slim []byte, imports map[int]bool, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	w := stripper{dec: dec, types: types, imports: map[int]bool{}}
	if err := w.value(0, false); err != nil {
		return nil, nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("more text follows the JSON value")
	}
	return w.out.Bytes(), w.imports, nil
}

type stripper struct {
	dec     *json.Decoder
	out     bytes.Buffer
	types   optionTypes
	files   int // started so far
	imports map[int]bool
}

// value copies one value; depth is its nesting, and inFiles is set for the list of files.
func (w *stripper) value(depth int, inFiles bool) error {
	token, err := w.dec.Token()
	if err != nil {
		return err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return w.scalar(token)
	}
	w.out.WriteRune(rune(delim))
	for first := true; w.dec.More(); {
		if delim == '{' {
			name, skip, err := w.name(depth)
			if err != nil {
				return err
			}
			if skip {
				continue
			}
			w.comma(&first)
			if err := w.scalar(name); err != nil {
				return err
			}
			w.out.WriteByte(':')
			if err := w.value(depth+1, depth == 0 && name == "file"); err != nil {
				return err
			}
			continue
		}
		w.comma(&first)
		if inFiles && depth == 1 {
			w.files++
		}
		if err := w.value(depth+1, false); err != nil {
			return err
		}
	}
	end, err := w.dec.Token()
	if err != nil {
		return err
	}
	w.out.WriteRune(rune(end.(json.Delim)))
	return nil
}

func (w *stripper) comma(first *bool) {
	if !*first {
		w.out.WriteByte(',')
	}
	*first = false
}

func (w *stripper) scalar(v any) error {
	text, err := json.Marshal(v)
	w.out.Write(text)
	return err
}

// name reads the name of a member, and also its value if that is to be omitted.
func (w *stripper) name(depth int) (name string, skip bool, err error) {
	token, err := w.dec.Token()
	if err != nil {
		return "", false, err
	}
	name, _ = token.(string)
	const fileDepth = 2 // {"file": [ {
	switch {
	case depth == fileDepth && (name == "bufExtension" || name == "buf_extension"):
		var buf struct {
			IsImport  bool `json:"isImport"`
			IsImport2 bool `json:"is_import"`
		}
		err := w.dec.Decode(&buf)
		w.imports[w.files-1] = buf.IsImport || buf.IsImport2
		return name, true, err
	case strings.HasPrefix(name, "["):
		if _, err := w.types.FindExtensionByName(protoreflect.FullName(strings.Trim(name, "[]"))); err != nil {
			var nothing json.RawMessage
			return name, true, w.dec.Decode(&nothing)
		}
	}
	return name, false, nil
}
