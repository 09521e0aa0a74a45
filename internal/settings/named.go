package settings

import (
	"fmt"

	"github.com/jwtctl/jwtctl/internal/config"
)

// ConfiguredKeys returns keys: of the configuration, or none if other keys are given
// (S85).
func (s *Settings) ConfiguredKeys() []config.KeyEntry {
	if s.keysReplacedBy != "" {
		return nil
	}
	return s.Keys
}

// ConfiguredSets returns key_sets: of the configuration, or none if other keys are given
// (S85).
func (s *Settings) ConfiguredSets() []config.KeySetEntry {
	if s.keysReplacedBy != "" {
		return nil
	}
	return s.KeySets
}

// KeysReplacedBy returns what replaces the keys of jwtctl.yaml (S85), or "" if they are used or
// there are none.
func (s *Settings) KeysReplacedBy() string {
	if s.keysReplacedBy == "" || len(s.Keys)+len(s.KeySets) == 0 {
		return ""
	}
	return fmt.Sprintf("%s replaces the keys and key sets of %s, with their ids and issuers", s.keysReplacedBy, s.Path)
}
