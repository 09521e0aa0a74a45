package cli

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// kubeMount puts files into dir as kubelet does: names are links through a link to a
// folder of this version, which changes atomically.
func kubeMount(t *testing.T, dir, version string, content map[string][]byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, version), 0o700); err != nil {
		t.Fatal(err)
	}
	link := func(to, from string) {
		t.Helper()
		if err := os.Symlink(to, from+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(from+".new", from); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range content {
		if err := os.WriteFile(filepath.Join(dir, version, name), data, 0o440); err != nil { // the effect of fsGroup on 0400
			t.Fatal(err)
		}
	}
	link(version, filepath.Join(dir, "..data"))
	for name := range content {
		link("..data/"+name, filepath.Join(dir, name))
	}
}

// TestKubernetesManifestsRun runs the commands of the manifests on files as kubelet
// mounts them: a good call passes, a bad one does not, and a changed certificate is used.
func TestKubernetesManifestsRun(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"gateway.yaml", "sidecar.yaml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, root := openLayout(t, name), t.TempDir()
			ca, next := newAuthority(t, filepath.Join(root, "ca.pem")), newAuthority(t, filepath.Join(root, "next.pem"))
			secret := func(a *authority) map[string][]byte {
				pair := filepath.Join(root, "pair")
				a.pair(pair)
				return map[string][]byte{"tls.crt": testkit.Must(os.ReadFile(pair + ".crt")), "tls.key": testkit.Must(os.ReadFile(pair + ".key")), "ca.crt": testkit.Must(os.ReadFile(ca.file))}
			}
			sign, issuer := issuerOf(t, root)
			key := filepath.Join(root, "signing.pem")
			newFake(t).run(t, 0, "keygen", "-q", "-o", key)
			local := strings.NewReplacer("https://accounts.example.com/jwks.json", issuer, "/etc/", root+"/etc/").Replace
			policy := map[string][]byte{}
			for file, text := range l.objects["ConfigMap"][0].Data {
				policy[file] = []byte(local(text))
			}
			kubeMount(t, root+"/etc/jwtctl", "..1", policy)
			kubeMount(t, root+"/etc/tls", "..1", secret(ca))
			kubeMount(t, root+"/etc/upstream-tls", "..1", secret(ca))
			kubeMount(t, root+"/etc/signing", "..1", map[string][]byte{"key.priv.pem": testkit.Must(os.ReadFile(key))})
			var o []grpc.ServerOption
			if l.value("upstream-tls") == "true" {
				o = append(o, grpc.Creds(credentials.NewTLS(&tls.Config{
					Certificates: []tls.Certificate{ca.pair(filepath.Join(root, "upstream"))}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool(),
				})))
			}
			u := startEcho(t, o...)
			args := make([]string, len(l.proxy.Args)-1)
			ports := strings.NewReplacer(l.value("upstream"), u.addr, "=:8443", "=127.0.0.1:0", "=:9090", "=127.0.0.1:0")
			for i, arg := range l.proxy.Args[1:] {
				args[i] = ports.Replace(local(arg))
			}
			r := startProxy(t, root, u.addr, args...)
			call := func(a *authority, token string) codes.Code {
				conn := r.dial(credentials.NewTLS(&tls.Config{RootCAs: a.pool()}))
				defer func() { _ = conn.Close() }()
				return r.call(conn, "/shop.Shop/Buy", token)
			}
			good := sign(`{"iss":"https://accounts.example.com","sub":"alice","exp":4102444800}`)
			if got := call(ca, good); got != codes.OK {
				t.Errorf("a valid call: got %v, want %v\n%s", got, codes.OK, r.err.String())
			}
			if got := call(ca, sign(ofMe)); got != codes.Unauthenticated {
				t.Errorf("a call with a token of another issuer: got %v, want %v", got, codes.Unauthenticated)
			}
			for _, path := range []string{l.proxy.LivenessProbe.HTTPGet.Path, l.proxy.ReadinessProbe.HTTPGet.Path} {
				if status, _ := r.get(path); status != http.StatusOK {
					t.Errorf("%s: got %d, want %d", path, status, http.StatusOK)
				}
			}
			kubeMount(t, root+"/etc/tls", "..2", secret(next))
			r.eventually("the next certificate", func() bool { return call(next, good) == codes.OK })
		})
	}
}

// issuerOf serves an issuer's key set over HTTP, and returns a function that signs with
// its key.
func issuerOf(t *testing.T, dir string) (sign func(string) string, url string) {
	t.Helper()
	key := filepath.Join(dir, "issuer.jwk")
	sign = makeKey(t, key)
	set := newFake(t).run(t, 0, "jwks", "--key", key)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, set) }))
	t.Cleanup(s.Close)
	return sign, s.URL + "/jwks.json"
}
