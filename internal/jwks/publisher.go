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

// PollInterval is the default interval at which Watch checks for changed keys.
const PollInterval = time.Second

// Snapshot is a published set. It is immutable.
type Snapshot struct {
	// Body is the JWK set; the same keys always give the same bytes.
	Body []byte
	// ETag is Body's strong entity tag, quoted (RFC 9110 section 8.8.3).
	ETag string
	// Keys are the public keys in Body, in its order.
	Keys []*keys.Key
	// LoadedAt is when Body was made.
	LoadedAt time.Time
	// Problem is the error of the last reload, or nil.
	Problem error

	header http.Header // of responses with Body
}

// KeyIDs returns the IDs of s's keys, in order.
func (s *Snapshot) KeyIDs() []string {
	ids := make([]string, len(s.Keys))
	for i, k := range s.Keys {
		ids[i] = k.ID()
	}
	return ids
}

// Publisher holds the set to publish and replaces it when the keys change. Readers see
// either the old or the new set, and never wait for a reload. It is safe for concurrent
// use.
type Publisher struct {
	load    Load
	log     *slog.Logger
	now     func() time.Time
	mu      sync.Mutex // one reload at a time
	current atomic.Pointer[Snapshot]
}

// NewPublisher returns a publisher of the keys that load returns, and loads them. Its
// errors are those of load and keys.PublicSet: key_is_secret for a shared secret,
// key_ambiguous for two keys with the same ID, key_set_empty for no keys (S13).
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

// Reload loads the keys again. If that fails, the last good set stays in use with the
// error as its Problem; the error is also logged and returned (S17).
func (p *Publisher) Reload() error { return p.reload(true) }

// Watch reloads every interval (PollInterval if it is not positive), and whenever requests
// receives, until ctx is done. requests may be nil. It polls because events are unreliable:
// Kubernetes swaps links, and network file systems send none.
func (p *Publisher) Watch(ctx context.Context, interval time.Duration, requests <-chan struct{}) {
	if interval <= 0 {
		interval = PollInterval
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-requests:
			_ = p.reload(true) // the error is logged and in the snapshot
		case <-ticker.C:
			_ = p.reload(false)
		}
	}
}

// reload publishes the current keys. Unless asked is true, it logs changes only, rather
// than the same problem on each tick.
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

// read makes a snapshot of the current keys. It parses the set as a client would, so that
// nothing unusable is published.
func (p *Publisher) read() (s *Snapshot, err error) {
	defer func() {
		if v := recover(); v != nil { // a panic in the background would end the server
			s, err = nil, fault.New(fault.Internal, "keys", "loading failed (panic)")
		}
	}()
	list, err := p.load()
	if err != nil {
		return nil, err
	}
	if _, err := keys.NewRing(list); err != nil { // its error names both files with the same ID
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
