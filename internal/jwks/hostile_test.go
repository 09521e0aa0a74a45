package jwks_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/internal/testkit/ports"
)

// hijacked is a mode in which speak writes to the connection itself.
func hijacked(speak func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			speak(conn)
			_ = conn.Close()
		}
	}
}

// with is a mode that responds with a status and headers in addition to text.
func with(status int, text string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

// forever is a mode that repeats text until the client disconnects.
func forever(start, text string, pause time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.WriteString(w, start)
		for err == nil {
			_, err = io.WriteString(w, text)
			if pause > 0 {
				err = http.NewResponseController(w).Flush()
				time.Sleep(pause)
			}
		}
	}
}

// bomb returns n zero bytes, compressed.
func bomb(t *testing.T, n int64) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.CopyN(z, zeros{}, n); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// hostileModes are the ways in which a key server can misbehave, from S21 and more. good
// is a set that must not be accepted in any of them.
func hostileModes(t *testing.T, i *issuer, good string) map[string]http.HandlerFunc {
	private := newKey(t, keys.ES256, "private")
	one := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(good), `{`), `}`)
	many := `{"keys":[` + strings.Repeat("{},", keys.MaxSetKeys) + "{}]}"
	return map[string]http.HandlerFunc{
		"body over 1 MiB":          says(strings.TrimSuffix(good, "}") + `,"x":"` + strings.Repeat("x", 1<<20) + `"}`),
		"valid set after 1 MiB":    says(strings.Repeat(" ", 1<<20) + good),
		"endless body":             forever(`{"keys":[`, strings.Repeat(`{"kty":"EC"},`, 1000), 0),
		"slow body":                forever(`{"keys":[`, " ", 20*time.Millisecond),
		"slow headers":             hijacked(func(c net.Conn) { dripHeaders(c, 20*time.Millisecond) }),
		"headers over their limit": hijacked(func(c net.Conn) { dripHeaders(c, 0) }),
		"endless early responses":  hijacked(func(c net.Conn) { repeat(c, "HTTP/1.1 103 Early Hints\r\n\r\n") }),
		"silence":                  i.hangs,
		"body that stalls": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, good[:9])
			_ = http.NewResponseController(w).Flush()
			i.hangs(w, r)
		},
		"gzip bomb":                     with(200, bomb(t, 32<<20), "Content-Encoding", "gzip"),
		"unrequested gzip":              with(200, bomb(t, 10), "Content-Encoding", "gzip"),
		"gzip without Content-Encoding": says(bomb(t, 10)),
		"500 with a valid set":          with(500, good),
		"404 with a valid set":          with(404, good),
		"203 with a valid set":          with(203, good),
		"206 with a valid set":          with(206, good, "Content-Range", "bytes 0-9/10"),
		"302 with a valid set":          with(302, good),
		"unexpected 304":                with(304, ""),
		"204":                           with(204, ""),
		"429":                           with(429, good, "Retry-After", "3600"),
		"HTML":                          with(200, "<html>sign in</html>", "Content-Type", "text/html"),
		"nothing":                       says(""),
		"an empty object":               says("{}"),
		"null":                          says("null"),
		"a bare array":                  says("[]"),
		"a number":                      says("1"),
		"an empty set":                  says(`{"keys":[]}`),
		"keys is null":                  says(`{"keys":null}`),
		"keys is an object":             says(`{"keys":{}}`),
		"a set of unusable keys":        says(`{"keys":[{"kty":"EC"},{"kty":"XX"},1,null,[]]}`),
		"a single private key":          says(string(jwkOf(t, private))),
		"a private key in PEM":          says(string(pemOf(t, private))),
		"half a set":                    says(good[:len(good)/2]),
		"shorter than Content-Length":   with(200, good, "Content-Length", fmt.Sprint(len(good)+1)),
		"two sets":                      says(good + good),
		"keys twice":                    says(`{` + one + `,` + one + `}`),
		"a byte order mark":             says("\ufeff" + good),
		"bad UTF-8":                     says(strings.Replace(good, `"kid"`, "\"x\":\"\xff\",\"kid\"", 1)),
		"a private key":                 says(`{"keys":[` + string(jwkOf(t, private)) + `]}`),
		"valid key and a private key":   says(strings.Replace(good, "[", "["+string(jwkOf(t, private))+",", 1)),
		"a secret":                      says(strings.Replace(good, "[", `[{"kty":"oct","k":"AAAA"},`, 1)),
		"a secret, alg null":            says(strings.Replace(good, "[", `[{"kty":"oct","k":"AAAA","alg":null},`, 1)),
		"a private key to decrypt":      says(strings.Replace(good, "[", `[{"kty":"RSA","n":"AAAA","e":"AQAB","d":"AAAA","use":"enc"},`, 1)),
		"duplicate kid":                 says(`{"keys":[` + string(jwkOf(t, publicOf(t, newKey(t, keys.ES256, "x")))) + `,` + string(jwkOf(t, publicOf(t, newKey(t, keys.ES256, "x")))) + `]}`),
		"more keys than fit":            says(many),
		"deep nesting":                  says(strings.Repeat(`{"keys":[`, 100_000)),
		"half a million elements":       says(`{"keys":[` + strings.Repeat("0,", 500_000) + "0]}"),
		"a redirect to itself":          with(302, "", "Location", "/"),
		"not HTTP":                      hijacked(func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.9\r\n") }),
		"a closed connection":           hijacked(func(net.Conn) {}),
	}
}

