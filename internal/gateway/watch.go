package gateway

import (
	"os"
	"slices"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/gateway/tlsfiles"
	"github.com/jwtctl/jwtctl/internal/input/policies"
)

// watched are the places to check for changes.
type watched struct {
	fixed, protos, importPaths []string
}

// watchedBy returns the places known before anything is read.
func watchedBy(d command.Deps, policy policies.Flags, tls tlsfiles.Flags) watched {
	w := watched{protos: policy.Protos.Protos, importPaths: policy.Protos.ImportPaths}
	w.fixed = slices.Concat(policy.Protos.Sets, tls.Files(), []string{d.Settings.Path})
	for _, p := range policy.Keys.Sources(d) {
		if p.IsFile() {
			w.fixed = append(w.fixed, p.Name)
		}
	}
	for _, e := range policy.Sets.Entries(d) {
		if path, err := files.PathOf(e.JWKS, fault.KeySetURLNotAllowed); err == nil && !e.IsRemote() {
			w.fixed = append(w.fixed, path)
		}
	}
	return w
}

// stat returns the current state of the files; nil for missing ones.
func (w watched) stat() map[string]os.FileInfo {
	seen := map[string]os.FileInfo{}
	add := func(list ...string) {
		for _, name := range list {
			if name != "" {
				seen[name], _ = os.Stat(name)
			}
		}
	}
	add(w.fixed...)
	for _, arg := range w.protos {
		base, pattern := files.SplitPattern(arg)
		if info, err := os.Stat(arg); pattern == "" && err == nil && info.IsDir() {
			base, pattern = arg, "**/*.proto"
		}
		if pattern == "" {
			add(arg)
			continue
		}
		found, _ := files.Find(base, pattern, fault.DescriptorUnreadable) // loading reports the error
		add(found...)
	}
	return seen
}

// sameFile reports whether a file is unchanged between two looks.
func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
