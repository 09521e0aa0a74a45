package jwks_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

func TestS13_OnlyPublicMembersAreServed(t *testing.T) {
	dir := t.TempDir()
	for i, alg := range []keys.Algorithm{keys.ES256, keys.ES384, keys.ES512, keys.RS256, keys.EdDSA} {
		write(t, dir, fmt.Sprintf("%d.pem", i), pemOf(t, newKey(t, alg, "")))
		write(t, dir, fmt.Sprintf("%d.jwk", i), jwkOf(t, newKey(t, alg, fmt.Sprintf("kid-%d", i))))
	}
	p := publish(t, folder(dir), jwks.HandlerOptions{})
	_, body := p.get(t, jwks.DefaultPath)
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal([]byte(body), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 10 {
		t.Fatalf("%d keys, want 10", len(set.Keys))
	}
	allowed := []string{"kty", "crv", "x", "y", "n", "e", "kid", "alg", "use", "key_ops", "x5t#S256"}
	for _, k := range set.Keys {
		for name := range k {
			if !slices.Contains(allowed, name) {
				t.Errorf("key %v has the member %q", k["kid"], name)
			}
		}
	}
}

func TestS13_RefusedAtStart(t *testing.T) {
	one, other := newKey(t, keys.ES256, "same"), newKey(t, keys.ES256, "same")
	for name, tc := range map[string]struct {
		files map[string][]byte
		want  fault.Code
	}{
		"secret":               {map[string][]byte{"a.jwk": jwkOf(t, newKey(t, keys.HS256, ""))}, fault.KeyIsSecret},
		"secret next to a key": {map[string][]byte{"a.jwk": jwkOf(t, newKey(t, keys.HS256, "")), "b.jwk": jwkOf(t, one)}, fault.KeyIsSecret},
		"two keys with one ID": {map[string][]byte{"a.jwk": jwkOf(t, one), "b.jwk": jwkOf(t, other)}, fault.KeyAmbiguous},
		"empty folder":         {nil, fault.KeySetEmpty},
		"broken file":          {map[string][]byte{"a.jwk": jwkOf(t, one), "b.pem": []byte("-----BEGIN ")}, fault.KeyFormatUnknown},
		"no key files":         {map[string][]byte{"README.md": []byte("hello"), ".a.pem": pemOf(t, one)}, fault.KeySetEmpty},
		"only rotation state":  {map[string][]byte{jwks.RotationState: []byte("{}")}, fault.KeySetEmpty},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, data := range tc.files {
				write(t, dir, file, data)
			}
			log := (&logBook{}).logger()
			_, err := jwks.NewPublisher((&jwks.Source{Folder: dir, Log: log}).Load, log, time.Now)
			if fault.CodeOf(err) != tc.want || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %v, want %s and the file", err, tc.want)
			}
		})
	}
}

func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.pem", "a.jwk", "c.json", ".hidden.pem", "..data.pem", "key.txt", "pem", "x.PEM", "x.pem.bak", jwks.RotationState} {
		write(t, dir, name, nil)
	}
	if err := errors.Join(
		os.Mkdir(filepath.Join(dir, "folder.pem"), 0o700),
		syscall.Mkfifo(filepath.Join(dir, "pipe.pem"), 0o600),
		os.Symlink("key.txt", filepath.Join(dir, "link.pem")),
		os.Symlink("folder.pem", filepath.Join(dir, "folderlink.pem")),
	); err != nil {
		t.Fatal(err)
	}
	paths, err := jwks.KeyFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range paths {
		names = append(names, filepath.Base(path))
	}
	if want := []string{"a.jwk", "b.pem", "c.json", "link.pem"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

func TestSamePairCountsOnce(t *testing.T) {
	dir := t.TempDir()
	k := newKey(t, keys.ES256, "")
	write(t, dir, "key.priv.pem", pemOf(t, k))
	write(t, dir, "key.pub.pem", pemOf(t, publicOf(t, k)))
	p := publish(t, folder(dir), jwks.HandlerOptions{})
	if got := p.kids(t); !slices.Equal(got, []string{k.ID()}) {
		t.Errorf("kids %v, want %s once", got, k.ID())
	}
}

// raw sends text unchanged and returns the response with its body.
func raw(t *testing.T, p *published, text string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(testkit.Timeout))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(text, " ")
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	return answer, bodyOf(t, answer)
}

