package idp

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestStoreIsBoundedInNumberAndTime compares a store with a simple list.
func TestStoreIsBoundedInNumberAndTime(t *testing.T) {
	t.Parallel()
	type entry struct {
		key   string
		value int
		until time.Time
	}
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_000_000, 0)
		most := rapid.IntRange(1, 5).Draw(t, "most")
		const keep = 10 * time.Second
		s := newStore[int](keep, most, func() time.Time { return now })
		var model []entry // oldest first
		find := func(key string) int {
			return slices.IndexFunc(model, func(e entry) bool { return e.key == key && now.Before(e.until) })
		}
		key := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h"})
		next := 0
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				k := key.Draw(t, "key")
				next++
				s.put(k, next)
				model = slices.DeleteFunc(model, func(e entry) bool { return e.key == k || !now.Before(e.until) })
				model = append(model, entry{k, next, now.Add(keep)})
				if len(model) > most {
					model = model[len(model)-most:]
				}
			},
			"take": func(t *rapid.T) {
				k := key.Draw(t, "key")
				got, found := s.take(k)
				i := find(k)
				if found != (i >= 0) || found && got != model[i].value {
					t.Fatalf("take %s: got %d, %v", k, got, found)
				}
				if found {
					model = slices.Delete(model, i, i+1)
				}
			},
			"update": func(t *rapid.T) {
				k := key.Draw(t, "key")
				i := find(k)
				if done := s.update(k, func(v *int) bool { *v += 100; return true }); done != (i >= 0) {
					t.Fatalf("update %s: got %v, want %v", k, done, i >= 0)
				}
				if i >= 0 {
					model[i].value += 100
				}
			},
			"wait": func(t *rapid.T) { now = now.Add(time.Duration(rapid.IntRange(0, 11).Draw(t, "seconds")) * time.Second) },
			"": func(t *rapid.T) {
				for _, k := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
					got, found := s.get(k)
					i := find(k)
					if found != (i >= 0) || found && got != model[i].value {
						t.Fatalf("get %s: %d, %v; the model has %v", k, got, found, model)
					}
				}
				if s.len() > most || len(s.order) > 2*most+1 {
					t.Fatalf("%d values, %d in the order, of at most %d", s.len(), len(s.order), most)
				}
			},
		})
	})
}

// len returns the number of values in the store.
func (s *store[T]) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.values)
}
