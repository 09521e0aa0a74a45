package enforce

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/plan"
)

// maxCachedToken is the maximum size in bytes of a cached token. With the number of
// tokens, it limits the memory.
const maxCachedToken = 4 << 10

// tokenCache remembers accepted bearer tokens, so that the signature of a repeated token
// is not checked again. Whatever can have changed is checked every time: the time, and
// whether the ring still has the same key for the token. So a token is accepted no longer
// than without a cache.
//
// The cache has two generations. When the young one is full it becomes the old one, and
// the entries of the previous old one that were not used since are dropped.
type tokenCache struct {
	generationSize int // entries

	mu         sync.Mutex
	young, old map[tokenID]*cachedAdmission
}

// tokenID is a token, and what a method requires of it.
type tokenID struct {
	sum  [sha256.Size]byte
	need *plan.Bearer
}

type cachedAdmission struct {
	*Admission
	since time.Time // the time when it was accepted
}

func identify(compact string, need *plan.Bearer) tokenID {
	var room [1 << 10]byte // enough for most tokens; avoids copying the string to the heap
	return tokenID{sha256.Sum256(append(room[:0], compact...)), need}
}

func newTokenCache(entries int) *tokenCache {
	return &tokenCache{generationSize: max(1, entries/2), young: map[tokenID]*cachedAdmission{}}
}

// get returns what was put under id if it is still valid, or nil.
func (c *tokenCache) get(ctx context.Context, id tokenID, ring *keys.Ring, now time.Time) *Admission {
	c.mu.Lock()
	r := c.young[id]
	if r == nil {
		if r = c.old[id]; r != nil {
			c.insert(id, r)
		}
	}
	c.mu.Unlock()
	// After exp, even within the leeway, and if the clock was set back, the verifier
	// decides.
	if r == nil || r.expiredAt(now) || now.Before(r.since) {
		return nil
	}
	iss, err := r.Token.Claims.Issuer()
	if err != nil {
		return nil
	}
	h := r.Token.Header
	key, err := ring.Find(ctx, keys.Query{Issuer: iss, KeyID: h.KeyID, Algorithm: keys.Algorithm(h.Algorithm)})
	if err != nil || key != r.Token.Key { // the same key in a set that was fetched again counts as another key
		return nil
	}
	return r.Admission
}

// put remembers a, which was accepted at now for a token of size bytes.
func (c *tokenCache) put(id tokenID, a *Admission, now time.Time, size int) {
	if size > maxCachedToken {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.insert(id, &cachedAdmission{a, now})
}

// insert adds r to the young generation. c.mu must be held.
func (c *tokenCache) insert(id tokenID, r *cachedAdmission) {
	if len(c.young) >= c.generationSize {
		c.old, c.young = c.young, make(map[tokenID]*cachedAdmission, c.generationSize)
	}
	c.young[id] = r
}
