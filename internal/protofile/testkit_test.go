package protofile

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// extension is the field number of the vendor's options.
const extension = 1080

const fixtures = "../../testdata/proto"

func load(tb testing.TB, src Sources) *descset.Set {
	tb.Helper()
	set, err := Load(context.Background(), src)
	if err != nil {
		tb.Fatalf("%+v: %v", src, err)
	}
	return set
}

// refused loads src, which must fail with code and with want in its text, within the time
// and memory for hostile input (S51, S52).
func refused(t *testing.T, src Sources, code fault.Code, want string) {
	t.Helper()
	_, err := measured(t, src)
	if err == nil {
		t.Fatalf("loaded, want %s", code)
	}
	if fault.CodeOf(err) != code || !strings.Contains(err.Error(), want) {
		t.Errorf("got %s: %v\nwant %s: …%s…", fault.CodeOf(err), err, code, want)
	}
	if fault.ClassOf(err) != fault.Undecided {
		t.Errorf("class %d: %v, want %d", fault.ClassOf(err), err, fault.Undecided)
	}
	if strings.Contains(err.Error(), "panic") || len(err.Error()) > 5000 {
		t.Errorf("message too long for a person: %.5000s", err)
	}
}

// measured loads src and checks the time and memory that it takes.
func measured(tb testing.TB, src Sources) (*descset.Set, error) {
	tb.Helper()
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		most := uint64(0)
		for {
			select {
			case <-stop:
				peak <- most
				return
			case <-time.After(5 * time.Millisecond):
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc)
			}
		}
	}()
	var set *descset.Set
	var err error
	took := testkit.AllCPU(func() { set, err = Load(context.Background(), src) })
	close(stop)
	heap := int64(<-peak) - int64(before.HeapAlloc)
	tb.Logf("%s, %d MiB", took.Round(time.Millisecond), heap>>20)
	if took > time.Minute { // 2 s on an idle machine; without the limits it took minutes
		tb.Errorf("took %s", took)
	}
	if heap > 256<<20 {
		tb.Errorf("took %d MiB", heap>>20)
	}
	return set, err
}

// protoc compiles files of dir with Debian's protoc, our schema and google/api, and
// returns the path of the descriptor set.
func protoc(tb testing.TB, dir string, files []string, flags ...string) string {
	tb.Helper()
	return protocWith(tb, []string{dir, own}, files, flags...)
}

func protocWith(tb testing.TB, paths, files []string, flags ...string) string {
	tb.Helper()
	out := filepath.Join(tb.TempDir(), "set.binpb")
	args := append([]string{"-o", out, "--descriptor_set_in=" + withBundle(tb)}, flags...)
	for _, p := range paths {
		args = append(args, "-I"+p)
	}
	cmd := exec.Command("protoc", append(args, files...)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("protoc (installed by make tools): %v\n%s", err, text)
	}
	return out
}

// withBundle writes the files that jwtctl bundles, and protoc does not have, as a set.
func withBundle(tb testing.TB) string {
	tb.Helper()
	set, unpacked := &descriptorpb.FileDescriptorSet{}, testkit.Must(gzip.NewReader(bytes.NewReader(testkit.Must(os.ReadFile(own+"/bundle.binpb.gz")))))
	if err := proto.Unmarshal(testkit.Must(io.ReadAll(unpacked)), set); err != nil {
		tb.Fatal(err)
	}
	for _, name := range []string{"descriptor", "any", "duration", "timestamp", "empty", "struct", "field_mask", "wrappers"} {
		set.File = slices.DeleteFunc(set.File, func(f *descriptorpb.FileDescriptorProto) bool { return f.GetName() == "google/protobuf/"+name+".proto" })
		set.File = append([]*descriptorpb.FileDescriptorProto{protodesc.ToFileDescriptorProto(testkit.Must(protoregistry.GlobalFiles.FindFileByPath("google/protobuf/" + name + ".proto")))}, set.File...)
	}
	return testkit.File(tb, filepath.Join(tb.TempDir(), "bundle.binpb"), marshal(tb, set))
}

