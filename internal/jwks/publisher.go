package jwks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// PollInterval is how often Watch looks for changed keys by default.
const PollInterval = time.Second

// Snapshot is a set as it is published. Nothing in it ever changes.
type Snapshot struct {
	// Body is the JWK set: the same bytes for the same keys.
	Body []byte
	// ETag is Body's strong entity tag, quoted (RFC 9110 section 8.8.3).
	ETag string
	// Keys are the public halves in Body, in its order.
	Keys []*keys.Key
	// LoadedAt is when Body was made.
	LoadedAt time.Time
	// Problem is why the last reload failed, nil if it did not.
	Problem error

	header http.Header // of the answers that carry Body
}

// KeyIDs returns the ids of s's keys, in order.
func (s *Snapshot) KeyIDs() []string {
	ids := make([]string, len(s.Keys))
	for i, k := range s.Keys {
		ids[i] = k.ID()
	}
	return ids
}

// Publisher holds the set to publish and replaces it when the keys change.
// Readers see the old or the new set, whole, and never wait for a reload. It is
// safe for concurrent use.
type Publisher struct {
	load    Load
	log     *slog.Logger
	now     func() time.Time
	mu      sync.Mutex // one reload at a time
	current atomic.Pointer[Snapshot]
}

// NewPublisher returns a publisher of the keys that load returns. It loads
// them, and returns the errors of load and of keys.PublicSet: key_is_secret for
// a shared secret, key_ambiguous for two keys with one id, key_set_empty for
// none (S13).
func NewPublisher(load Load, log *slog.Logger, now func() time.Time) (*Publisher, error) {
	p := &Publisher{load: load, log: log, now: now}
	first, err := p.read()
	if err != nil {
		return nil, err
	}
	p.current.Store(first)
	return p, nil
}

// Current returns the set to serve now.
func (p *Publisher) Current() *Snapshot { return p.current.Load() }

// Reload loads the keys again. If that fails, keeping the last good set and its
// Problem says why; the error is logged and returned (S17).
func (p *Publisher) Reload() error { return p.reload(true) }

// Watch reloads every interval (PollInterval if it is not positive), and at
// once when told, until ctx is done. It asks rather than waits for events:
// Kubernetes swaps links and network file systems send none. told may be nil.
func (p *Publisher) Watch(ctx context.Context, interval time.Duration, told <-chan struct{}) {
	if interval <= 0 {
		interval = PollInterval
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-told:
			_ = p.reload(true) // logged and kept in the snapshot
		case <-ticker.C:
			_ = p.reload(false)
		}
	}
}

// reload publishes the keys as they are now. Unless asked, it logs changes
// alone, not the same problem at each tick.
func (p *Publisher) reload(asked bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.current.Load()
	next, err := p.read()
	if err != nil {
		if asked || old.Problem == nil || old.Problem.Error() != err.Error() {
			p.log.Error("keys not reloaded, keeping the last good set", "code", fault.CodeOf(err), "error", err, "kids", old.KeyIDs())
		}
		kept := *old
		kept.Problem = err
		p.current.Store(&kept)
		return err
	}
	changed := !bytes.Equal(old.Body, next.Body)
	if !changed {
		next.LoadedAt = old.LoadedAt
	}
	p.current.Store(next)
	if asked || changed || old.Problem != nil {
		p.log.Info("keys reloaded", "changed", changed, "kids", next.KeyIDs())
	}
	return nil
}

// read makes a snapshot of the keys as they are now. The set is read back as
// a stranger would read it, so nothing is published that cannot be used.
func (p *Publisher) read() (s *Snapshot, err error) {
	defer func() {
		if v := recover(); v != nil { // in the background, it would end the server
			s, err = nil, fault.New(fault.Internal, "keys", "loading failed (panic)")
		}
	}()
	list, err := p.load()
	if err != nil {
		return nil, err
	}
	if _, err := keys.NewRing(list); err != nil { // which names both files of one id
		return nil, err
	}
	body, err := keys.PublicSet(list)
	if err != nil {
		return nil, err
	}
	body = append(body, '\n')
	again, err := keys.ParseSet(body, keys.Attributes{Source: "the set to publish"}, true)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	return &Snapshot{
		Body:     body,
		ETag:     tag,
		Keys:     again.Keys,
		LoadedAt: p.now(),
		header:   http.Header{"Etag": {tag}, "Content-Length": {strconv.Itoa(len(body))}},
	}, nil
}
