package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestProxyReloadsPolicy: the proxy follows changes of the files, and keeps its policy
// while they are broken.
func TestProxyReloadsPolicy(t *testing.T) {
	t.Parallel()
	dir, sign, args := world(t)
	lib := filepath.Join(dir, "lib")
	testkit.File(t, filepath.Join(lib, "empty.proto"), `syntax = "proto3";`)
	f := newFake(t)
	getenv := f.Getenv
	var loads atomic.Int64 // each looks up every variable
	f.Getenv = func(name string) (string, bool) {
		if name == "JWTCTL_LEEWAY" {
			loads.Add(1)
		}
		return getenv(name)
	}
	r := startProxyAs(t, f, nil, dir, startEcho(t).addr, append(args, "-I", filepath.Join(dir, "proto"), "-I", lib)...)
	proto := filepath.Join(dir, "proto", "s.proto")
	me, you := sign(ofMe), sign(strings.Replace(ofMe, "me", "you", 1))
	r.want("S/Who", me, codes.OK)

	testkit.File(t, proto, guarded("S", "you")+"}")
	r.eventuallyLogs("reload failed, keeping the current policy")
	r.want("S/Who", me, codes.OK)
	r.want("S/Who", you, codes.Unauthenticated)
	before := loads.Load()
	r.eventually("more reloads", func() bool { return loads.Load() > before+3 }) // which fail, and are not logged again

	testkit.File(t, proto, strings.Replace(guarded("S", "you"), "BEARER_TOKEN", "77", 1)) // lint refuses it
	r.eventuallyLogs("policy_invalid")
	r.want("S/Who", me, codes.OK)

	// The missing import is created after the failed load.
	testkit.File(t, proto, strings.Replace(guarded("S", "you"), "import", `import "x.proto"; import`, 1))
	r.eventuallyLogs("import_not_found")
	testkit.File(t, filepath.Join(lib, "x.proto"), `syntax = "proto3";`)
	r.eventuallyIs("S/Who", me, codes.Unauthenticated)
	r.want("S/Who", you, codes.OK)

	r.want("Z/Open", "", codes.Unimplemented)
	testkit.File(t, filepath.Join(dir, "proto", "new", "z.proto"), guarded("Z", "me"))
	r.eventuallyIs("Z/Open", "", codes.OK)
	if err := os.Remove(filepath.Join(dir, "proto", "new", "z.proto")); err != nil {
		t.Fatal(err)
	}
	r.eventuallyIs("Z/Open", "", codes.Unimplemented)
	testkit.File(t, filepath.Join(dir, "proto", "new", "y.proto"), guarded("Y", "me"))
	r.eventuallyIs("Y/Open", "", codes.OK)
	if n := strings.Count(r.err.String(), "proto_syntax"); n != 1 {
		t.Errorf("one reason was logged %d times, want 1", n)
	}
}

// TestProxyRotatesKeys: the proxy follows a changed key file: a token of the old key is
// refused even if it was cached.
func TestProxyRotatesKeys(t *testing.T) {
	t.Parallel()
	dir, sign, args := world(t)
	r := startProxy(t, dir, startEcho(t).addr, args...)
	old := sign(ofMe)
	r.want("S/Who", old, codes.OK) // and is cached
	next := makeKey(t, filepath.Join(dir, "key.jwk"))(ofMe)
	r.eventuallyIs("S/Who", next, codes.OK)
	r.want("S/Who", old, codes.Unauthenticated)
	good := testkit.Must(os.ReadFile(filepath.Join(dir, "key.jwk")))
	testkit.File(t, filepath.Join(dir, "key.jwk"), "{")
	r.eventuallyLogs("key.jwk")
	r.want("S/Who", next, codes.OK)

	loads := strings.Count(r.err.String(), "policy reloaded")
	testkit.File(t, filepath.Join(dir, "key.jwk"), string(good))
	r.eventually("the good key", func() bool { return strings.Count(r.err.String(), "policy reloaded") > loads })

	key, aside := filepath.Join(dir, "key.jwk"), filepath.Join(dir, "aside")
	for _, move := range []struct{ from, to, log string }{{key, aside, "no such file"}, {aside, key, "policy reloaded"}} {
		before := strings.Count(r.err.String(), move.log)
		if err := os.Rename(move.from, move.to); err != nil {
			t.Fatal(err)
		}
		r.eventually(move.log, func() bool { return strings.Count(r.err.String(), move.log) > before })
	}
}

