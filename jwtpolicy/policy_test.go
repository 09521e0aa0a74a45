package jwtpolicy_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/jwtpolicy"
	"github.com/jwtctl/jwtctl/jwtpolicy/protosource"
)

// lab is a World, with what callers of the public API need from it.
type lab struct {
	*policytest.World
	dir string
	key []byte // PEM
}

func newLab(t testing.TB) *lab {
	t.Helper()
	w := policytest.New(t, policytest.CallSource, policytest.Setup{})
	der, err := x509.MarshalPKCS8PrivateKey(w.Key.SigningMaterial())
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{World: w, dir: t.TempDir(), key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})}
	if err := os.WriteFile(filepath.Join(l.dir, "t.proto"), []byte(policytest.Header+policytest.CallSource), 0o600); err != nil {
		t.Fatal(err)
	}
	return l
}

func valueOf(text string) protoreflect.Value { return protoreflect.ValueOfString(text) }

func (l *lab) source() jwtpolicy.Source { return protosource.Files(nil, l.dir) }

// registry returns the files of the World as generated code would register them.
func (l *lab) registry() *protoregistry.Files {
	r := &protoregistry.Files{}
	for _, f := range l.Set.Files() {
		if err := r.RegisterFile(f.Descriptor); err != nil {
			l.TB.Fatal(err)
		}
	}
	return r
}

func (l *lab) keys() []jwtpolicy.Key {
	return []jwtpolicy.Key{jwtpolicy.KeyBytes(l.key, jwtpolicy.KeyOptions{ID: "test"})}
}

func (l *lab) policy(src jwtpolicy.Source, o jwtpolicy.Options) *jwtpolicy.Policy {
	l.TB.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return policytest.Now }
	}
	p, err := jwtpolicy.New(l.TB.Context(), src, l.keys(), o)
	if err != nil {
		l.TB.Fatal(err)
	}
	return p
}

// TestSourcesAgree: every form of the same descriptors has the same verdicts. A4, S59.
func TestSourcesAgree(t *testing.T) {
	l := newLab(t)
	set := filepath.Join(l.dir, "set.binpb")
	if out, err := exec.CommandContext(t.Context(), "protoc", "-I", l.dir, "-I", "../internal/descset", "--include_imports", "-o", set, "t.proto").CombinedOutput(); err != nil {
		t.Fatalf("protoc (installed by make tools): %v\n%s", err, out)
	}
	for name, src := range map[string]jwtpolicy.Source{"source": l.source(), "set": jwtpolicy.DescriptorSets(set), "registry": jwtpolicy.Registry(l.registry())} {
		p := l.policy(src, jwtpolicy.Options{})
		for _, bad := range l.BadBearers() {
			_, err := p.VerifyBearer(t.Context(), "/t.S/Who", bad.Token)
			var e *jwtpolicy.Error
			if !errors.As(err, &e) || e.Code != string(bad.Code) || e.Status != uint32(bad.Status) || e.Message != bad.Text || e.Reason == "" {
				t.Errorf("%s, %s: %+v", name, bad.Name, err)
			}
		}
		c, err := p.VerifyBearer(t.Context(), "t.S/Who", l.Token(policytest.GoodClaims))
		if err != nil || c.Subject() != "alice" || c.Issuer() != "me" || c.Expiry().Unix() != 1769864400 || !c.Has("role") || c.Has("Role") {
			t.Errorf("%s: got %v %v", name, c, err)
		}
	}
}

