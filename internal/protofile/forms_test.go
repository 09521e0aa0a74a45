package protofile

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// image returns the set at path as Buf writes it: with field 8042 in each file, which
// reports whether the file is an import.
func image(t *testing.T, path string, own ...string) *descriptorpb.FileDescriptorSet {
	t.Helper()
	set := readSet(t, path)
	for _, f := range set.GetFile() {
		imported := protowire.EncodeBool(!slices.Contains(own, f.GetName()))
		buf := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), imported)
		buf = protowire.AppendVarint(protowire.AppendTag(buf, 3, protowire.VarintType), 0)
		f.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, bufExtension, protowire.BytesType), buf))
	}
	return set
}

// imageJSON returns the set at path in Buf's JSON: options by name, and Buf's information
// about each file.
func imageJSON(t *testing.T, path string, types *dynamicpb.Types, own ...string) []byte {
	t.Helper()
	set := readSet(t, path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := (proto.UnmarshalOptions{Resolver: types}).Unmarshal(data, set); err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, f := range set.GetFile() {
		text, err := protojson.MarshalOptions{Resolver: types}.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		imported := "true"
		if slices.Contains(own, f.GetName()) {
			imported = "false"
		}
		out = append(out, strings.TrimSuffix(string(text), "}")+`,"bufExtension":{"isImport":`+imported+`,"isSyntaxUnspecified":false,"moduleInfo":{"name":{"owner":"a"}}}}`)
	}
	return []byte(`{"file":[` + strings.Join(out, ",") + `]}`)
}

func packed(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestA4_EveryForm: an annotated service gives the same model in every input form.
func TestA4_EveryForm(t *testing.T) {
	const name = "mixed.proto"
	source := load(t, Sources{ImportPaths: []string{fixtures}, Protos: []string{filepath.Join(fixtures, name)}})
	want := model(source, false)
	for _, part := range []string{"claim:NEST", `name:"sub"`, "expires_seconds:-1", "examples.mixed.Shop.Ping (examples.mixed.Purchase) examples.mixed.Purchase []", "validate:MESSAGE", `value:"shop"`} {
		if !strings.Contains(want, part) {
			t.Fatalf("the model lacks %s:\n%s", part, want)
		}
	}
	// If jwt is within a larger option, protoc only has the position of that option.
	shallow := strings.NewReplacer(" 71:45\n", " 71:28\n", " 24:5\n", " 20:3\n")
	full := protoc(t, fixtures, []string{name}, "--include_imports", "--include_source_info")
	bytesOf := func(path string) []byte {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	own := []string{name}
	tests := map[string]struct {
		data       []byte
		sourceInfo bool
	}{
		"protoc -o":                            {bytesOf(protoc(t, fixtures, own)), false},
		"protoc --include_imports":             {bytesOf(protoc(t, fixtures, own, "--include_imports")), false},
		"protoc --include_source_info":         {bytesOf(protoc(t, fixtures, own, "--include_source_info")), true},
		"protoc, both flags":                   {bytesOf(full), true},
		"protoc, gzip":                         {packed(t, bytesOf(full)), true},
		"Buf image":                            {marshal(t, image(t, full, name)), true},
		"Buf image, gzip":                      {packed(t, marshal(t, image(t, full, name))), true},
		"Buf image, JSON":                      {imageJSON(t, full, source.Types(), name), true},
		"Buf image, JSON, gzip":                {packed(t, imageJSON(t, full, source.Types(), name)), true},
		"Buf image, JSON, without its imports": {imageJSON(t, protoc(t, fixtures, own, "--include_source_info"), source.Types(), name), true},
		"split options, like unknown ones":     {marshal(t, inPieces(t, full)), true},
	}
	for form, c := range tests {
		t.Run(form, func(t *testing.T) {
			path := testkit.File(t, filepath.Join(t.TempDir(), "set"), c.data)
			set := load(t, Sources{DescriptorSets: []string{path}})
			if got := model(set, false); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if got := model(set, true); c.sourceInfo && got != shallow.Replace(model(source, true)) {
				t.Errorf("positions: got\n%s\nwant, from source\n%s", got, model(source, true))
			}
			if reported := len(set.Warnings()) > 0; reported == c.sourceInfo {
				t.Errorf("source info: %v, warnings: %v", c.sourceInfo, set.Warnings())
			}
			fromStdin := load(t, Sources{DescriptorSets: []string{"-"}, Stdin: bytes.NewReader(c.data)})
			if model(fromStdin, true) != model(set, true) {
				t.Error("different result from standard input")
			}
		})
	}
}

// inPieces splits each kalix option of the set's methods in two, which protobuf merges
// when it reads them.
func inPieces(t *testing.T, path string) *descriptorpb.FileDescriptorSet {
	t.Helper()
	set := readSet(t, path)
	for _, f := range set.GetFile() {
		for _, s := range f.GetService() {
			for _, m := range s.GetMethod() {
				if m.GetOptions() == nil {
					continue
				}
				var kalix []byte
				found, err := false, error(nil)
				for raw := marshal(t, m.GetOptions()); len(raw) > 0 && err == nil; {
					number, _, n := protowire.ConsumeField(raw)
					if err = protowire.ParseError(n); err == nil && number == extension {
						_, _, tag := protowire.ConsumeTag(raw)
						piece, _ := protowire.ConsumeBytes(raw[tag:])
						kalix = append(kalix, piece...)
						found = true
					}
					raw = raw[max(n, 0):]
				}
				if err != nil {
					t.Fatal(err)
				}
				var split []byte
				for len(kalix) > 0 && found {
					_, _, n := protowire.ConsumeField(kalix)
					split = protowire.AppendBytes(protowire.AppendTag(split, extension, protowire.BytesType), kalix[:n])
					kalix = kalix[n:]
				}
				if len(split) > 0 {
					m.Options = &descriptorpb.MethodOptions{}
					m.Options.ProtoReflect().SetUnknown(split)
				}
			}
		}
	}
	return set
}

// TestA4_SeveralInputs: inputs supply each other's imports, and a file in two of them
// counts once.
func TestA4_SeveralInputs(t *testing.T) {
	dir := testkit.Folder(t, map[string]string{
		"a.proto": "syntax = 'proto3'; package t; import 'kalix/annotations.proto'; message A { string x = 1 [(kalix.field).jwt.token = true]; }",
		"b.proto": "syntax = 'proto3'; package t; import 'a.proto'; import 'kalix/annotations.proto'; service S { rpc M(A) returns (A) { option (kalix.method).jwt.validate = MESSAGE; } }",
	})
	a, b := protoc(t, dir, []string{"a.proto"}), protoc(t, dir, []string{"b.proto"})
	both := protoc(t, dir, []string{"b.proto", "a.proto"}, "--include_imports", "--include_source_info")
	want := model(load(t, Sources{Protos: []string{dir}}), false)
	alone := testkit.Folder(t, map[string]string{"b.proto": string(mustRead(t, filepath.Join(dir, "b.proto")))})
	tests := map[string]Sources{
		"two sets":                 {DescriptorSets: []string{a, b}},
		"two sets in reverse":      {DescriptorSets: []string{b, a}},
		"same set twice":           {DescriptorSets: []string{both, both}},
		"set and one of its files": {DescriptorSets: []string{both, a}},
		"source and its set":       {Protos: []string{dir}, DescriptorSets: []string{both}},
		"source that needs a set":  {Protos: []string{alone}, DescriptorSets: []string{a}},
	}
	for name, src := range tests {
		t.Run(name, func(t *testing.T) {
			set := load(t, src)
			if got := model(set, false); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if set.Method("t.S/M") == nil || set.Method("t.S/M").Input() != set.Message("t.A") {
				t.Error("the method's input is not the only message A")
			}
		})
	}
}

// TestA4_InputsThatDiffer: two inputs with different versions of a file are refused; a
// different comment or encoding is accepted.
func TestA4_InputsThatDiffer(t *testing.T) {
	const head = "syntax = 'proto3'; package t; import 'kalix/annotations.proto'; "
	one := head + "message A { string x = 1 [(kalix.field).jwt.claim = INCLUDE]; }"
	tests := map[string]struct {
		other string
		same  bool
	}{
		"itself":           {one, true},
		"comment":          {"// words\n" + one, true},
		"explicit default": {strings.Replace(one, "(kalix.field).jwt.claim = INCLUDE", "(kalix.field) = {jwt: {claim: INCLUDE}}", 1), true},
		"other annotation": {strings.Replace(one, "INCLUDE", "EXTRACT", 1), false},
		"no annotation":    {strings.Replace(one, "[(kalix.field).jwt.claim = INCLUDE]", "", 1), false},
		"other field":      {strings.Replace(one, "x = 1", "x = 2", 1), false},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			source := testkit.Folder(t, map[string]string{"a.proto": one})
			set := protoc(t, testkit.Folder(t, map[string]string{"a.proto": c.other}), []string{"a.proto"})
			for _, src := range []Sources{{Protos: []string{source}, DescriptorSets: []string{set}}, {DescriptorSets: []string{protoc(t, source, []string{"a.proto"}), set}}} {
				if c.same {
					load(t, src)
				} else {
					refused(t, src, fault.DescriptorInvalid, "differs from the one in")
				}
			}
		})
	}
}

// TestA4_Imports: imported elements are found by name, but not listed.
func TestA4_Imports(t *testing.T) {
	dir := testkit.Folder(t, map[string]string{"lib.proto": "syntax = 'proto3'; package lib; message L {} service S {}", "a.proto": "syntax = 'proto3'; package t; import 'lib.proto'; message A { lib.L l = 1; }"})
	both := protoc(t, dir, []string{"a.proto"}, "--include_imports", "--include_source_info")
	types := load(t, Sources{DescriptorSets: []string{both}}).Types()
	for name, src := range map[string]Sources{
		"source":     {ImportPaths: []string{dir}, Protos: []string{dir + "/a.proto"}},
		"image":      {DescriptorSets: []string{testkit.File(t, t.TempDir()+"/set", marshal(t, image(t, both, "a.proto")))}},
		"JSON image": {DescriptorSets: []string{testkit.File(t, t.TempDir()+"/set", imageJSON(t, both, types, "a.proto"))}},
	} {
		set := load(t, src)
		if len(set.Messages()) != 1 || len(set.Services()) != 0 || set.Message("lib.L") == nil || set.Service("lib.S") == nil || len(set.Files()) != 2 {
			t.Errorf("%s: got %v, %v", name, set.Messages(), set.Files())
		}
	}
}

func mustRead(tb testing.TB, path string) []byte {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}
