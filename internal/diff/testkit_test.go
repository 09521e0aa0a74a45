package diff

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

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/protofile"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const fixtures = "../../testdata/diff"

// read returns the policy of one file.
func read(tb testing.TB, path string) *policy.Policy {
	tb.Helper()
	set, err := protofile.Load(context.Background(), protofile.Sources{ImportPaths: []string{filepath.Dir(path)}, Protos: []string{path}})
	if err != nil {
		tb.Fatal(err)
	}
	return policy.Read(set)
}

// bare returns p as a descriptor set without source info has it.
func bare(tb testing.TB, p *policy.Policy) *policy.Policy {
	tb.Helper()
	files := &descriptorpb.FileDescriptorSet{}
	for _, f := range p.Set().Files() {
		file := protodesc.ToFileDescriptorProto(f.Descriptor)
		file.SourceCodeInfo = nil
		files.File = append(files.File, file)
	}
	data, err := proto.Marshal(files)
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "set.binpb")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	set, err := protofile.Load(context.Background(), protofile.Sources{DescriptorSets: []string{path}})
	if err != nil {
		tb.Fatal(err)
	}
	return policy.Read(set)
}

func compare(tb testing.TB, before, after *policy.Policy) []Change {
	tb.Helper()
	changes, err := Compare(before, after)
	if err != nil {
		tb.Fatal(err)
	}
	return changes
}

// of returns the changes between two texts.
func of(tb testing.TB, before, after string) []Change {
	tb.Helper()
	return compare(tb, policytest.Load(tb, before), policytest.Load(tb, after))
}

// textOf prints changes, with the folders taken off the files.
func textOf(tb testing.TB, changes []Change) string {
	tb.Helper()
	found := Findings(changes, func(at descset.Position) string {
		at.File = filepath.Base(at.File)
		return at.String()
	})
	for i := range found {
		found[i].At.File = filepath.Base(found[i].At.File)
	}
	var b bytes.Buffer
	if err := (finding.Report{Findings: found}).WriteText(&b, finding.TextOptions{}); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func golden(tb testing.TB, path, got string) {
	tb.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	if got != string(want) {
		tb.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// wants fails unless these are the changes: "direction kind subject", with a
// part of the message behind a colon.
func wants(tb testing.TB, changes []Change, want ...string) {
	tb.Helper()
	ok := len(changes) == len(want)
	for i, c := range changes {
		if ok {
			head, part, _ := strings.Cut(want[i], ": ")
			ok = head == c.Direction.String()+" "+c.Kind+" "+c.Subject && strings.Contains(c.Message, part)
		}
	}
	if !ok {
		tb.Errorf("got\n%swant %q", textOf(tb, changes), want)
	}
}