// bundleOf returns files after their imports.
func bundleOf(files ...protoreflect.FileDescriptor) *descriptorpb.FileDescriptorSet {
	set := &descriptorpb.FileDescriptorSet{}
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
	}
	for _, f := range files {
		add(f)
	}
	return set
}

func marshal(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func readSet(tb testing.TB, path string) *descriptorpb.FileDescriptorSet {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(data, set); err != nil {
		tb.Fatal(err)
	}
	return set
}

// model describes a set: every element of its files, and every annotation; with
// positions if withPositions is set.
func model(set *descset.Set, withPositions bool) string {
	var b strings.Builder
	line := func(d protoreflect.Descriptor, format string, args ...any) {
		fmt.Fprintf(&b, "%s "+format, append([]any{d.FullName()}, args...)...)
		if a := set.Annotation(d); a != nil {
			fmt.Fprintf(&b, " [%s]", text(a.JWT))
			if withPositions {
				fmt.Fprintf(&b, " %d:%d", a.Position().Line, a.Position().Column)
			}
		}
		b.WriteByte('\n')
	}
	for _, m := range set.Messages() {
		line(m, "message")
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			kind := f.Kind().String()
			if f.Message() != nil {
				kind = string(f.Message().FullName())
			}
			line(f, "= %d %s %s", f.Number(), f.Cardinality(), kind)
		}
	}
	for _, s := range set.Services() {
		line(s, "service")
		for i := range s.Methods().Len() {
			m := s.Methods().Get(i)
			line(m, "(%s) %s", m.Input().FullName(), m.Output().FullName())
		}
	}
	return b.String()
}

func text(m protoreflect.Message) string {
	return strings.ReplaceAll(prototext.MarshalOptions{}.Format(m.Interface()), "  ", " ")
}

// noTypes leaves extensions unknown.
var noTypes = (*protoregistry.Types)(nil)

// linked returns a file of protobuf that a generated package contains; nil if none does.
func linked(name string) protoreflect.FileDescriptor {
	f, _ := protoregistry.GlobalFiles.FindFileByPath(name)
	if !descset.IsWellKnown(name) {
		return nil
	}
	return f
}

// find returns the element called name in set.
func find(set *descset.Set, name string) (protoreflect.Descriptor, error) {
	var all protoregistry.Files
	for _, f := range set.Files() {
		if err := all.RegisterFile(f.Descriptor); err != nil {
			return nil, err
		}
	}
	return all.FindDescriptorByName(protoreflect.FullName(name))
}

// Limits of package descset, which these tests go up to.
const (
	maxSet      = 64 << 20
	maxSetNodes = maxSet / 64
	// bufExtension marks files in a Buf image that others import.
	bufExtension = 8042
)

// annotationsOf returns all of set, by the name of the annotated element.
func annotationsOf(set *descset.Set) map[protoreflect.FullName]*descset.Annotation {
	all := map[protoreflect.FullName]*descset.Annotation{}
	add := func(d protoreflect.Descriptor) {
		if a := set.Annotation(d); a != nil {
			all[d.FullName()] = a
		}
	}
	var within func(interface {
		Messages() protoreflect.MessageDescriptors
		Extensions() protoreflect.ExtensionDescriptors
	})
	within = func(parent interface {
		Messages() protoreflect.MessageDescriptors
		Extensions() protoreflect.ExtensionDescriptors
	}) {
		for i := range parent.Extensions().Len() {
			add(parent.Extensions().Get(i))
		}
		for i := range parent.Messages().Len() {
			m := parent.Messages().Get(i)
			add(m)
			for j := range m.Fields().Len() {
				add(m.Fields().Get(j))
			}
			within(m)
		}
	}
	for _, f := range set.Files() {
		within(f.Descriptor)
		for i := range f.Descriptor.Services().Len() {
			s := f.Descriptor.Services().Get(i)
			add(s)
			for j := range s.Methods().Len() {
				add(s.Methods().Get(j))
			}
		}
	}
	return all
}
