package lint

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/protofile"
	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

// allBad are the bad fixtures together.
func allBad(t testing.TB) protofile.Sources {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(fixtures, "*", "bad.proto"))
	if err != nil || len(paths) < 30 {
		t.Fatal(len(paths), err)
	}
	return protofile.Sources{ImportPaths: []string{fixtures}, Protos: paths}
}

var everything = Options{RequireAll: true, HaveKeys: true, Issuers: []string{"one", "two"}}

// TestS53_SameInputSameFindings: neither the order of the inputs nor a second run changes
// the output in any format.
func TestS53_SameInputSameFindings(t *testing.T) {
	src := allBad(t)
	p := protokit.Read(t, src)
	want := Check(p, everything)
	if !reflect.DeepEqual(want, finding.Sort(want)) {
		t.Error("not sorted, or a duplicate")
	}
	for range 100 {
		if got := Check(p, everything); !reflect.DeepEqual(got, want) {
			t.Fatalf("another run: got\n%swant\n%s", textOf(t, got), textOf(t, want))
		}
	}
	src.Protos = src.Protos[:12] // enough, and fast
	want = Check(protokit.Read(t, src), everything)
	printed := formats(t, want)
	for range 100 {
		rand.Shuffle(len(src.Protos), func(i, j int) { src.Protos[i], src.Protos[j] = src.Protos[j], src.Protos[i] })
		if got := Check(protokit.Read(t, src), everything); !reflect.DeepEqual(got, want) {
			t.Fatalf("permuted: got\n%swant\n%s", textOf(t, got), textOf(t, want))
		} else if !bytes.Equal(formats(t, got), printed) {
			t.Fatalf("permuted: printed differently")
		}
	}
}

// formats prints findings in all formats.
func formats(t *testing.T, found []finding.Finding) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, format := range finding.Formats() {
		if err := (finding.Report{Tool: "jwtctl", Rules: Rules(), Findings: found}).Write(&b, format, finding.TextOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// TestA101_Errors: plan refuses exactly what lint reports as an error.
func TestA101_Errors(t *testing.T) {
	p := protokit.Read(t, allBad(t))
	want := slices.DeleteFunc(Check(p, Options{}), func(f finding.Finding) bool { return f.Severity < finding.Error })
	got := Errors(p)
	if !reflect.DeepEqual(got, want) || len(got) < 30 {
		t.Errorf("got\n%swant\n%s", textOf(t, got), textOf(t, want))
	}
}

// TestS51_HostileSourceInfo: positions and comments are external too, and may refer to
// elements that do not exist.
func TestS51_HostileSourceInfo(t *testing.T) {
	p := protokit.Read(t, sources(t, map[string]string{"t.proto": "service S { rpc Do(A) returns (A); } message A {}"}))
	var paths [][]int32
	for _, number := range []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, -1, 1 << 30} {
		paths = append(paths, []int32{number})
		for _, index := range []int32{-1, 0, 1, 1 << 30, -1 << 31} {
			paths = append(paths, []int32{number, index}, []int32{number, index, 2, 0}, []int32{number, 0, 2, index}, []int32{number, 0, 3, index, 2})
		}
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, f := range p.Set().Files() {
		file := protodesc.ToFileDescriptorProto(f.Descriptor)
		if file.GetName() == "t.proto" {
			file.SourceCodeInfo.Location = nil
			for _, path := range paths {
				file.SourceCodeInfo.Location = append(file.SourceCodeInfo.Location, &descriptorpb.SourceCodeInfo_Location{
					Path: path, Span: []int32{0, 0, 1}, LeadingComments: proto.String(" jwtctl:ignore no-such-rule why\n"),
				})
			}
		}
		set.File = append(set.File, file)
	}
	found := Check(protokit.Read(t, protokit.Write(t, t.TempDir(), set)), Options{})
	if len(of(found, "ignore-invalid")) == 0 {
		t.Errorf("no comment was read: %s", textOf(t, found))
	}
}

// shared returns n messages with tokens that all descend into the first of n
// others, each of which descends into the next.
func shared(t *testing.T, n int) *facts {
	t.Helper()
	var text strings.Builder
	for i := n - 1; i >= 0; i-- {
		fmt.Fprintf(&text, "message T%d { string token = 1 [(kalix.field).jwt.token = true]; C0 c = 2 [(kalix.field).jwt.claim = DESCEND]; }\n", i)
		fmt.Fprintf(&text, "message C%d { string c%d = 1 [(kalix.field).jwt.claim = INCLUDE]; C%d next = 2 [(kalix.field).jwt.claim = DESCEND]; }\n", i, i, i+1)
	}
	fmt.Fprintf(&text, "message C%d {}\n", n)
	return newFacts(protokit.Read(t, sources(t, map[string]string{"t.proto": text.String()})), Options{})
}

// TestA61_TooEntangled: messages that share the claims of many others stop at a limit,
// and this is reported.
func TestA61_TooEntangled(t *testing.T) {
	const n = 30
	for steps, want := range map[int]int{n * n: 1, 3 * n * n: 0} {
		p := &pass{facts: shared(t, n), rule: finding.Rule{ID: "duplicate-claim", Severity: finding.Error}}
		p.flat.Budget = steps
		duplicateClaim(p)
		if len(p.found) != want || want > 0 && !strings.Contains(p.found[0].Message, "too many ways") {
			t.Errorf("%d steps: %+v", steps, p.found)
		}
	}
}

// TestA61_Chain: messages that descend into each other in a row are checked once, rather
// than each with all that follow.
func TestA61_Chain(t *testing.T) {
	const n = 300
	var text strings.Builder
	for i := n; i > 0; i-- {
		fmt.Fprintf(&text, "message C%d { string c%d = 1 [(kalix.field).jwt.claim = INCLUDE]; C%d next = 2 [(kalix.field).jwt.claim = DESCEND]; }\n", i-1, i-1, i)
	}
	fmt.Fprintf(&text, "message C%d {}\n", n)
	p := &pass{facts: newFacts(protokit.Read(t, sources(t, map[string]string{"t.proto": text.String()})), Options{})}
	duplicateClaim(p)
	if took := maxSteps - p.flat.Budget; took > 3*n {
		t.Errorf("%d messages took %d steps", n, took)
	}
}
