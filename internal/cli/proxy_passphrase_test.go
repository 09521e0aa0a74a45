package cli

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestProxyAsksForPassphraseOnlyAtStart: a typed passphrase is remembered for its file,
// and a reload that would have to prompt is refused, since it runs in the background (S74,
// S79).
func TestProxyAsksForPassphraseOnlyAtStart(t *testing.T) {
	t.Parallel()
	dir, sign, _ := world(t)
	jwk, locked, proto := filepath.Join(dir, "key.jwk"), filepath.Join(dir, "locked.pem"), filepath.Join(dir, "proto", "s.proto")
	run := func(args ...string) {
		t.Helper()
		f := newFake(t)
		f.env["PASS"], f.env["OTHER"] = "correct horse", "another one"
		f.run(t, 0, args...)
	}
	run("key", jwk, "--encrypt", "--passphrase", "env:PASS", "-o", locked)
	f := newFake(t)
	asked := make(chan string, 10)
	f.ReadPassphrase = func(text string) ([]byte, error) {
		select {
		case asked <- text:
			return []byte("correct horse"), nil
		default:
			return nil, errors.New("no terminal to ask on")
		}
	}
	list := testkit.File(t, filepath.Join(dir, "jwtctl.yaml"), "protos: [proto/*.proto]\nkeys:\n  - {issuer: me, file: locked.pem}\n")
	r := startProxyAs(t, f, nil, dir, startEcho(t).addr, "--config", list)
	token := sign(ofMe)
	r.want("S/Who", token, codes.OK)
	if text := <-asked; !strings.Contains(text, "locked.pem") {
		t.Errorf("got prompt %q, want %q in it", text, "locked.pem")
	}
	testkit.File(t, proto, guarded("S", "me")+"\nmessage More {}\n")
	r.eventuallyLogs("policy reloaded")
	r.want("S/Who", token, codes.OK)

	// Another passphrase and another file: neither causes a prompt.
	run("key", jwk, "--encrypt", "--passphrase", "env:OTHER", "--force", "-o", locked)
	r.eventuallyLogs("wrong passphrase")
	run("key", jwk, "--encrypt", "--passphrase", "env:OTHER", "-o", filepath.Join(dir, "new.pem"))
	testkit.File(t, list, "protos: [proto/*.proto]\nkeys:\n  - {issuer: me, file: new.pem}\n")
	r.eventuallyLogs("new.pem: the private key is protected by a passphrase")
	r.want("S/Who", token, codes.OK)
	if len(asked) != 0 {
		t.Errorf("a reload prompts with %q", <-asked)
	}
}
