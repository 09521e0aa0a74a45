package differential

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// schema is what readers get before messages of it.
type schema struct {
	lab  *policytest.Lab
	text string                          // of the .proto file
	set  *descriptorpb.FileDescriptorSet // with all imports except annotations
}

// seen is how a reader reads one message.
type seen struct {
	Message map[string]any `json:"message"`
	Error   string         `json:"error"`
}

// reader is an implementation of protobuf. read returns what it sees in messages of type
// t.M; nil for a schema that it cannot read.
type reader interface {
	read(tb testing.TB, s schema, messages [][]byte) []seen
}

// process is a reader that runs until the test ends.
type process struct {
	in     io.Writer
	out    *bufio.Reader
	source bool // takes .proto text, not descriptors
}

// start runs a reader; its stderr is shown.
func start(tb testing.TB, source bool, env []string, name string, args ...string) *process {
	tb.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = tb.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatalf("%v: install it with make tools", err)
	}
	tb.Cleanup(func() {
		_ = in.Close()
		ended := time.AfterFunc(testkit.Timeout, func() { _ = cmd.Process.Kill() })
		defer ended.Stop()
		if err := cmd.Wait(); err != nil {
			tb.Errorf("%s: %v", name, err)
		}
	})
	return &process{in: in, out: bufio.NewReaderSize(out, 1<<20), source: source}
}

func (p *process) read(tb testing.TB, s schema, messages [][]byte) []seen {
	tb.Helper()
	var requests []map[string]any
	if p.source {
		requests = append(requests, map[string]any{"source": s.text})
	} else {
		set, err := proto.Marshal(s.set)
		if err != nil {
			tb.Fatal(err)
		}
		requests = append(requests, map[string]any{"set": set})
	}
	for _, m := range messages {
		requests = append(requests, map[string]any{"type": "t.M", "wire": append([]byte{}, m...)})
	}
	var all []seen
	for i, request := range requests {
		line, err := json.Marshal(request)
		if err == nil {
			_, err = p.in.Write(append(line, '\n'))
		}
		if err == nil {
			line, err = p.out.ReadBytes('\n')
		}
		var answer seen
		if err == nil {
			err = json.Unmarshal(line, &answer)
		}
		if err != nil {
			tb.Fatalf("the reader: %v", err)
		}
		if i > 0 {
			all = append(all, answer)
		} else if answer.Error != "" {
			tb.Fatalf("the schema: got %s, want none\n%s", answer.Error, s.text)
		}
	}
	return all
}

// protoc reads with protoc --decode, all messages of a schema in one run.
type protoc struct{ editions bool }

var libprotoc = regexp.MustCompile(`libprotoc (\d+)`)

func newProtoc(tb testing.TB) *protoc {
	tb.Helper()
	out, err := exec.Command("protoc", "--version").Output()
	if err != nil {
		tb.Fatalf("%v: install it with make tools", err)
	}
	version := libprotoc.FindSubmatch(out)
	return &protoc{editions: version != nil && len(version[1]) == 2 && string(version[1]) >= "27"}
}

// read wraps messages into one Batch { repeated M m = 1; }.
func (p *protoc) read(tb testing.TB, s schema, messages [][]byte) []seen {
	tb.Helper()
	if s.lab.Schema.Dialect == policytest.Edition2023 && !p.editions {
		return nil
	}
	set, err := proto.Marshal(s.set)
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "set.binpb")
	if err := os.WriteFile(path, set, 0o600); err != nil {
		tb.Fatal(err)
	}
	var batch []byte
	for _, m := range messages {
		batch = protowire.AppendBytes(protowire.AppendTag(batch, 1, protowire.BytesType), m)
	}
	cmd := exec.Command("protoc", "--descriptor_set_in="+path, "--decode=t.Batch")
	cmd.Stdin = bytes.NewReader(batch)
	text, err := cmd.Output()
	all := make([]seen, len(messages))
	if err != nil {
		for i := range all {
			all[i].Error = err.Error()
		}
		return all
	}
	blocks := strings.SplitAfter(string(text), "\n}\n")
	for i := range all {
		if i < len(blocks) {
			all[i] = p.parse(tb, s, blocks[i])
		}
	}
	return all
}

// parse reads one block "m { … }". A field without a name is unknown to protoc, which is a
// difference.
func (p *protoc) parse(tb testing.TB, s schema, block string) seen {
	tb.Helper()
	inner := strings.TrimSuffix(strings.TrimPrefix(block, "m {\n"), "}\n")
	m := dynamicpb.NewMessage(s.lab.Method.Desc.Input())
	if err := (prototext.UnmarshalOptions{Resolver: s.lab.Set.Types()}).Unmarshal([]byte(inner), m); err != nil {
		return seen{Error: err.Error()}
	}
	return seen{Message: form(s.lab.Set.Types(), m)}
}
