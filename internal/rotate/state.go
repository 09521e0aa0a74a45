// Package rotate replaces the keys of a folder in phases, so that no token is signed with
// a key that verifiers may not know yet, and no valid token is refused because its key
// was removed too early (S17).
//
// A new key is first published next to the active one (package jwks serves every key of
// the folder), then it signs, later it is retired, and finally removed. The folder's
// rotation.json records the phase of each key. Keys that the file does not name are never
// signed with and never removed.
//
// The package does not generate keys itself, and does not use the network.
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

// State is the content of rotation.json. The zero value is for a folder that was never
// rotated.
type State struct {
	// Active is the key that signs.
	Active *Active `json:"active,omitempty"`
	// Next is the key that will sign; it is already published.
	Next *Upcoming `json:"next,omitempty"`
	// Retired are the keys that signed before, oldest first. They remain published for
	// the tokens that they signed.
	Retired []Retired `json:"retired,omitempty"`
}

// Active is the key that signs, with the time from which it has.
type Active struct {
	KeyID string    `json:"kid"`
	Since time.Time `json:"since"`
}

// Upcoming is the key that signs from SignsFrom on. Without SignsFrom it is being made,
// and its file may or may not exist.
type Upcoming struct {
	KeyID     string     `json:"kid"`
	SignsFrom *time.Time `json:"signs_from,omitempty"`
}

// Retired is a key whose files are to be removed at RemoveAfter.
type Retired struct {
	KeyID       string    `json:"kid"`
	RemoveAfter time.Time `json:"remove_after"`
}

// isNew reports whether s names no keys.
func (s State) isNew() bool { return s.Active == nil && s.Next == nil && len(s.Retired) == 0 }

// ReadState returns the state of the key folder dir. It returns config_invalid for a
// state that this package did not write, and key_unreadable if it cannot be read.
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
			WithHint("restore it, or remove it and all private keys except the one to sign with, and rotate again")
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
		if seen[id] { // removing one would remove the other
			return State{}, errors.New("has an empty or duplicate kid")
		}
		seen[id] = true
	}
	return s, nil
}

// keyIDs returns the IDs in s.
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
