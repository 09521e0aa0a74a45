package settings

import (
	"fmt"

	"github.com/jwtctl/jwtctl/internal/config"
)

// ConfiguredKeys returns keys: of the configuration, none where other keys are
// named (S85).
func (s *Settings) ConfiguredKeys() []config.KeyEntry {
	if s.keysNamedBy != "" {
		return nil
	}
	return s.Keys
}

// ConfiguredSets returns key_sets: of the configuration, none where other keys
// are named (S85).
func (s *Settings) ConfiguredSets() []config.KeySetEntry {
	if s.keysNamedBy != "" {
		return nil
	}
	return s.KeySets
}

// SetAside says what replaces the keys of jwtctl.yaml (S85); "" where they
// count, or there are none.
func (s *Settings) SetAside() string {
	if s.keysNamedBy == "" || len(s.Keys)+len(s.KeySets) == 0 {
		return ""
	}
	return fmt.Sprintf("%s replaces the keys and key sets of %s, with their ids and issuers", s.keysNamedBy, s.Path)
}
