package cli

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestProxyDoesNotWaitForKeySetThatHangs: keys are fetched at startup, and calls are
// UNAVAILABLE within seconds if their issuer accepts connections but does not respond.
func TestProxyDoesNotWaitForKeySetThatHangs(t *testing.T) {
	t.Parallel()
	dir, sign, _ := world(t)
	issuer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = issuer.Close() })
	asked := make(chan net.Conn, 10)
	go func() {
		for {
			conn, err := issuer.Accept()
			if err != nil {
				return
			}
			asked <- conn
		}
	}()
	config := testkit.File(t, filepath.Join(dir, "jwtctl.yaml"), "protos: [proto]\nkey_sets: [{issuer: me, jwks: \"http://"+issuer.Addr().String()+"/\"}]\n")
	r := startProxy(t, dir, startEcho(t).addr, "--config", config)
	select { // before any call
	case conn := <-asked:
		t.Cleanup(func() { _ = conn.Close() })
	case <-time.After(testkit.Timeout):
		t.Fatal("the key set is not fetched at startup")
	}
	r.want("S/Who", sign(ofMe), codes.Unavailable)
	if limit := "within " + jwks.CallTimeout.String(); !strings.Contains(r.err.String(), limit) { // rather than when the fetch times out
		t.Errorf("not logged: %s\n%s", limit, r.err.String())
	}
	r.want("S/Open", "", codes.OK)
}