func dripHeaders(c net.Conn, pause time.Duration) {
	_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n")
	for n := 0; err == nil; n++ {
		_, err = fmt.Fprintf(c, "X-%d: %s\r\n", n, strings.Repeat("x", 100))
		time.Sleep(pause)
	}
}

func repeat(c net.Conn, text string) {
	var err error
	for err == nil {
		_, err = io.WriteString(c, text)
	}
}

// TestS21_HostileServers fetches from each mode twice: without keys, which must fail soon
// and cheaply, and with a good set, which must be kept.
func TestS21_HostileServers(t *testing.T) {
	good := string(setOf(t, newKey(t, keys.ES256, "good")))
	i := newIssuer(t, nil)
	for name, mode := range hostileModes(t, i, good) {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			warm := remote(t, i.URL, options(c, jwks.Network{}))
			i.does(says(good))
			gives(t, warm, "", "good")
			warm.Limit(soon)
			i.does(mode)

			ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
			defer cancel()
			grown := memory(func() {
				_, err := remote(t, i.URL, options(c, jwks.Network{Timeout: soon})).Keys(ctx, "")
				if code := fault.CodeOf(err); code != fault.KeySetUnavailable && code != fault.KeySetURLNotAllowed {
					t.Errorf("without keys: got %v", err)
				}
				if err != nil && len(err.Error()) > 400 {
					t.Errorf("an error of %d bytes: %.200s…", len(err.Error()), err)
				}
			})
			if ctx.Err() != nil {
				t.Errorf("still fetching after %s", soon)
			}
			if grown > 32<<20 {
				t.Errorf("allocated %d MiB", grown>>20)
			}
			c.advance(jwks.DefaultRefresh)
			gives(t, warm, "good", "good")
			c.advance(jwks.DefaultMaxStale)
			if got := idsIn(warm, "good"); got == "good" {
				t.Error("old keys never expire")
			}
		})
	}
}

// memory returns how much do allocates in total, an upper limit of what it holds.
func memory(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestS21_ResetAtEachByte resets the connection after 0, 1, 2 … bytes of a valid response.
// Only the complete one may be accepted.
func TestS21_ResetAtEachByte(t *testing.T) {
	good := setOf(t, newKey(t, keys.ES256, "a"), newKey(t, keys.RS256, "b"))
	text := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(good), good)
	chunked := fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(good), good)
	if len(text) < 700 {
		t.Fatalf("only %d bytes", len(text))
	}
	i, c := newIssuer(t, nil), newClock()
	for name, text := range map[string]string{"known length": text, "chunked": chunked} {
		for k := 0; k < len(text); k++ {
			i.does(hijacked(func(conn net.Conn) {
				_, _ = io.WriteString(conn, text[:k])
				_ = conn.(*net.TCPConn).SetLinger(0) // so that closing sends a reset
			}))
			if got := idsIn(remote(t, i.URL, options(c, jwks.Network{})), ""); got != string(fault.KeySetUnavailable) {
				t.Fatalf("%s, reset after %d of %d bytes: got %s, want %s",
					name, k, len(text), got, string(fault.KeySetUnavailable))
			}
		}
		i.does(hijacked(func(conn net.Conn) { _, _ = io.WriteString(conn, text) }))
		gives(t, remote(t, i.URL, options(c, jwks.Network{})), "", "a b")
	}
}

// TestS23_FlappingServerKeepsItsKeys fetches from a server that fails every other time: a caller that once
// had keys always has them.
func TestS23_FlappingServerKeepsItsKeys(t *testing.T) {
	good := has(t, newKey(t, keys.ES256, "a"))
	i, c := newIssuer(t, nil), newClock()
	i.does(func(w http.ResponseWriter, r *http.Request) {
		if i.fetches.Load()%2 == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		good(w, r)
	})
	set := remote(t, i.URL, options(c, jwks.Network{}))
	gives(t, set, "a", string(fault.KeySetUnavailable))
	c.advance(jwks.ColdRetry)
	for range 200 {
		gives(t, set, "a", "a")
		c.advance(time.Minute)
	}
	if n := i.fetches.Load(); n > 200 {
		t.Errorf("%d fetches in 200 minutes", n)
	}
}

func TestS21_RefusedConnection(t *testing.T) {
	gives(t, remote(t, "http://"+ports.Address(t), options(newClock(), jwks.Network{})), "", string(fault.KeySetUnavailable))
}

func TestS21_WholeFetchTime(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{
		0: 10 * time.Second, -1: 10 * time.Second, time.Hour: 10 * time.Second, time.Second: time.Second,
	} {
		if got := jwks.TimeoutOf(jwks.Network{Timeout: given}); got != want {
			t.Errorf("%s: got %s, want %s", given, got, want)
		}
	}
}
