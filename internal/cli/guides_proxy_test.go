package cli

import (
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/protofile"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestProxyGuide runs the transcripts of docs/proxy.md with the real grpcurl, in front of
// a server as described there.
func TestProxyGuide(t *testing.T) {
	t.Parallel()
	tool := exec.Command("go", "tool", "-n", "grpcurl")
	tool.Dir = "../../examples/proxy"
	grpcurl, err := tool.Output()
	if err != nil {
		t.Fatal(err)
	}
	g, dir := openGuide(t, "../../docs/proxy.md"), t.TempDir()
	for _, b := range blocksOf(g.text) {
		if _, name, isFile := strings.Cut(b.info, " "); isFile {
			writeText(t, filepath.Join(dir, name), b.text)
		}
	}
	_, port, err := net.SplitHostPort(startShop(t, filepath.Join(dir, "shop.proto")))
	if err != nil {
		t.Fatal(err)
	}
	var there, back []string
	for _, p := range [][2]string{{"9000", port}, {"8080", freePort(t)}, {"9090", freePort(t)}, {"8443", freePort(t)}, {"8081", freePort(t)}} {
		there, back = append(there, "127.0.0.1:"+p[0], "127.0.0.1:"+p[1]), append(back, "127.0.0.1:"+p[1], "127.0.0.1:"+p[0])
	}
	g.run(t, dir, "grpcurl() { "+strings.TrimSpace(string(grpcurl))+` "$@"; }`, strings.NewReplacer(there...).Replace(g.text))
	for i := range g.edits {
		shown := strings.NewReplacer(back...)
		g.edits[i] = edit{shown.Replace(g.edits[i].old), shown.Replace(g.edits[i].new)}
	}
}

// startShop starts the server of the guide, and returns its address.
func startShop(t *testing.T, path string) string {
	t.Helper()
	set, err := protofile.Load(t.Context(), protofile.Sources{Protos: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, ss grpc.ServerStream) error {
		name, _ := grpc.MethodFromServerStream(ss)
		m := set.Method(strings.TrimPrefix(name, "/"))
		in, out := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
		if err := ss.RecvMsg(in); err != nil {
			return err
		}
		out.Set(out.Descriptor().Fields().ByName("item"), in.Get(in.Descriptor().Fields().ByName("item")))
		if buyer := out.Descriptor().Fields().ByName("buyer"); buyer != nil {
			md, _ := metadata.FromIncomingContext(ss.Context())
			out.Set(buyer, protoreflect.ValueOfString(strings.Join(md[enforce.ClaimPrefix+"sub"], ",")))
		}
		return ss.SendMsg(out)
	}))
	files := &protoregistry.Files{}
	for _, f := range set.Files() {
		if err := files.RegisterFile(f.Descriptor); err != nil {
			t.Fatal(err)
		}
	}
	grpc_reflection_v1.RegisterServerReflectionServer(s, reflection.NewServerV1(reflection.ServerOptions{
		Services: s, DescriptorResolver: resolver{files, protoregistry.GlobalFiles},
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

// resolver tries its first, and then its second resolver.
type resolver [2]protodesc.Resolver

func (r resolver) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if f, err := r[0].FindFileByPath(path); err == nil {
		return f, nil
	}
	return r[1].FindFileByPath(path)
}

func (r resolver) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if d, err := r[0].FindDescriptorByName(name); err == nil {
		return d, nil
	}
	return r[1].FindDescriptorByName(name)
}

// TestProxyGuideIsTrue: the table of statuses in docs/proxy.md agrees with the code, and
// has every code of UNAUTHENTICATED.
func TestProxyGuideIsTrue(t *testing.T) {
	t.Parallel()
	text := testkit.Read(t, "../../docs/proxy.md")
	_, statuses, _ := strings.Cut(text, "## 4.")
	statuses, _, _ = strings.Cut(statuses, "## 5.")
	codes := 0
	for _, row := range regexp.MustCompile(`(?m)^\| ([A-Z_]+) \| (.*) \|$`).FindAllStringSubmatch(statuses, -1) {
		for _, code := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[2], -1) {
			codes++
			if row[1] == "RESOURCE_EXHAUSTED" && code[1] == string(fault.LimitExceeded) { // TestS66_MetadataLimit
				continue
			}
			if got := fault.Lookup(fault.Code(code[1])).GRPC.String(); got != row[1] {
				t.Errorf("%s: got %s, the guide has %s", code[1], got, row[1])
			}
		}
	}
	if codes < 15 {
		t.Errorf("the guide has only %d codes", codes)
	}
	for row := range fault.Table {
		if row.GRPC == fault.GRPCUnauthenticated && !strings.Contains(statuses, "`"+string(row.Code)+"`") {
			t.Errorf("the guide does not have %s", row.Code)
		}
	}
}