// checkNoJSON fails if a JSON reader, of a whole body or a stream, would take an error
// response for an object or null, ignoring the status.
func checkNoJSON(t *testing.T, answer *http.Response, body string) {
	t.Helper()
	if kind := answer.Header.Get("Content-Type"); kind != "text/plain; charset=utf-8" {
		t.Errorf("content type %q, want %q", kind, "text/plain; charset=utf-8")
	}
	var set struct{ Keys []any }
	if json.Unmarshal([]byte(body), &set) == nil || json.NewDecoder(strings.NewReader(body)).Decode(&set) == nil {
		t.Errorf("the body parses as JSON: %q", body)
	}
}

func TestS14_PathsAndVerbs(t *testing.T) {
	p := publish(t, these(newKey(t, keys.ES256, "a")), jwks.HandlerOptions{})
	for target, want := range map[string]int{
		"/jwks.json":                        200,
		"/jwks.json?x=1":                    200,
		"/.well-known/jwks.json":            200,
		"/healthz":                          200,
		"http://elsewhere/jwks.json":        200, // absolute form (RFC 9112 section 3.2.2)
		"/":                                 404,
		"//":                                404,
		"//jwks.json":                       404,
		"/jwks.json/":                       404,
		"/jwks.json//":                      404,
		"/jwks%2ejson":                      404,
		"/jwks%2Ejson":                      404,
		"/%6awks.json":                      404,
		"/jwks.json%00":                     404,
		"/..":                               404,
		"/../jwks.json":                     404,
		"/./jwks.json":                      404,
		"/x/../jwks.json":                   404,
		"/.well-known/../jwks.json":         404,
		"/.well-known//jwks.json":           404,
		"/.well-known%2fjwks.json":          404,
		"/JWKS.json":                        404,
		"/jwks.json;x":                      404,
		"/healthz/":                         404,
		"/.well-known/openid-configuration": 404,
		"/rotation.json":                    404,
		"/debug/pprof/":                     404,
		"/%2e%2e/%2e%2e/etc/passwd":         404,
	} {
		for _, method := range []string{"GET", "HEAD"} {
			answer, body := raw(t, p, method+" "+target+" HTTP/1.1\r\nHost: x\r\n\r\n")
			if answer.StatusCode != want {
				t.Errorf("%s %s: status %d, want %d", method, target, answer.StatusCode, want)
			}
			if want == 404 && method == "GET" {
				checkNoJSON(t, answer, body)
			}
			if method == "HEAD" && body != "" {
				t.Errorf("HEAD %s has a body", target)
			}
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get"} {
		for _, path := range []string{"/jwks.json", "/.well-known/jwks.json", "/healthz"} {
			answer, body := raw(t, p, method+" "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
			if answer.StatusCode != 405 || answer.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: status %d, Allow %q, want 405, %q",
					method, path, answer.StatusCode, answer.Header.Get("Allow"), "GET, HEAD")
			}
			checkNoJSON(t, answer, body)
		}
	}
	for _, line := range []string{"OPTIONS *", "CONNECT x:1"} {
		if answer, _ := raw(t, p, line+" HTTP/1.1\r\nHost: x\r\n\r\n"); answer.StatusCode != 404 {
			t.Errorf("%s: status %d, want 404", line, answer.StatusCode)
		}
	}
}

