// Package scaffold searches a folder for the content of a jwtctl.yaml: .proto files with
// JWT annotations and their import folders, descriptor sets, keys and key sets. It only
// reads.
//
// The result is a proposal: the import folders are a guess.
package scaffold

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/discover"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/protofile"
)

// Found is the content of a folder. Paths are relative to it, with slashes.
type Found struct {
	// ProtoPaths and Protos are the import folders and patterns of the annotated
	// sources.
	ProtoPaths, Protos []string
	// Sets are descriptor sets with annotations; they may overlap with Protos.
	Sets []string
	// Keys are key files, starting with those that can sign, and KeySets files with
	// several keys.
	Keys    []Key
	KeySets []string
	// Issuers are those in the annotations, sorted; Methods and Types are what can be
	// verified, in the order of the files.
	Issuers, Methods, Types []string
	// Faulty is why the sources found could not be read, or nil.
	Faulty error
}

// Key is a key file.
type Key struct {
	Path, ID  string
	Algorithm keys.Algorithm
	Signs     bool
}

// maxProbe is the maximum size of files that are examined.
const maxProbe = 4 << 20

// Scan returns the content of dir, skipping folders named node_modules or starting with a
// dot. It returns file_failed if dir cannot be read.
func Scan(ctx context.Context, dir string) (*Found, error) {
	list, err := files.Find(dir, "**", fault.FileFailed)
	if err != nil {
		return nil, err
	}
	l := scan{dir: dir, found: &Found{}, sources: discover.New(dir)}
	for _, name := range list {
		relative, err := filepath.Rel(dir, name)
		if err != nil {
			return nil, fault.New(fault.FileFailed, name, "%w", err)
		}
		l.file(ctx, filepath.ToSlash(relative))
	}
	l.keys()
	l.roots()
	l.policy(ctx)
	return l.found, nil
}

type scan struct {
	dir     string
	found   *Found
	sources *discover.Tree
}

// file classifies the file at path.
func (l *scan) file(ctx context.Context, path string) {
	switch filepath.Ext(path) {
	case ".proto":
		if text := l.read(path); text != nil {
			l.sources.Add(path, text)
		}
	case ".binpb", ".protoset", ".desc", ".pb":
		if set, err := protofile.Load(ctx, protofile.Sources{DescriptorSets: []string{l.at(path)}}); err == nil && annotated(policy.Read(set)) {
			l.found.Sets = append(l.found.Sets, path)
		}
	case ".pem", ".key", ".jwk", ".jwks":
		l.keyFile(path)
	case ".json":
		if strings.Contains(strings.ToLower(filepath.Base(path)), "jwk") {
			l.keyFile(path)
		}
	}
}

func (l *scan) at(path string) string { return filepath.Join(l.dir, filepath.FromSlash(path)) }

// read returns the content of a file, or nil if it is unreadable or too large for its
// kind.
func (l *scan) read(path string) []byte {
	text, err := files.Read(l.at(path), maxProbe, fault.FileFailed)
	if err != nil {
		return nil
	}
	return text
}

// keyFile records the keys at path.
func (l *scan) keyFile(path string) {
	text := l.read(path)
	if bytes.Contains(text, []byte("BEGIN CERTIFICATE")) {
		return // probably a server's key
	}
	loaded, err := keys.Parse(text, keys.Attributes{Source: path})
	switch {
	case err != nil:
	case len(loaded.Keys) > 1:
		l.found.KeySets = append(l.found.KeySets, path)
	default:
		k := loaded.Keys[0]
		l.found.Keys = append(l.found.Keys, Key{path, k.ID(), k.Algorithm(), k.CanSign()})
	}
}

// keys moves keys that sign to the front, and drops their public halves.
func (l *scan) keys() {
	list := l.found.Keys
	slices.SortStableFunc(list, func(a, b Key) int {
		switch {
		case a.Signs == b.Signs:
			return 0
		case a.Signs:
			return -1
		}
		return 1
	})
	seen := map[string]bool{}
	l.found.Keys = slices.DeleteFunc(list, func(k Key) bool {
		again := seen[k.ID]
		seen[k.ID] = true
		return again
	})
}

// roots determines the import folders and patterns of the annotated sources.
func (l *scan) roots() {
	l.found.ProtoPaths = l.sources.Roots()
	for _, file := range l.sources.Annotated() {
		pattern := "*.proto"
		if root := l.sources.Root(file); root != "." {
			pattern = root + "/**/*.proto"
		} else if first, _, below := strings.Cut(file, "/"); below {
			pattern = first + "/**/*.proto"
		}
		if !slices.Contains(l.found.Protos, pattern) {
			l.found.Protos = append(l.found.Protos, pattern)
		}
	}
}

// policy reads the sources found, for their issuers, methods and types.
func (l *scan) policy(ctx context.Context) {
	var src protofile.Sources
	for _, p := range l.found.ProtoPaths {
		src.ImportPaths = append(src.ImportPaths, l.at(p))
	}
	for _, p := range l.found.Protos {
		src.Protos = append(src.Protos, l.at(p))
	}
	if len(src.Protos) == 0 {
		for _, p := range l.found.Sets {
			src.DescriptorSets = append(src.DescriptorSets, l.at(p))
		}
	}
	if len(src.Protos)+len(src.DescriptorSets) == 0 {
		return
	}
	set, err := protofile.Load(ctx, src)
	if err != nil {
		l.found.Faulty = err
		return
	}
	p := policy.Read(set)
	for _, s := range p.Services {
		l.issuers(rulesOf(s.OwnRules))
		for _, m := range s.Methods {
			l.issuers(rulesOf(m.OwnRules))
			if m.Guarded() {
				l.found.Methods = append(l.found.Methods, m.Name())
			}
		}
	}
	for _, m := range p.Messages {
		for _, f := range m.Fields {
			l.issuers(f.Issuers)
		}
		if m.HasTokens() && !m.Imported {
			l.found.Types = append(l.found.Types, string(m.Desc.FullName()))
		}
	}
	slices.Sort(l.found.Issuers)
	l.found.Issuers = slices.Compact(l.found.Issuers)
}

func rulesOf(r *policy.Rules) []policy.Text {
	if r == nil {
		return nil
	}
	return r.Issuers
}

// issuers records issuers without variables, whose values do not belong in a file.
func (l *scan) issuers(list []policy.Text) {
	for _, t := range list {
		if variables, err := t.Variables(); err == nil && len(variables) == 0 && t.Value != "" {
			l.found.Issuers = append(l.found.Issuers, t.Value)
		}
	}
}

func annotated(p *policy.Policy) bool {
	return slices.ContainsFunc(p.Services, func(s *policy.Service) bool {
		return s.OwnRules != nil || slices.ContainsFunc(s.Methods, func(m *policy.Method) bool { return m.OwnRules != nil })
	}) || slices.ContainsFunc(p.Messages, func(m *policy.Message) bool { return len(m.Fields) > 0 || m.BearerToken })
}
