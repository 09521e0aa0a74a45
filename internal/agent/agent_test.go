package agent_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	sshagent "golang.org/x/crypto/ssh/agent"

	"github.com/jwtctl/jwtctl/internal/agent"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// lying is an agent whose signatures a test can alter.
type lying struct {
	sshagent.ExtendedAgent
	change func(ssh.PublicKey, []byte) (*ssh.Signature, error)
}

func (l *lying) SignWithFlags(key ssh.PublicKey, data []byte, flags sshagent.SignatureFlags) (*ssh.Signature, error) {
	if l.change != nil {
		return l.change(key, data)
	}
	return l.ExtendedAgent.SignWithFlags(key, data, flags)
}

// start serves a on a socket, whose path it returns.
func start(t *testing.T, a sshagent.Agent) string {
	t.Helper()
	t.Chdir(t.TempDir())
	const socket = "s" // a whole path may be too long for a socket
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { defer func() { _ = conn.Close() }(); _ = sshagent.ServeAgent(a, conn) }()
		}
	}()
	return socket
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestAgentSignaturesAreChecked: an agent's signature is only used if it is over this
// message and by the named key.
func TestAgentSignaturesAreChecked(t *testing.T) {
	ring := sshagent.NewKeyring().(sshagent.ExtendedAgent)
	mine, other := ecKey(t), ecKey(t)
	if err := ring.Add(sshagent.AddedKey{PrivateKey: mine, Comment: "mine"}); err != nil {
		t.Fatal(err)
	}
	l := &lying{ExtendedAgent: ring}
	socket := start(t, l)
	key, err := agent.Find(socket, "agent:mine", keys.Attributes{ID: "k"})
	if err != nil {
		t.Fatal(err)
	}
	if token, err := jws.Sign(key, []byte(`{"sub":"a"}`)); err != nil || strings.Count(token, ".") != 2 {
		t.Fatalf("got %q, %v", token, err)
	}
	byOther, err := ssh.NewSignerFromKey(other)
	if err != nil {
		t.Fatal(err)
	}
	byMine, err := ssh.NewSignerFromKey(mine)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(ssh.PublicKey, []byte) (*ssh.Signature, error)
		want   fault.Code
	}{
		"wrong key":     {func(_ ssh.PublicKey, data []byte) (*ssh.Signature, error) { return byOther.Sign(rand.Reader, data) }, fault.KeyInvalid},
		"wrong message": {func(_ ssh.PublicKey, data []byte) (*ssh.Signature, error) { return byMine.Sign(rand.Reader, data[1:]) }, fault.KeyInvalid},
		"not a signature": {func(ssh.PublicKey, []byte) (*ssh.Signature, error) {
			return &ssh.Signature{Format: "ecdsa-sha2-nistp256", Blob: []byte("x")}, nil
		}, fault.KeyInvalid},
		"zero r and s": {func(ssh.PublicKey, []byte) (*ssh.Signature, error) {
			return &ssh.Signature{Format: "ecdsa-sha2-nistp256", Blob: make([]byte, 8)}, nil
		}, fault.KeyInvalid},
		"refused": {func(ssh.PublicKey, []byte) (*ssh.Signature, error) { return nil, errors.New("no") }, fault.KeyUnreadable},
	} {
		l.change = tc.change
		if token, err := jws.SignChecked(key, []byte(`{"sub":"a"}`)); token != "" || fault.CodeOf(err) != tc.want || fault.ClassOf(err) != fault.Undecided {
			t.Errorf("%s: got %q, %v, want none, %v", name, token, err, tc.want)
		}
	}
}

// TestAgentFind checks which keys a name matches.
func TestAgentFind(t *testing.T) {
	ring := sshagent.NewKeyring()
	key := ecKey(t)
	for _, comment := range []string{"one", "twice"} {
		k := key
		if comment == "twice" {
			k = ecKey(t)
		}
		if err := ring.Add(sshagent.AddedKey{PrivateKey: k, Comment: comment}); err != nil {
			t.Fatal(err)
		}
	}
	if err := ring.Add(sshagent.AddedKey{PrivateKey: ecKey(t), Comment: "twice"}); err != nil {
		t.Fatal(err)
	}
	socket := start(t, ring)
	public, err := ssh.NewPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fault.Code{
		"agent:one": "", "agent:" + ssh.FingerprintSHA256(public): "",
		"agent:twice": fault.KeyAmbiguous, "agent:On": fault.KeyUnreadable, "agent:": fault.UsageError,
	} {
		k, err := agent.Find(socket, name, keys.Attributes{Issuer: "i"})
		if fault.CodeOf(err) != want {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		if err == nil && (!k.CanSign() || !k.IsRemote() || k.Issuer() != "i" || k.HasExplicitID()) {
			t.Errorf("%s: got %v", name, k)
		}
	}
	for _, socket := range []string{"", filepath.Join(t.TempDir(), "none")} {
		if _, err := agent.Find(socket, "agent:one", keys.Attributes{}); fault.CodeOf(err) != fault.KeyUnreadable {
			t.Errorf("socket %q: got %v, want %v", socket, err, fault.KeyUnreadable)
		}
	}
}
