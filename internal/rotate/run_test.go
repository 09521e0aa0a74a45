package rotate_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/rotate"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

func newKey(alg keys.Algorithm) (*keys.Key, error) {
	var material any
	var err error
	switch alg {
	case keys.EdDSA:
		var private ed25519.PrivateKey
		_, private, err = ed25519.GenerateKey(rand.Reader)
		material = private
	case keys.HS256:
		material = slices.Repeat([]byte{7}, 32)
	default:
		material, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, err
	}
	return keys.New(material, keys.Attributes{})
}

// clock is a time that tests set.
type clock struct{ at time.Time }

func (c *clock) now() time.Time          { return c.at }
func (c *clock) advance(d time.Duration) { c.at = c.at.Add(d) }

func newRotation(dir string, c *clock) *rotate.Rotation {
	return &rotate.Rotation{
		Folder:    dir,
		Policy:    rotate.Policy{Every: 24 * time.Hour, PublishWait: time.Hour, MaxTokenLife: 2 * time.Hour},
		Algorithm: keys.ES256,
		Make:      newKey,
		Now:       c.now,
	}
}

// run runs r and returns its actions.
func run(t *testing.T, r *rotate.Rotation) string {
	t.Helper()
	steps, state, err := r.Run()
	if err != nil {
		t.Fatal(err)
	}
	if written, err := rotate.ReadState(r.Folder); err != nil || !same(written, state) {
		t.Errorf("got state %+v, %v in the file, and %+v returned", written, err, state)
	}
	var actions []string
	for _, s := range steps {
		actions = append(actions, string(s.Action))
	}
	return strings.Join(actions, " ")
}

func same(a, b rotate.State) bool {
	ids := func(s rotate.State) []string {
		list := []string{"", ""}
		if s.Active != nil {
			list[0] = s.Active.KeyID
		}
		if s.Next != nil {
			list[1] = s.Next.KeyID
		}
		for _, r := range s.Retired {
			list = append(list, r.KeyID)
		}
		return list
	}
	return slices.Equal(ids(a), ids(b))
}

