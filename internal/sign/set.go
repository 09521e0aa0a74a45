package sign

import (
	"github.com/jwtctl/jwtctl/internal/claims"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// set holds claims in the order in which they were added.
type set struct {
	members []strictjson.Member
	index   map[string]int // by index of members; nil for up to maxUnindexed
	// doubtful is set if a registered claim may have an invalid value: a time out of
	// range, or the entry of a RAW field.
	doubtful bool
	// replaced is set if the token's annotation changed the value of a claim.
	replaced bool
}

// newSet returns a set with space for room members.
func newSet(room int) *set { return &set{members: make([]strictjson.Member, 0, room)} }

// maxUnindexed is the number up to which a linear search is as fast as a map.
const maxUnindexed = 16

func (s *set) find(name string) (int, bool) {
	if s.index != nil {
		i, ok := s.index[name]
		return i, ok
	}
	for i := range s.members {
		if s.members[i].Name == name {
			return i, true
		}
	}
	return 0, false
}

// override is put for claims that the token's annotation sets (A61).
func (s *set) override(name string, value strictjson.Value) {
	before, ok := s.get(name)
	s.replaced = s.replaced || ok && !claims.Same(before, value)
	s.put(name, value)
}

// put adds a claim, or replaces its value.
func (s *set) put(name string, value strictjson.Value) {
	if i, ok := s.find(name); ok {
		s.members[i].Value = value
		return
	}
	s.members = append(s.members, strictjson.Member{Name: name, Value: value})
	switch n := len(s.members); {
	case n == maxUnindexed+1:
		s.index = make(map[string]int, 2*n)
		for i, m := range s.members {
			s.index[m.Name] = i
		}
	case n > maxUnindexed:
		s.index[name] = n - 1
	}
}

func (s *set) get(name string) (strictjson.Value, bool) {
	i, ok := s.find(name)
	if !ok {
		return nil, false
	}
	return s.members[i].Value, true
}

func (s *set) has(name string) bool { _, ok := s.find(name); return ok }

// add is put for the claims of fields, which must not conflict (A61).
func (s *set) add(name string, value strictjson.Value, path func() string) error {
	if old, ok := s.get(name); ok && !claims.Same(old, value) {
		return fault.New(fault.ClaimConflict, path(), "sets the claim %q, which another field sets to a different value", quote.Shorten(name))
	}
	s.put(name, value)
	return nil
}

// issuer returns the "iss" that the token will have, whatever sets it, or nil. It selects
// the key (S89).
func (s *set) issuer() (*string, error) {
	value, ok := s.get("iss")
	if !ok {
		return nil, nil
	}
	text, isString := strictjson.String(value)
	if !isString {
		return nil, fault.New(fault.MessageMalformed, "", "no verifier would accept the claim iss of the message: it is not a string")
	}
	return &text, nil
}
