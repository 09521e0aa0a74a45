package input

import (
	"sync"

	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// SetCache keeps remote key sets with their keys, for a command that reloads its policy.
type SetCache struct {
	mu sync.Mutex
	// current are the sets of the policy in force, by their options; loading are those used
	// by the current load.
	current, loading map[string]keys.Set
}

// NewSetCache returns an empty cache.
func NewSetCache() *SetCache { return &SetCache{loading: map[string]keys.Set{}} }

// getOrOpen returns the set called id of the policy in force, or else the result of opened.
func (c *SetCache) getOrOpen(id string, opened func() (keys.Set, error)) (keys.Set, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, known := range []map[string]keys.Set{c.loading, c.current} {
		if set := known[id]; set != nil {
			c.loading[id] = set
			return set, nil
		}
	}
	set, err := opened()
	if err == nil {
		c.loading[id] = set
	}
	return set, err
}

// EndLoad ends a load. If it was refused, its sets are dropped; otherwise they are fetched
// before a token needs them.
func (c *SetCache) EndLoad(accepted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if accepted {
		c.current = c.loading
		for _, set := range c.current {
			if remote, isRemote := set.(*jwks.Remote); isRemote {
				remote.Prefetch()
			}
		}
	}
	c.loading = map[string]keys.Set{}
}

// Status returns the status of the remote sets in force.
func (c *SetCache) Status() []jwks.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []jwks.Status
	for _, set := range c.current {
		if remote, isRemote := set.(*jwks.Remote); isRemote {
			all = append(all, remote.Status())
		}
	}
	return all
}
