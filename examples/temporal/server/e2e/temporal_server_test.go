//go:build !server130

package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	auth "go.temporal.io/server/common/authorization"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/examples/temporal/server/standalone"
)

// setup is an operator's set-up of the program temporal-server: a static YAML, or the
// variables of a container whose image ends in "temporal-server start".
type setup struct {
	authorization string // the section of the static YAML
	more          string // top-level keys of it
	env           string // the variables, instead of a static YAML
	services      []string
}

// file returns the name and the text of the file for doctor.
func (s setup) file(t *testing.T) (name, text string) {
	t.Helper()
	if s.env != "" {
		return ".env", s.env
	}
	base, err := os.ReadFile(filepath.Join("..", "standalone", "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(base), "  authorization:\n")
	_, after, foundEnd := strings.Cut(rest, "\npersistence:\n")
	if !found || !foundEnd {
		t.Fatal("standalone/config.yaml has changed its form")
	}
	text = before + "  authorization:\n" + indent(s.authorization, "    ") + "\npersistence:\n" + after + s.more
	if !slices.Contains(s.services, "internal-frontend") {
		text = regexp.MustCompile(`(?m)^  internal-frontend:\n.*\n`).ReplaceAllString(text, "")
	}
	return "server.yaml", text
}

func indent(text, by string) string {
	return regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(text, by+"$1")
}

func allServices() []string {
	return []string{"frontend", "internal-frontend", "history", "matching", "worker"}
}

// program is a running temporal-server.
type program struct {
	*process
	address string
}

// startProgram starts temporal-server with s. Key sources on other machines are fetched
// through the proxy.
func startProgram(t *testing.T, here place, s setup, proxy string) *program {
	t.Helper()
	binary := temporalServer(t)
	port := freePort(t)
	here.dir = t.TempDir() // a separate database
	here.terminated = anyExit
	here = here.with("HTTP_PROXY=" + proxy)
	args := []string{"start"}
	if s.env != "" {
		here = here.with(strings.Split(strings.TrimSpace(s.env), "\n")...).with(containerSettings(port)...)
	} else {
		name, text := s.file(t)
		text = movedPorts(text, port)
		if err := os.WriteFile(filepath.Join(here.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = []string{"--config-file", name, "start"}
		for _, service := range s.services {
			args = append(args, "--service", service)
		}
	}
	return &program{here.start(t, binary, args...), net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
}

// movedPorts returns a text of standalone/config.yaml with the frontend at port, and a
// log.
func movedPorts(text string, port int) string {
	moved := regexp.MustCompile(`(Port: |127\.0\.0\.1:)(7\d{3}|6\d{3})\b`).ReplaceAllStringFunc(text, func(found string) string {
		i := strings.LastIndexAny(found, ": ") + 1
		n, _ := strconv.Atoi(found[i:])
		return found[:i] + strconv.Itoa(n-standalone.DefaultPort+port)
	})
	return strings.Replace(moved, "stdout: false", "stdout: true", 1)
}

// containerSettings are the variables of a container that are unrelated to authorization.
func containerSettings(port int) []string {
	list := []string{"DB=sqlite", "SQLITE_MODE=memory", "SQLITE_CACHE=shared", "LOG_LEVEL=warn", "DYNAMIC_CONFIG_FILE_PATH=" + os.DevNull}
	for name, usual := range map[string]int{
		"FRONTEND_GRPC_PORT": 7233, "FRONTEND_MEMBERSHIP_PORT": 6933, "FRONTEND_HTTP_PORT": 7243,
		"INTERNAL_FRONTEND_GRPC_PORT": 7236, "INTERNAL_FRONTEND_MEMBERSHIP_PORT": 6936, "INTERNAL_FRONTEND_HTTP_PORT": 7246,
		"HISTORY_GRPC_PORT": 7234, "HISTORY_MEMBERSHIP_PORT": 6934, "MATCHING_GRPC_PORT": 7235, "MATCHING_MEMBERSHIP_PORT": 6935,
		"WORKER_GRPC_PORT": 7239, "WORKER_MEMBERSHIP_PORT": 6939,
	} {
		list = append(list, fmt.Sprintf("%s=%d", name, usual-standalone.DefaultPort+port))
	}
	return list
}

// ended waits until the program has ended and returns its output.
func (p *program) ended(t *testing.T) string {
	t.Helper()
	eventually(t, "the server ends", func() error {
		select {
		case <-p.done:
			return nil
		default:
			return fmt.Errorf("it still runs: %s", redact(p.log()))
		}
	})
	return p.log()
}

// denied makes a call once the server responds, and reports whether it refuses the call.
// The header is NAME: VALUE.
func (p *program) denied(t *testing.T, api, namespace, header, value string) bool {
	t.Helper()
	conn, err := grpc.NewClient(p.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var answer error
	eventually(t, "an answer of the server", func() error {
		select {
		case <-p.done:
			t.Fatalf("the server has ended:\n%s", redact(p.log()))
		default:
		}
		ctx, cancel := callContext()
		defer cancel()
		if value != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, header, value)
		}
		if answer = call(ctx, t, conn, denialCase{api: api, namespace: namespace}); status.Code(answer) == codes.Unavailable {
			return answer
		}
		return nil
	})
	return status.Convert(answer).Message() == auth.RequestUnauthorized
}

// temporalServer is Temporal's own program, in the folder of built programs, where a
// second build finds it up to date.
func temporalServer(t *testing.T) string {
	t.Helper()
	binary, err := builtServer()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

var builtServer = sync.OnceValues(func() (string, error) {
	binary, err := filepath.Abs(executable(filepath.Join(moduleRoot, "bin"), "temporal-server"))
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", binary, "go.temporal.io/server/cmd/server")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build go.temporal.io/server/cmd/server: %w\n%s", err, out)
	}
	return binary, nil
})