func TestS14_ServesOneConfiguredPath(t *testing.T) {
	p := publish(t, these(newKey(t, keys.ES256, "a")), jwks.HandlerOptions{Path: "/keys/set"})
	for path, want := range map[string]int{"/keys/set": 200, "/.well-known/jwks.json": 200, "/jwks.json": 404} {
		if answer, _ := p.get(t, path); answer.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, answer.StatusCode, want)
		}
	}
	for _, bad := range []string{"jwks.json", "/a/", "//a", "/a/../b", "/a%20b", "/a b", "/é", "/a?b", "/healthz"} {
		if _, err := jwks.NewHandler(p.publisher, jwks.HandlerOptions{Path: bad}); fault.CodeOf(err) != fault.UsageError {
			t.Errorf("path %q: got %v, want %v", bad, err, fault.UsageError)
		}
	}
}

func TestS15_SetsHeaders(t *testing.T) {
	p := publish(t, these(newKey(t, keys.ES256, "a")), jwks.HandlerOptions{})
	answer, body := p.get(t, jwks.DefaultPath)
	for name, want := range map[string]string{
		"Content-Type":           "application/jwk-set+json",
		"X-Content-Type-Options": "nosniff",
		"Cache-Control":          "public, max-age=60",
		"Content-Length":         fmt.Sprint(len(body)),
	} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	tag := answer.Header.Get("ETag")
	if len(tag) < 18 || tag[0] != '"' {
		t.Fatalf("ETag %q", tag)
	}
	head, err := p.client.Head(p.url(jwks.WellKnownPath))
	if err != nil {
		t.Fatal(err)
	}
	if bodyOf(t, head) != "" || head.Header.Get("ETag") != tag || head.ContentLength != int64(len(body)) {
		t.Errorf("HEAD differs from GET: %v", head.Header)
	}
	for condition, want := range map[string]int{
		tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304,
		`"x"`: 200, "": 200, strings.Trim(tag, `"`): 200,
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", p.url(jwks.DefaultPath), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("If-None-Match", condition)
		answer, err := p.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if text := bodyOf(t, answer); answer.StatusCode != want || (want == 304) != (text == "") || answer.Header.Get("ETag") != tag {
			t.Errorf("If-None-Match %s: status %d, body %q", condition, answer.StatusCode, text)
		}
	}
}

func TestS15_SetsMaxAge(t *testing.T) {
	p := publish(t, these(newKey(t, keys.ES256, "a")), jwks.HandlerOptions{MaxAge: time.Hour})
	if answer, _ := p.get(t, jwks.DefaultPath); answer.Header.Get("Cache-Control") != "public, max-age=3600" {
		t.Errorf("Cache-Control %q, want %q", answer.Header.Get("Cache-Control"), "public, max-age=3600")
	}
	for _, bad := range []time.Duration{-1, time.Millisecond, time.Hour + 1} {
		if _, err := jwks.NewHandler(p.publisher, jwks.HandlerOptions{MaxAge: bad}); fault.CodeOf(err) != fault.UsageError {
			t.Errorf("max-age %s: got %v, want %v", bad, err, fault.UsageError)
		}
	}
}

func TestS15_SameBytesEachRun(t *testing.T) {
	dir := t.TempDir()
	for i, alg := range []keys.Algorithm{keys.ES256, keys.RS256, keys.EdDSA, keys.ES512} {
		write(t, dir, fmt.Sprintf("%d.pem", i), pemOf(t, newKey(t, alg, "")))
	}
	var body, tag string
	for range 100 {
		log := slog.New(slog.DiscardHandler)
		p, err := jwks.NewPublisher((&jwks.Source{Folder: dir, Log: log}).Load, log, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		now := p.Current()
		if body == "" {
			body, tag = string(now.Body), now.ETag
		}
		if string(now.Body) != body || now.ETag != tag {
			t.Fatalf("the body changed from one run to the next:\n%s\n%s", body, now.Body)
		}
	}
}