func signer(t *testing.T, dir string) string {
	t.Helper()
	k, err := rotate.Signer(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !k.CanSign() {
		t.Errorf("%v cannot sign", k)
	}
	return k.ID()
}

// served returns the key IDs that a server of dir publishes.
func served(t *testing.T, dir string) []string {
	t.Helper()
	list, err := (&jwks.Source{Folder: dir}).Load()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, k := range list {
		if !slices.Contains(ids, k.ID()) {
			ids = append(ids, k.ID())
		}
	}
	return ids
}

func TestS17_LifeOfAKey(t *testing.T) {
	dir, c := t.TempDir(), &clock{noon}
	r := newRotation(dir, c)
	expect := func(actions string, publish int) {
		t.Helper()
		if got := run(t, r); got != actions {
			t.Errorf("%s: %q, want %q", c.at, got, actions)
		}
		if got := served(t, dir); len(got) != publish {
			t.Errorf("%s: got %v published, want %d", c.at, got, publish)
		}
	}
	expect("make announce promote", 1)
	first := signer(t, dir)
	expect("", 1)
	c.advance(24 * time.Hour)
	expect("make announce", 2)
	if signer(t, dir) != first {
		t.Error("a key signs before its wait has passed")
	}
	c.advance(time.Hour - 1)
	expect("", 2)
	c.advance(1)
	expect("promote", 2)
	second := signer(t, dir)
	if second == first {
		t.Error("the new key does not sign")
	}
	c.advance(2*time.Hour + rotate.SignerSlack - 1)
	expect("", 2)
	c.advance(1)
	expect("remove", 1)
	if got := served(t, dir); !slices.Equal(got, []string{second}) {
		t.Errorf("publishes %v, want %s", got, second)
	}
	r.Policy.Force = true
	expect("make announce", 2)
	expect("", 2)
	r.Policy.PublishWait = 0
	c.advance(time.Hour)
	expect("promote make announce promote", 3) // forced again, without waiting
}

func TestS17_AdoptsTheOnlyPrivateKey(t *testing.T) {
	dir, c := t.TempDir(), &clock{noon}
	k, err := newKey(keys.ES256)
	if err != nil {
		t.Fatal(err)
	}
	public, err := k.Public()
	if err != nil {
		t.Fatal(err)
	}
	testkit.File(t, filepath.Join(dir, "key.priv.pem"), string(testkit.Must(k.PEM())))
	testkit.File(t, filepath.Join(dir, "key.pub.jwk"), string(testkit.Must(public.JWK())))
	if got := signer(t, dir); got != k.ID() {
		t.Errorf("without a state, %s signs", got)
	}
	r := newRotation(dir, c)
	if got := run(t, r); got != "adopt" {
		t.Errorf("got %q, want %q", got, "adopt")
	}
	if got := signer(t, dir); got != k.ID() {
		t.Errorf("got signer %s, want the existing key", got)
	}
	for range 3 {
		c.advance(25 * time.Hour)
		run(t, r)
	}
	if slices.Contains(served(t, dir), k.ID()) {
		t.Error("another file still publishes a retired key")
	}
}

func TestRunRefuses(t *testing.T) {
	key := func(alg keys.Algorithm) *keys.Key {
		k, err := newKey(alg)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	sameID := func(alg keys.Algorithm) string {
		k, err := key(alg).With(keys.Attributes{ID: "same"})
		if err != nil {
			t.Fatal(err)
		}
		return string(testkit.Must(k.JWK()))
	}
	set := testkit.Must(keys.PublicSet([]*keys.Key{key(keys.ES256), key(keys.EdDSA)}))
	for name, tc := range map[string]struct {
		files map[string]string
		alg   keys.Algorithm
		want  fault.Code
	}{
		"state not JSON":               {map[string]string{jwks.RotationState: "{"}, "", fault.ConfigInvalid},
		"state with an unknown member": {map[string]string{jwks.RotationState: `{"actve":{}}`}, "", fault.ConfigInvalid},
		"state with a duplicate name":  {map[string]string{jwks.RotationState: `{"active":null,"active":null}`}, "", fault.ConfigInvalid},
		"state with a duplicate kid": {map[string]string{jwks.RotationState: `{"active":{"kid":"a","since":"2026-01-01T00:00:00Z"},
			"retired":[{"kid":"a","remove_after":"2026-01-01T00:00:00Z"}]}`}, "", fault.ConfigInvalid},
		"state without a kid": {map[string]string{jwks.RotationState: `{"next":{}}`}, "", fault.ConfigInvalid},
		"broken key file":     {map[string]string{"a.pem": "x"}, "", fault.KeyFormatUnknown},
		"file with two keys":  {map[string]string{"a.json": string(set)}, "", fault.KeyMultipleBlocks},
		"two private keys": {map[string]string{"a.pem": string(testkit.Must(key(keys.ES256).PEM())), "b.pem": string(testkit.Must(key(keys.ES256).PEM()))},
			"", fault.KeyAmbiguous},
		"two keys with one ID": {map[string]string{"a.jwk": sameID(keys.ES256), "b.jwk": sameID(keys.EdDSA)}, "", fault.KeyAmbiguous},
		"HMAC algorithm":       {nil, keys.HS256, fault.KeyIsSecret},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range tc.files {
				testkit.File(t, filepath.Join(dir, file), text)
			}
			before, _ := os.ReadDir(dir)
			r := newRotation(dir, &clock{noon})
			r.Algorithm = tc.alg
			if _, _, err := r.Run(); fault.CodeOf(err) != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
			if after, _ := os.ReadDir(dir); len(after) != len(before) {
				t.Errorf("got files %v", after)
			}
		})
	}
	r := newRotation(filepath.Join(t.TempDir(), "none"), &clock{noon})
	if _, _, err := r.Run(); fault.CodeOf(err) != fault.KeyUnreadable {
		t.Errorf("no folder: got %v, want %v", err, fault.KeyUnreadable)
	}
	if _, err := rotate.Signer(t.TempDir()); fault.CodeOf(err) != fault.KeyMissing {
		t.Errorf("signer without keys: got %v, want %v", err, fault.KeyMissing)
	}
}

// TestRunsWaitForEachOther: two concurrent runs make one key, not two.
func TestRunsWaitForEachOther(t *testing.T) {
	dir := t.TempDir()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, _, err := newRotation(dir, &clock{noon}).Run(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got := served(t, dir); len(got) != 1 {
		t.Errorf("made %d keys, want 1", len(got))
	}
}