// TestMessagesAreVerifiedAndSigned verifies, fills in and signs messages with the policy's own descriptors,
// and with other descriptors of the same name. A44, A47, A60.
func TestMessagesAreVerifiedAndSigned(t *testing.T) {
	l := newLab(t)
	for name, src := range map[string]jwtpolicy.Source{"own descriptors": jwtpolicy.Registry(l.registry()), "other descriptors of the same name": l.source()} {
		p := l.policy(src, jwtpolicy.Options{})
		_, m := l.Message("Signed", `{"raw":{"x":"mine"},"tok":"`+l.Token(policytest.SignedClaims)+`"}`)
		if err := p.VerifyMessage(t.Context(), m, jwtpolicy.Claims{}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if text := l.JSON(m); !strings.Contains(text, `"n":"7"`) || !strings.Contains(text, `"team":"x"`) || strings.Contains(text, "mine") {
			t.Errorf("%s: got filled in %s", name, text)
		}
		_, wrong := l.Message("Signed", `{"user":"eve","tok":"`+l.Token(policytest.SignedClaims)+`"}`)
		if err := p.VerifyMessage(t.Context(), wrong, jwtpolicy.Claims{}); !errors.Is(err, &jwtpolicy.Error{Code: "claim_mismatch"}) {
			t.Errorf("%s: %v", name, err)
		}
		_, out := l.Message("Signed", `{"user":"bob"}`)
		if err := p.SignMessage(out, jwtpolicy.Claims{}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := p.VerifyMessage(t.Context(), out, jwtpolicy.Claims{}); err != nil {
			t.Errorf("%s: a signed message is refused: %v", name, err)
		}
	}
}

// TestRefusesToStart: a policy that could not decide some calls does not load. A101, S79,
// S87.
func TestRefusesToStart(t *testing.T) {
	l := newLab(t)
	broken := filepath.Join(t.TempDir(), "t.proto")
	text := `syntax = "proto3"; package t; import "kalix/annotations.proto"; message M { string a = 1; } service S { rpc A(M) returns (M) { option (kalix.method).jwt = {validate: MESSAGE}; } }`
	if err := os.WriteFile(broken, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		src  jwtpolicy.Source
		keys []jwtpolicy.Key
		code string
	}{
		"lint error":           {protosource.Files(nil, broken), l.keys(), "policy_invalid"},
		"no service":           {jwtpolicy.Registry(&protoregistry.Files{}), l.keys(), "descriptor_invalid"},
		"no such file":         {jwtpolicy.DescriptorSets("none.binpb"), l.keys(), "descriptor_unreadable"},
		"no key":               {l.source(), nil, "key_missing"},
		"zero key":             {l.source(), []jwtpolicy.Key{{}}, "usage"},
		"missing key file":     {l.source(), []jwtpolicy.Key{jwtpolicy.KeyFile("none.pem", jwtpolicy.KeyOptions{})}, "key_unreadable"},
		"unknown algorithm":    {l.source(), []jwtpolicy.Key{jwtpolicy.KeyBytes(l.key, jwtpolicy.KeyOptions{Algorithms: []string{"es256"}})}, "algorithm_not_allowed"},
		"http to another host": {l.source(), []jwtpolicy.Key{jwtpolicy.KeySet("http://idp.example.org/keys", jwtpolicy.KeyOptions{})}, "key_set_url_not_allowed"},
	} {
		p, err := jwtpolicy.New(t.Context(), c.src, c.keys, jwtpolicy.Options{})
		if p != nil || !errors.Is(err, &jwtpolicy.Error{Code: c.code}) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDecodeIsStrict: a claim is decoded exactly, or not at all. S39, S41, S48.
func TestDecodeIsStrict(t *testing.T) {
	l := newLab(t)
	p := l.policy(l.source(), jwtpolicy.Options{})
	c, err := p.VerifyBearer(t.Context(), "t.S/Bearer", l.Token(`{"n":7,"s":"7","f":1.5,"big":12345678901234567890,"list":["a"],"o":{"Name":"x"}}`))
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	var s string
	var list []string
	var o struct{ Name string }
	for name, v := range map[string]any{"n": &n, "s": &s, "list": &list, "o": &o} {
		if err := c.Decode(name, v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n != 7 || s != "7" || list[0] != "a" || o.Name != "x" {
		t.Error(n, s, list, o)
	}
	for name, v := range map[string]any{"s": &n, "f": &n, "big": &n, "n": &s} {
		if err := c.Decode(name, v); !errors.Is(err, &jwtpolicy.Error{Code: "invalid_claim"}) {
			t.Errorf("%s into %T: %v", name, v, err)
		}
	}
	if err := c.Decode("N", &n); !errors.Is(err, &jwtpolicy.Error{Code: "claim_missing"}) {
		t.Errorf("N: %v", err)
	}
}

// counter is an Observer that counts.
type counter struct {
	mu                sync.Mutex
	begun, ended      int
	refused, reported []string
	weakened          []jwtpolicy.Change
}

func (c *counter) Begin(string) { c.mu.Lock(); c.begun++; c.mu.Unlock() }
func (c *counter) End(_ string, e *jwtpolicy.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended++
	if e != nil {
		c.refused = append(c.refused, e.Code)
	}
}
func (c *counter) WouldRefuse(_ string, e *jwtpolicy.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reported = append(c.reported, e.Code)
}

func (c *counter) Weakened(change jwtpolicy.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.weakened = append(c.weakened, change)
}

// TestReportOnly: with ReportOnly no call is refused, each is reported once, and a
// message that fails is passed on unchanged.
func TestReportOnly(t *testing.T) {
	l := newLab(t)
	seen := &counter{}
	p := l.policy(jwtpolicy.Registry(l.registry()), jwtpolicy.Options{ReportOnly: true, Observer: seen})
	_, m := l.Message("Signed", `{"user":"eve","raw":{"x":"mine"},"tok":"`+l.Token(policytest.SignedClaims)+`"}`)
	was := proto.Clone(m)
	c, err := p.Call(t.Context(), "/t.S/Check")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Request(t.Context(), m); err != nil {
			t.Error(err)
		}
	}
	if err := c.End(t.Context()); err != nil || !proto.Equal(m, was) {
		t.Errorf("got %v, %v", m, err)
	}
	c.Close()
	c.Close()
	for _, path := range []string{"/t.S/Who", "/t.S/None"} {
		c, err := p.Call(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	if seen.begun != 3 || seen.ended != 3 || strings.Join(seen.reported, " ") != "claim_mismatch token_missing method_unknown" || seen.refused != nil {
		t.Errorf("got %+v", seen)
	}
}

// TestContextEnds: a call that waits for keys ends when its context does. S24.
func TestContextEnds(t *testing.T) {
	l := newLab(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and never responds
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	keys := []jwtpolicy.Key{jwtpolicy.KeySet("https://"+silent.Addr().String()+"/keys", jwtpolicy.KeyOptions{})}
	p, err := jwtpolicy.New(t.Context(), l.source(), keys, jwtpolicy.Options{Now: func() time.Time { return policytest.Now }})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Call(ctx, "/t.S/Who", "Bearer "+l.Token(policytest.GoodClaims))
	var e *jwtpolicy.Error
	if !errors.As(err, &e) || e.Code != "key_set_unavailable" || e.Status != 14 || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestDependencies: programs that use jwtpolicy do not link the command line, nor a
// compiler of .proto files unless they import protosource.
func TestDependencies(t *testing.T) {
	for pkg, without := range map[string][]string{
		".":           {"github.com/spf13/", "github.com/charmbracelet/", "jwtctl/internal/cli", "jwtctl/internal/command", "github.com/bufbuild/", "google.golang.org/grpc"},
		"../grpcauth": {"github.com/spf13/", "github.com/charmbracelet/", "jwtctl/internal/cli", "jwtctl/internal/command", "github.com/bufbuild/"},
	} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", pkg).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range without {
			if strings.Contains(string(out), path) {
				t.Errorf("%s depends on %s", pkg, path)
			}
		}
	}
}
