package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "google.golang.org/grpc/interop" // registers the descriptors of its services
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// interopCases are those of grpc-go's interop client that need no cloud and one server.
var interopCases = strings.Fields(`empty_unary large_unary client_streaming server_streaming ping_pong empty_stream
	timeout_on_sleeping_server cancel_after_begin cancel_after_first_response status_code_and_message
	special_status_message custom_metadata unimplemented_method unimplemented_service
	orca_per_rpc orca_oob rpc_soak channel_soak`)

// interopSuite is grpc-go's interop client and server, in plaintext and with TLS.
type interopSuite struct {
	name    string
	guarded bool
	// inProcess is under the interceptors of grpcauth, not through the proxy; ownHandlers is
	// without another server behind, by the handlers of grpc-go's interop server.
	inProcess, ownHandlers bool
}

func (i interopSuite) suite() suite {
	return suite{name: i.name, quick: true, run: func(ctx context.Context, b *bench) (*result, error) {
		s, err := interopSetup(ctx, b, i.name, i.guarded)
		if err != nil {
			return nil, err
		}
		if i.inProcess {
			s.JWTCTL = b.self
		}
		cases := interopCases
		if i.ownHandlers {
			s.Policy = append(s.Policy, "--own-handlers")
			// Only grpc-go's own programs may report as often as the client asks for.
			cases = slices.DeleteFunc(slices.Clone(cases), func(name string) bool { return name == "orca_oob" })
		}
		r := &result{suite: i.name}
		for _, secure := range []bool{false, true} {
			if err := runInterop(ctx, b, s, cases, secure, r); err != nil {
				return nil, err
			}
		}
		return r, nil
	}}
}

func interopSetup(ctx context.Context, b *bench, name string, guarded bool) (setup, error) {
	if !guarded {
		set := filepath.Join(b.work, "interop.binpb")
		if err := writeDescriptors(set, "grpc.testing.TestService", loadReports); err != nil {
			return setup{}, err
		}
		return b.setup(name, "--descriptor-set", set)
	}
	set := filepath.Join(b.work, "reports.binpb") // policy/bearer.proto has the other service
	if err := writeDescriptors(set, loadReports); err != nil {
		return setup{}, err
	}
	s, err := b.setup(name, "--proto", b.guards("bearer.proto"), "--descriptor-set", set)
	if err != nil {
		return setup{}, err
	}
	s.Token, err = b.token(ctx)
	return s, err
}

const loadReports = "xds.service.orca.v3.OpenRcaService"

// writeDescriptors writes the descriptors of services that this program links in.
func writeDescriptors(path string, services ...protoreflect.FullName) error {
	set := &descriptorpb.FileDescriptorSet{}
	done := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if done[f.Path()] {
			return
		}
		done[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
	}
	for _, name := range services {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		add(d.ParentFile())
	}
	text, err := proto.Marshal(set)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// runInterop runs cases against one server, directly and through a proxy in
// front of it, and adds them to r.
func runInterop(ctx context.Context, b *bench, s setup, cases []string, secure bool, r *result) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cert, key, err := newCertificate()
	if err != nil {
		return err
	}
	files := map[string][]byte{"cert.pem": cert, "key.pem": key}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(filepath.Join(s.Work, name), files[name], 0o600); err != nil {
			return err
		}
	}
	certFile := filepath.Join(s.Work, "cert.pem")
	port, err := startInteropServer(ctx, b, secure, certFile, filepath.Join(s.Work, "key.pem"))
	if err != nil {
		return err
	}
	var pems tlsFiles
	if secure {
		pems = tlsFiles{cert: cert, key: key, upstreamCA: cert}
	}
	p, err := s.startProxy(ctx, "127.0.0.1:"+port, pems)
	if err != nil {
		return err
	}
	defer p.stop()
	for _, run := range []struct {
		o    *outcome
		port string
	}{{&r.direct, port}, {&r.through, strconv.FormatUint(uint64(p.port), 10)}} {
		if run.o.failed == nil {
			run.o.failed = map[string]string{}
		}
		for _, name := range cases {
			args := []string{"--server_host=127.0.0.1", "--server_port=" + run.port, "--test_case=" + name}
			if secure {
				args = append(args, "--use_tls", "--use_test_ca", "--ca_file="+certFile, "--server_host_override=localhost")
			}
			if strings.HasPrefix(name, "orca_") { // what has the client ask for load reports
				args = append(args, `--service_config_json={"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}`)
			}
			if strings.HasSuffix(name, "_soak") { // by default, one call over a second fails: the machine may be slow
				args = append(args, "--soak_per_iteration_max_acceptable_latency_ms=60000", "--soak_overall_timeout_seconds=120")
			}
			if s.Token != "" {
				args = append(args, "--additional_metadata=authorization:Bearer "+s.Token)
			}
			run.o.total++
			if text := runInteropCase(ctx, b, args); text != "" {
				run.o.failed[fmt.Sprintf("%s/TLS:%t", name, secure)] = text
			}
		}
	}
	return nil
}

// lateCancel is what the client says where its cancellation came after the response:
// which comes first is chance.
const lateCancel = "CloseAndRecv() got error code 0, want 1"

// runInteropCase returns what the client complains of, "" if nothing. It runs a case again
// that was cancelled too late, twice at most.
func runInteropCase(ctx context.Context, b *bench, args []string) string {
	text := tryInteropCase(ctx, b, args)
	for again := 0; again < 2 && strings.Contains(text, lateCancel); again++ {
		text = tryInteropCase(ctx, b, args)
	}
	return text
}

func tryInteropCase(ctx context.Context, b *bench, args []string) string {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, b.program("client"), args...).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("\t%v\n\t%s", err, strings.ReplaceAll(strings.TrimSpace(string(out)), "\n", "\n\t"))
	}
	return ""
}

var interopListening = regexp.MustCompile(`interop server listening on .*:(\d+)$`)

// startInteropServer starts grpc-go's interop server and returns its port; ctx
// ends it.
func startInteropServer(ctx context.Context, b *bench, secure bool, cert, key string) (string, error) {
	cmd := exec.CommandContext(ctx, b.program("server"), "--port=0", fmt.Sprintf("--use_tls=%t", secure), "--tls_cert_file="+cert, "--tls_key_file="+key)
	cmd.Env = append(os.Environ(), "GRPC_GO_LOG_SEVERITY_LEVEL=info")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	go func() { <-ctx.Done(); _ = cmd.Wait() }()
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if found := interopListening.FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, stderr) }()
			return found[1], nil
		}
	}
	return "", fmt.Errorf("the interop server did not start")
}
