package rotate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Rotation rotates the keys of a folder.
type Rotation struct {
	// Folder holds the key files, each with one key, and the state.
	Folder string
	Policy Policy
	// Algorithm is the algorithm of new keys.
	Algorithm keys.Algorithm
	// Make generates a private key for an algorithm.
	Make func(keys.Algorithm) (*keys.Key, error)
	// Now is the clock.
	Now func() time.Time
	// Writer writes key files and the state.
	Writer files.Writer
}

// maxSteps is more than any folder can need: MaxSetKeys removals, and a few others.
const maxSteps = keys.MaxSetKeys + 10

// Run takes every step that is due now, and returns the steps and the resulting state. If
// it is killed, the next Run continues from where it stopped. Runs on one folder wait for
// each other if the system has file locks.
//
// Errors are those of Policy.Check, ReadState, Next, Make and files.Write; the steps
// before the error were taken.
func (r *Rotation) Run() ([]Step, State, error) {
	if err := r.Policy.Check(); err != nil {
		return nil, State{}, err
	}
	unlock, err := lock(r.Folder)
	if err != nil {
		return nil, State{}, fault.New(fault.KeyUnreadable, r.Folder, "cannot be locked: %w", files.Reason(err))
	}
	defer unlock()
	policy := r.Policy
	var done []Step
	for range maxSteps {
		s, err := ReadState(r.Folder)
		if err != nil {
			return done, s, err
		}
		held, err := read(r.Folder)
		if err != nil {
			return done, s, err
		}
		step, err := Next(s, held, r.Now(), policy)
		if err != nil {
			return done, s, err.(*fault.Error).About(r.Folder)
		}
		if step.Action == Nothing {
			return done, s, nil
		}
		if step, err = r.execute(step, held); err != nil {
			return done, s, err
		}
		if step.Action == Make {
			policy.Force = false // one successor, rather than one after the other
		}
		done = append(done, step)
	}
	return done, State{}, fault.New(fault.Internal, r.Folder, "rotation does not finish")
}

// execute carries out step, and returns it as carried out.
func (r *Rotation) execute(step Step, held FolderKeys) (Step, error) {
	switch step.Action {
	case Make:
		return r.make(step)
	case Remove:
		// Remove the files first: while the state names the key, it cannot sign again.
		for _, path := range held[step.KeyID].Paths {
			if err := r.remove(path); err != nil {
				return step, err
			}
		}
	}
	return step, r.writeState(step.State)
}

// make generates the next key. It records the key's ID in the state before it writes the
// file, so that the file is recognized even if the program dies right after.
func (r *Rotation) make(step Step) (Step, error) {
	k, err := r.Make(r.Algorithm)
	if err != nil {
		return step, err
	}
	if _, err := k.Public(); err != nil { // a secret would stop the server
		return step, err
	}
	if !isFileName(k.ID()) {
		return step, fault.New(fault.KeyInvalid, "kid", "%q cannot be a file name", quote.Shorten(k.ID()))
	}
	text, err := k.JWK() // unlike PEM, it has the ID and the algorithm
	if err != nil {
		return step, err
	}
	step.KeyID = k.ID()
	step.State.Next = &Upcoming{KeyID: k.ID()}
	if err := r.writeState(step.State); err != nil {
		return step, err
	}
	return step, r.Writer.Write(r.FileOf(k.ID()), append(text, '\n'), files.Private, false)
}

// KeyFiles matches the files of the keys that Run makes.
const KeyFiles = "key-*.jwk"

// FileOf returns the path at which Run writes the key with this ID.
func (r *Rotation) FileOf(id string) string {
	return filepath.Join(r.Folder, strings.Replace(KeyFiles, "*", id, 1))
}

// isFileName reports whether id has only characters of thumbprints (base64url).
func isFileName(id string) bool {
	for _, c := range id {
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return id != "" && len(id) <= 128
}

func (r *Rotation) writeState(s State) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fault.New(fault.Internal, jwks.RotationState, "%w", err)
	}
	return r.Writer.Write(filepath.Join(r.Folder, jwks.RotationState), append(text, '\n'), files.Shared, true)
}

// remove removes a key file. If a crash loses the removal, the next run repeats it.
func (r *Rotation) remove(path string) error {
	remove := os.Remove
	if r.Writer.Disk != nil {
		remove = r.Writer.Disk.Remove
	}
	if err := remove(path); err != nil {
		return fault.New(fault.FileFailed, path, "cannot be removed: %w", files.Reason(err))
	}
	return nil
}

// Signer returns the key of the folder dir that currently signs: the state's active key
// or, if the folder has no state, its only private key.
//
// It returns key_missing if no key may sign yet or its file is missing, key_ambiguous,
// and the errors of ReadState and keys.Parse.
func Signer(dir string) (*keys.Key, error) {
	s, err := ReadState(dir)
	if err != nil {
		return nil, err
	}
	held, err := read(dir)
	if err != nil {
		return nil, err
	}
	id := ""
	if s.Active != nil {
		id = s.Active.KeyID
	} else if s.isNew() {
		step, err := begin(held, time.Time{})
		if err != nil {
			return nil, err.(*fault.Error).About(dir)
		}
		id = step.KeyID
	}
	if !held[id].CanSign {
		return nil, fault.New(fault.KeyMissing, dir, "has no key that may sign").
			WithRemedy(fault.StartRotation)
	}
	return held[id].key, nil
}

// read returns the key files of the folder dir.
func read(dir string) (FolderKeys, error) {
	paths, err := jwks.KeyFiles(dir)
	if err != nil {
		return nil, err
	}
	held := FolderKeys{}
	for _, path := range paths {
		data, err := files.Read(path, keys.MaxFileBytes, fault.KeyUnreadable)
		if err != nil {
			return nil, err
		}
		loaded, err := keys.Parse(data, keys.Attributes{Source: path})
		if err != nil {
			return nil, err
		}
		if len(loaded.Keys) > 1 {
			return nil, fault.New(fault.KeyMultipleBlocks, path, "has %d keys; files in a rotated directory must have one each", len(loaded.Keys))
		}
		k := loaded.Keys[0]
		f, known := held[k.ID()]
		if known && !f.key.SameMaterial(k) {
			return nil, fault.New(fault.KeyAmbiguous, path, "id %q is also the id of another key (%s)", quote.Shorten(k.ID()), f.key.Source())
		}
		f.Paths = append(f.Paths, path)
		canSign := k.CanSign() && k.Type() != keys.TypeSecret
		if !known || canSign {
			f.key = k
		}
		f.CanSign = f.CanSign || canSign
		held[k.ID()] = f
	}
	return held, nil
}
