package input

import (
	"context"
	"time"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// SetSource is the source of the keys of a set. Load may be called repeatedly: it reads
// files again, and keeps the content of what can be read only once.
type SetSource struct {
	Load jwks.Load
	// Inputs are the files read, which must not be overwritten.
	Inputs []string
}

// NewSetSource returns the source of the keys given by flags and the folder dir. A folder
// alone replaces the default key.
func NewSetSource(d command.Deps, k KeyFlags, dir string) SetSource {
	var parts []jwks.Load
	var p SetSource
	if dir == "" || k.Named() {
		for _, place := range k.Sources(d) {
			if !place.IsFile() {
				parts = append(parts, loadOnce(func() ([]*keys.Key, error) { return place.Read(d, k.StrictPerms) }))
				continue
			}
			p.Inputs = append(p.Inputs, place.Name)
			source := &jwks.Source{Files: []string{place.Name}, Attributes: place.Attributes, Log: d.Logger()}
			parts = append(parts, checkPermissionsOnce(d, place.Name, k.StrictPerms, source.Load))
		}
	}
	if dir != "" {
		p.Inputs = append(p.Inputs, dir)
		folder := &jwks.Source{Folder: dir, Attributes: k.Attributes(d), Log: d.Logger()}
		beside := len(parts) > 0
		parts = append(parts, func() ([]*keys.Key, error) {
			list, err := folder.Load()
			if beside && fault.Has(err, fault.KeySetEmpty) {
				return nil, nil // it may be filled later
			}
			return list, err
		})
	}
	p.Load = func() ([]*keys.Key, error) {
		var all []*keys.Key
		for _, part := range parts {
			list, err := part()
			if err != nil {
				return nil, WithKeyFileHint(err)
			}
			all = append(all, list...)
		}
		if k.KeyID != "" {
			var err error
			if all, err = keys.Pick(all, k.KeyID); err != nil {
				return nil, err
			}
		}
		return k.Pin(all)
	}
	return p
}

// Serve runs server until ctx is done, and publishes changed keys: it checks for changes
// each time every has passed, and on a signal. It calls ready once requests are served;
// an error of ready ends the server.
func Serve(ctx context.Context, d command.Deps, server *jwks.Server, published *jwks.Publisher, every time.Duration, ready func() error) error {
	served, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(served) }()
	go published.Watch(served, every, d.System.Reload(served))
	if err := ready(); err != nil {
		stop()
		<-ended
		return err
	}
	err := <-ended
	if err == nil {
		d.Info("stopped")
	}
	return err
}

// loadOnce keeps the keys that load returns, for sources that can be read only once.
func loadOnce(load jwks.Load) jwks.Load {
	var kept []*keys.Key
	return func() ([]*keys.Key, error) {
		if kept != nil {
			return kept, nil
		}
		var err error
		kept, err = load()
		return kept, err
	}
}

// checkPermissionsOnce checks the permissions of the file on the first load.
func checkPermissionsOnce(d command.Deps, path string, strict bool, load jwks.Load) jwks.Load {
	checked := false
	return func() ([]*keys.Key, error) {
		list, err := load()
		if err != nil || checked {
			return list, err
		}
		checked = true
		return list, CheckPermissions(d, path, list, strict)
	}
}