// TestProxyReloadsConfiguration: SIGHUP reloads jwtctl.yaml, and remote keys are fetched
// again only if key_sets changed.
func TestProxyReloadsConfiguration(t *testing.T) {
	t.Parallel()
	dir, sign, _ := world(t)
	var fetched atomic.Int64
	set := newFake(t).run(t, 0, "jwks", "--key", filepath.Join(dir, "key.jwk"))
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		_, _ = io.WriteString(w, set)
	}))
	t.Cleanup(issuer.Close)
	config := func(from, more string) string {
		return testkit.File(t, filepath.Join(dir, "jwtctl.yaml"), "protos: [proto]\nkey_sets: [{issuer: "+from+", jwks: \""+issuer.URL+"/\"}]\n"+more)
	}
	path := config("me", "proxy: {metrics: \"127.0.0.1:0\"}\n")
	r := startProxy(t, dir, startEcho(t).addr, "--config", path, "--reload-interval", "1h")
	me := sign(ofMe)
	hangup := func() {
		select {
		case r.hangup <- struct{}{}:
		case <-time.After(testkit.Timeout):
			t.Fatal("SIGHUP has no handler")
		}
	}
	late := sign(`{"iss":"me","exp":1769860790}`)        // ten seconds ago
	r.eventuallyIs("S/Who", late, codes.Unauthenticated) // until the set is there it may be unavailable
	r.want("S/Who", me, codes.OK)

	config("me", "leeway: 30s\n")
	hangup()
	r.eventuallyIs("S/Who", late, codes.OK)
	r.eventuallyLogs("take effect after a restart")
	if n := fetched.Load(); n != 1 {
		t.Errorf("the set was fetched %d times, want 1", n)
	}
	config("me", "laeway: 1s\n")
	hangup()
	r.eventuallyLogs("unknown key")
	r.want("S/Who", late, codes.OK)
	config("me", "keys: [{id: k, file: \"-\"}]\n")
	hangup()
	r.eventuallyLogs("cannot be stdin")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	hangup()
	r.eventuallyLogs("no such file")
	r.want("S/Who", me, codes.OK)

	config("you", "")
	hangup()
	r.eventuallyIs("S/Who", me, codes.Unauthenticated)
	config("me", "")
	hangup()
	r.eventuallyIs("S/Who", me, codes.OK)
	if n := fetched.Load(); n < 2 {
		t.Errorf("the set was fetched only %d times although key_sets changed", n)
	}
}

// TestProxyFollowsKeySetFiles: a key set file replaces fetching from its issuer, and
// changes are followed.
func TestProxyFollowsKeySetFiles(t *testing.T) {
	t.Parallel()
	dir, sign, _ := world(t)
	publish := func(key string) {
		t.Helper()
		testkit.File(t, filepath.Join(dir, "set.json"), newFake(t).run(t, 0, "jwks", "--key", filepath.Join(dir, key)))
	}
	publish("key.jwk")
	path := testkit.File(t, filepath.Join(dir, "jwtctl.yaml"), "protos: [proto]\nkey_sets: [{issuer: me, jwks: set.json}]\n")
	r := startProxy(t, dir, startEcho(t).addr, "--config", path)
	r.want("S/Who", sign(ofMe), codes.OK)
	next := makeKey(t, filepath.Join(dir, "next.jwk"))
	r.want("S/Who", next(ofMe), codes.Unauthenticated)
	testkit.File(t, filepath.Join(dir, "set.json"), `{"keys":[]}`)
	r.eventuallyLogs("reload failed, keeping the current policy")
	r.want("S/Who", sign(ofMe), codes.OK)
	publish("next.jwk")
	r.eventuallyIs("S/Who", next(ofMe), codes.OK)
	r.want("S/Who", sign(ofMe), codes.Unauthenticated)
}
