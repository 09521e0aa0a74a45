package enforce

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/plan"
)

// maxCachedToken is the most bytes of a token that is remembered: with the
// number of them, it bounds the memory.
const maxCachedToken = 4 << 10

// tokenCache remembers bearer tokens that passed, so that the signature of one
// that comes again is not checked again. Everything that can change since is
// looked at each time: the clock, and whether the key is still the one that the
// ring has for the token. So a token is believed no longer than without a cache.
//
// It has two halves: the young one becomes the old one when it is full, and what
// was in the old one and not used since is forgotten.
type tokenCache struct {
	half int // entries

	mu         sync.Mutex
	young, old map[tokenID]*remembered
}

// tokenID is a token and what a method asks of it.
type tokenID struct {
	sum  [sha256.Size]byte
	need *plan.Bearer
}

type remembered struct {
	*Admission
	since time.Time // its clock was this when it passed
}

func identify(compact string, need *plan.Bearer) tokenID {
	var room [1 << 10]byte // for most tokens: the bytes of a string would be copied elsewhere
	return tokenID{sha256.Sum256(append(room[:0], compact...)), need}
}

func newTokenCache(entries int) *tokenCache {
	return &tokenCache{half: max(1, entries/2), young: map[tokenID]*remembered{}}
}

// get returns what was put under id if all of it holds still, else nil.
func (c *tokenCache) get(ctx context.Context, id tokenID, ring *keys.Ring, now time.Time) *Admission {
	c.mu.Lock()
	r := c.young[id]
	if r == nil {
		if r = c.old[id]; r != nil {
			c.insert(id, r)
		}
	}
	c.mu.Unlock()
	// At exp, leeway or not, and with a clock set back, the verifier decides.
	if r == nil || r.overAt(now) || now.Before(r.since) {
		return nil
	}
	iss, err := r.Token.Claims.Issuer()
	if err != nil {
		return nil
	}
	h := r.Token.Header
	key, err := ring.Find(ctx, keys.Query{Issuer: iss, KeyID: h.KeyID, Algorithm: keys.Algorithm(h.Algorithm)})
	if err != nil || key != r.Token.Key { // the same key in a set that was fetched again is another one, too
		return nil
	}
	return r.Admission
}

// put remembers a, which passed at now, of a token of size bytes.
func (c *tokenCache) put(id tokenID, a *Admission, now time.Time, size int) {
	if size > maxCachedToken {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.insert(id, &remembered{a, now})
}

// insert makes r one of the young. c.mu is held.
func (c *tokenCache) insert(id tokenID, r *remembered) {
	if len(c.young) >= c.half {
		c.old, c.young = c.young, make(map[tokenID]*remembered, c.half)
	}
	c.young[id] = r
}
