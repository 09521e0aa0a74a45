package idp

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// KeyRing holds the keys that sign tokens, and publishes their public halves. It is safe
// for concurrent use.
type KeyRing struct {
	// Set publishes the public halves.
	Set    *jwks.Publisher
	load   jwks.Load
	active func() (*keys.Key, error)

	mu        sync.Mutex
	private   []*keys.Key
	rotated   *keys.Key            // the only key after Rotate; nil before
	impostors map[string]*keys.Key // by kid
}

// NewKeyRing returns a ring of the keys that load returns, following changes. active, if
// not nil, returns the key that signs; otherwise it is the first that can. Errors are
// those of jwks.NewPublisher, load and active.
func NewKeyRing(load jwks.Load, active func() (*keys.Key, error), log *slog.Logger, now func() time.Time) (*KeyRing, error) {
	r := &KeyRing{load: load, active: active, impostors: map[string]*keys.Key{}}
	set, err := jwks.NewPublisher(r.read, log, now)
	if err != nil {
		return nil, err
	}
	r.Set = set
	_, err = r.Signer()
	return r, err
}

// read implements Load for the set.
func (r *KeyRing) read() ([]*keys.Key, error) {
	r.mu.Lock()
	rotated := r.rotated
	r.mu.Unlock()
	if rotated != nil {
		return []*keys.Key{rotated}, nil
	}
	list, err := r.load()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.private = list
	return list, nil
}

// Signer returns the key that signs now. It is in the set: a key that has just become
// active is published first.
func (r *KeyRing) Signer() (*keys.Key, error) {
	key, err := r.choose()
	if err != nil {
		return nil, err
	}
	if !r.publishes(key) {
		if err := r.Set.Reload(); err != nil {
			return nil, err
		}
		if !r.publishes(key) {
			return nil, fault.New(fault.KeyMissing, key.Source(), "the signing key is not in the key set")
		}
	}
	return key, key.RequireSigner()
}

func (r *KeyRing) choose() (*keys.Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rotated != nil {
		return r.rotated, nil
	}
	if r.active != nil {
		return r.active()
	}
	for _, k := range r.private {
		if k.CanSign() && k.Type() != keys.TypeSecret {
			return k, nil
		}
	}
	return nil, fault.New(fault.KeyMissing, "key", "no private key to sign with")
}

func (r *KeyRing) publishes(key *keys.Key) bool {
	return slices.ContainsFunc(r.Set.Current().Keys, func(k *keys.Key) bool { return k.ID() == key.ID() && k.SameMaterial(key) })
}

// Algorithms returns the signing algorithms, starting with that of the current key.
func (r *KeyRing) Algorithms() []keys.Algorithm {
	all := r.Set.Current().Keys
	if key, err := r.choose(); err == nil {
		all = append([]*keys.Key{key}, all...)
	}
	var list []keys.Algorithm
	for _, k := range all {
		if !slices.Contains(list, k.Algorithm()) {
			list = append(list, k.Algorithm())
		}
	}
	return list
}

// Rotate replaces all keys by a new one at once, which a correct provider must not do.
func (r *KeyRing) Rotate() error {
	key, err := r.choose()
	if err != nil {
		return err
	}
	next, err := keygen.Generate(keygen.Request{Algorithm: key.Algorithm()})
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.rotated = next
	r.mu.Unlock()
	return r.Set.Reload()
}

// Impostor returns another key with key's ID and algorithm.
func (r *KeyRing) Impostor(key *keys.Key) (*keys.Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if made, ok := r.impostors[key.ID()]; ok {
		return made, nil
	}
	made, err := keygen.Generate(keygen.Request{Algorithm: key.Algorithm(), ID: key.ID()})
	if err != nil {
		return nil, err
	}
	clear(r.impostors) // of earlier keys
	r.impostors[key.ID()] = made
	return made, nil
}
