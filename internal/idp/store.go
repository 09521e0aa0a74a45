package idp

import (
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

// store keeps up to a maximum number of values for a limited time, dropping the oldest
// first. All values of a store have the same lifetime. It is safe for concurrent use.
type store[T any] struct {
	mu       sync.Mutex
	now      func() time.Time
	lifetime time.Duration
	max      int
	values   map[string]storedValue[T]
	order    []storeEntry // oldest first; values that were removed early are skipped
	puts     uint64
}

type storedValue[T any] struct {
	value T
	storeEntry
}

// storeEntry is an entry of order. put numbers its calls, to recognize a value that was stored
// again under its key.
type storeEntry struct {
	key   string
	put   uint64
	until time.Time
}

func newStore[T any](keep time.Duration, limit int, now func() time.Time) *store[T] {
	return &store[T]{now: now, lifetime: keep, max: limit, values: map[string]storedValue[T]{}}
}

// put stores v under key.
func (s *store[T]) put(key string, v T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.puts++
	entry := storeEntry{key, s.puts, now.Add(s.lifetime)}
	s.values[key] = storedValue[T]{v, entry}
	s.order = append(s.order, entry)
	n := 0
	for n < len(s.order) && (len(s.values) > s.max || !now.Before(s.order[n].until)) {
		if old := s.order[n]; s.values[old.key].put == old.put {
			delete(s.values, old.key)
		}
		n++
	}
	s.order = slices.Delete(s.order, 0, n)
	if len(s.order) > 2*s.max {
		s.order = slices.DeleteFunc(s.order, func(e storeEntry) bool { return s.values[e.key].put != e.put })
	}
}

// get returns the value under key.
func (s *store[T]) get(key string) (v T, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, found := s.values[key]
	if !found || !s.now().Before(k.until) {
		return v, false
	}
	return k.value, true
}

// take returns the value under key and removes it: only one of several callers gets it.
func (s *store[T]) take(key string) (v T, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, found := s.values[key]
	if !found || !s.now().Before(k.until) {
		return v, false
	}
	delete(s.values, key)
	return k.value, true
}

// update applies fn, which reports whether to keep the change, to the value under key. It
// reports whether the value was changed.
func (s *store[T]) update(key string, fn func(v *T) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, found := s.values[key]
	if !found || !s.now().Before(k.until) || !fn(&k.value) {
		return false
	}
	s.values[key] = k
	return true
}

// updateAll changes all values by fn.
func (s *store[T]) updateAll(fn func(v *T)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, k := range s.values {
		fn(&k.value)
		s.values[key] = k
	}
}

// removeIf removes the values that match.
func (s *store[T]) removeIf(match func(T) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, k := range s.values {
		if match(k.value) {
			delete(s.values, key)
		}
	}
}

// newID returns an id that cannot be guessed.
func newID() string { return rand.Text() }
