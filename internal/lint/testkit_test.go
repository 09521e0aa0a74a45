package lint

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/protofile"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const fixtures = "../../testdata/lint"

// read returns the policy of sources.
func read(t testing.TB, src protofile.Sources) *policy.Policy {
	t.Helper()
	set, err := protofile.Load(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Read(set)
}

// sources writes files with a common head, and returns where they are.
func sources(t testing.TB, files map[string]string) protofile.Sources {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		text = "syntax = \"proto3\"; package t; import \"kalix/annotations.proto\";\n\n" + text
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return protofile.Sources{ImportPaths: []string{dir}, Protos: []string{dir}}
}

func check(t testing.TB, text string, o Options) []finding.Finding {
	t.Helper()
	return Check(read(t, sources(t, map[string]string{"t.proto": text})), o)
}

// withoutPositions writes the files of src to one descriptor set, with imports
// and without source info, and returns where that is.
func withoutPositions(t testing.TB, p *policy.Policy) protofile.Sources {
	t.Helper()
	set := &descriptorpb.FileDescriptorSet{}
	for _, f := range p.Set().Files() {
		file := protodesc.ToFileDescriptorProto(f.Descriptor)
		file.SourceCodeInfo = nil
		set.File = append(set.File, file)
	}
	return write(t, set)
}

func write(t testing.TB, set *descriptorpb.FileDescriptorSet) protofile.Sources {
	t.Helper()
	data, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "set.binpb")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return protofile.Sources{DescriptorSets: []string{path}}
}

// textOf prints findings, with the folders taken off the files.
func textOf(t testing.TB, found []finding.Finding) string {
	t.Helper()
	var list []finding.Finding
	for _, f := range found {
		f.At.File = filepath.Base(f.At.File)
		list = append(list, f)
	}
	var b bytes.Buffer
	if err := (finding.Report{Findings: list}).WriteText(&b, finding.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func of(found []finding.Finding, rule string) (list []finding.Finding) {
	for _, f := range found {
		if f.Rule == rule {
			list = append(list, f)
		}
	}
	return list
}

// wants fails unless exactly these rules fired, each with a part of its text
// behind a colon.
func wants(t testing.TB, found []finding.Finding, want ...string) {
	t.Helper()
	for i, f := range found {
		if i < len(want) {
			rule, part, _ := strings.Cut(want[i], ": ")
			if f.Rule == rule && strings.Contains(f.Message, part) {
				continue
			}
		}
		t.Fatalf("got\n%swant %q", textOf(t, found), want)
	}
	if len(found) != len(want) {
		t.Fatalf("got\n%swant %q", textOf(t, found), want)
	}
}
