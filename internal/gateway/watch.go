package gateway

import (
	"os"
	"slices"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
)

// watched are the places to look for changes at.
type watched struct {
	fixed, protos, importPaths []string
}

// watched returns what is known before anything is read.
func (o *Options) watched(d command.Deps) watched {
	w := watched{protos: o.Policy.Protos.Protos, importPaths: o.Policy.Protos.ImportPaths}
	w.fixed = slices.Concat(o.Policy.Protos.Sets, o.serving.tls.files(), []string{d.Settings.Path})
	for _, p := range o.Policy.Keys.Places(d) {
		if p.IsFile() {
			w.fixed = append(w.fixed, p.Name)
		}
	}
	for _, e := range o.Policy.Sets.Entries(d) {
		if path, err := files.PathOf(e.JWKS, fault.KeySetURLNotAllowed); err == nil && !e.IsRemote() {
			w.fixed = append(w.fixed, path)
		}
	}
	return w
}

// look returns the files as they are now; nil for one that is not there.
func (w watched) look() map[string]os.FileInfo {
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
		found, _ := files.Find(base, pattern, fault.DescriptorUnreadable) // loading says what is wrong
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
