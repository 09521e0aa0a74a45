// Package rotate replaces the keys of a folder in two phases, so that no token
// is signed with a key that verifiers may not know yet, and none is refused
// because its key went too early (security.md S17).
//
// A new key is first published next to the active one (package jwks serves every
// key of the folder), then signs, is then retired, and at last removed. Which
// key is where is recorded in the folder's rotation.json. What that file does not
// name is never signed with and never removed.
//
// It makes no keys itself and opens no network connection.
package rotate

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// State is the content of rotation.json. Its zero value is that of a folder
// that was never rotated.
type State struct {
	// Active is the key that signs.
	Active *Active `json:"active,omitempty"`
	// Next is the key that will sign; it is published already.
	Next *Upcoming `json:"next,omitempty"`
	// Retired are the keys that signed before, oldest first. They are still
	// published, for the tokens they signed.
	Retired []Retired `json:"retired,omitempty"`
}

// Active is the key that signs, and since when.
type Active struct {
	KeyID string    `json:"kid"`
	Since time.Time `json:"since"`
}

// Upcoming is the key that signs from SignsFrom on. Without SignsFrom it is just
// being made: its file may or may not be there.
type Upcoming struct {
	KeyID     string     `json:"kid"`
	SignsFrom *time.Time `json:"signs_from,omitempty"`
}

// Retired is a key whose files go at RemoveAfter.
type Retired struct {
	KeyID       string    `json:"kid"`
	RemoveAfter time.Time `json:"remove_after"`
}

// isNew reports whether s names no key.
func (s State) isNew() bool { return s.Active == nil && s.Next == nil && len(s.Retired) == 0 }

// ReadState returns the state of the key folder dir; config_invalid for one
// that was not written by this package, key_unreadable if it cannot be read.
func ReadState(dir string) (State, error) {
	path := filepath.Join(dir, jwks.RotationState)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return State{}, nil
	}
	data, err := files.Read(path, keys.MaxFileBytes, fault.KeyUnreadable)
	if err != nil {
		return State{}, err
	}
	s, err := parseState(data)
	if err != nil {
		return State{}, fault.New(fault.ConfigInvalid, path, "not a rotation state: %w", err).
			WithHint("restore it; or remove it with all private keys but the one to sign with, and rotate again")
	}
	return s, nil
}

func parseState(data []byte) (State, error) {
	if _, err := strictjson.Object(data, 8); err != nil {
		return State{}, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var s State
	if err := decoder.Decode(&s); err != nil {
		return State{}, errors.New("a member is unknown or has the wrong type")
	}
	seen := map[string]bool{"": true}
	for _, id := range s.keyIDs() {
		if seen[id] { // removing the one would remove the other
			return State{}, errors.New("it has an empty kid, or one kid twice")
		}
		seen[id] = true
	}
	return s, nil
}

// keyIDs returns the ids that s names.
func (s State) keyIDs() []string {
	var ids []string
	if s.Active != nil {
		ids = append(ids, s.Active.KeyID)
	}
	if s.Next != nil {
		ids = append(ids, s.Next.KeyID)
	}
	for _, r := range s.Retired {
		ids = append(ids, r.KeyID)
	}
	return ids
}
