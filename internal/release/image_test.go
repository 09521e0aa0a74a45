//go:build shipping

package release

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestImage builds the Dockerfile with buildah, and starts the result as the image
// specifies: with its user, its entry point, and only its files.
//
// There is no registry here. The name of the build stage's image refers to one with
// busybox and Debian's certificates, and Go comes from this machine.
func TestImage(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { // the key of RFC 7517, appendix A.1
		_, _ = io.WriteString(w, `{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // a handshake is refused below
	t.Cleanup(server.Close)
	b := newBuildah(t)
	b.base(t, pinnedImage(t), server.Certificate())
	b.run(t, "build", "--isolation", "chroot", "--pull-never", "--network", "host",
		"--volume", goEnv(t, "GOROOT")+":/usr/local/go:ro", "--volume", goEnv(t, "GOMODCACHE")+":/go/pkg/mod", "--volume", goEnv(t, "GOCACHE")+":/cache",
		"--build-arg", "VERSION=1.2.3", "--build-arg", "COMMIT=abc", "--build-arg", "DATE=2026-01-02T03:04:05Z", "--tag", "jwtctl", root)

	t.Run("configuration", func(t *testing.T) {
		var got struct {
			OCIv1 struct {
				Config struct {
					User       string
					Entrypoint []string
				}
			}
		}
		if err := json.Unmarshal(b.run(t, "inspect", "--type", "image", "jwtctl"), &got); err != nil {
			t.Fatal(err)
		}
		if c := got.OCIv1.Config; c.User != "65532:65532" || !slices.Equal(c.Entrypoint, []string{"/usr/bin/jwtctl"}) {
			t.Errorf("got %+v", c)
		}
	})
	files := b.mount(t, "jwtctl")
	t.Run("files", func(t *testing.T) {
		want := []string{"etc/ssl/certs/ca-certificates.crt", "usr/bin/jwtctl", "usr/share/doc/jwtctl/LICENSE"}
		if got := tree(t, files); !slices.Equal(got, want) {
			t.Errorf("got files %v, want %v", got, want)
		}
	})
	t.Run("version", func(t *testing.T) {
		if got, ok := contained(t, files, "version"); !ok || !strings.HasPrefix(got, "jwtctl 1.2.3\ncommit    abc\ndate      2026-01-02T03:04:05Z\n") {
			t.Error(got)
		}
	})
	t.Run("proxy", func(t *testing.T) {
		if got, ok := contained(t, files, "proxy", "--help"); !ok || !strings.Contains(got, "--upstream") {
			t.Error(got)
		}
	})
	const token = "eyJhbGciOiJFUzI1NiIsImtpZCI6Im5vbmUifQ.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" // of an unknown key
	t.Run("https", func(t *testing.T) {                                                                                                               // the set arrives, so the server was trusted: the bundle of the image was found
		if got, ok := contained(t, files, "inspect", token, "--jwks", server.URL); ok || !strings.Contains(got, `no key has the id "none"`) {
			t.Error(got)
		}
	})
	t.Run("https, not in the bundle", func(t *testing.T) {
		if out, err := asRoot(t.Context(), "rm", filepath.Join(files, "etc/ssl/certs/ca-certificates.crt")).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got, ok := contained(t, files, "inspect", token, "--jwks", server.URL); ok || !strings.Contains(got, "x509") {
			t.Error(got)
		}
	})
}

// contained runs the program of an image like a container does: with only its files, its
// user, no environment.
func contained(t *testing.T, files string, args ...string) (output string, ok bool) {
	t.Helper()
	cmd := asRoot(t.Context(), "env", append([]string{"-i", "PATH=/usr/sbin:/usr/bin", "chroot", "--userspec=65532:65532", files, "/usr/bin/jwtctl"}, args...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// asRoot is a command that may mount and change its root; make tools also uses sudo for
// what requires root.
func asRoot(ctx context.Context, name string, args ...string) *exec.Cmd {
	if os.Geteuid() == 0 {
		return exec.CommandContext(ctx, name, args...)
	}
	return exec.CommandContext(ctx, "sudo", append([]string{"-n", name}, args...)...)
}

// pinnedImage is the image of the build stage.
func pinnedImage(t *testing.T) string {
	t.Helper()
	for line := range strings.Lines(readText(t, "Dockerfile")) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "FROM" && strings.HasPrefix(f[2], "golang:") {
			return f[2]
		}
	}
	t.Fatal("the Dockerfile has no Go image")
	return ""
}

// buildah keeps its images in a folder of the test.
type buildah struct{ dir string }

func newBuildah(t *testing.T) buildah {
	t.Helper()
	dir, err := os.MkdirTemp("", "jwtctl-image-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // not t.TempDir: the files belong to root
		if out, err := asRoot(context.Background(), "rm", "-rf", dir).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	return buildah{dir}
}

// base makes the image that the build stage starts from.
func (b buildah) base(t *testing.T, name string, extra *x509.Certificate) {
	t.Helper()
	container := strings.TrimSpace(string(b.run(t, "from", "scratch")))
	bundle, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		t.Fatal(err)
	}
	bundle = append(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: extra.Raw})...)
	authorities := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(authorities, bundle, 0o644); err != nil {
		t.Fatal(err)
	}
	b.run(t, "copy", container, "/bin/busybox", "/bin/sh")
	b.run(t, "copy", container, authorities, "/etc/ssl/certs/ca-certificates.crt")
	for _, folder := range []string{"/tmp/", "/usr/local/go/", "/go/", "/cache/"} {
		b.run(t, "copy", container, t.TempDir(), folder)
	}
	b.run(t, "config", "--env", "PATH=/usr/local/go/bin:/bin", "--env", "GOPATH=/go", "--env", "GOCACHE=/cache", container)
	b.run(t, "commit", "--quiet", container, "docker.io/library/"+name)
}

// mount returns the folder with an image's files.
func (b buildah) mount(t *testing.T, image string) string {
	t.Helper()
	container := strings.TrimSpace(string(b.run(t, "from", "--pull-never", image)))
	return strings.TrimSpace(string(b.run(t, "mount", container)))
}

// run returns buildah's stdout. The storage driver vfs needs no support from the kernel.
func (b buildah) run(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := asRoot(t.Context(), "buildah", append([]string{"--root", b.dir + "/root", "--runroot", b.dir + "/run", "--storage-driver", "vfs"}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, errs.String())
	}
	return out
}

// tree lists the files in a folder, which may be readable only by root.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	out, err := asRoot(t.Context(), "find", dir, "-not", "-type", "d", "-printf", `%P\n`).Output()
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(string(out))
	slices.Sort(names)
	return names
}
