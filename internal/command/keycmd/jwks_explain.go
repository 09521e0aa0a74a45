package keycmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// keyVerdict is a key of a set with the verdict on it.
type keyVerdict struct {
	Source string   `json:"source"`
	Index  int      `json:"index"`
	KeyID  *string  `json:"kid"` // null if the key has none
	Used   bool     `json:"used"`
	Is     string   `json:"description,omitempty"`
	Algs   []string `json:"algorithms,omitempty"`
	// Code and Reason are why it is not used.
	Code   fault.Code `json:"code,omitempty"`
	Reason string     `json:"reason,omitempty"`
}

// readSets reads the key sets of --jwks as verifying would, and returns the usable keys
// and the verdict on each key.
func readSets(ctx context.Context, d command.Deps, o jwksOptions) (used []keys.Entry, all []keyVerdict, err error) {
	var empty error
	for _, location := range o.sets {
		data, err := o.network.Read(ctx, d, location)
		if err != nil {
			return nil, nil, err
		}
		source := location
		if location == "-" {
			source = input.StdinName
		}
		loaded, err := keys.ParseSet(data, keys.Attributes{Source: source}, files.IsURL(location))
		switch {
		case fault.Has(err, fault.KeySetEmpty) && (o.explain || len(o.sets) > 1):
			empty = err // others may have keys
		case err != nil:
			return nil, nil, err
		}
		for _, e := range loaded.Entries {
			if e.Key != nil {
				used = append(used, e)
			}
			all = append(all, checkEntry(source, e))
		}
		for _, e := range loaded.Skipped() {
			d.Detail("skipped: %v", e.Problem)
		}
	}
	if len(used) == 0 {
		return nil, all, empty
	}
	return used, all, nil
}

func checkEntry(source string, e keys.Entry) keyVerdict {
	j := keyVerdict{Source: source, Index: e.Index, Used: e.Key != nil}
	if e.KeyID != "" {
		j.KeyID = &e.KeyID
	}
	if e.Key == nil {
		j.Code, j.Reason = e.Problem.Code, e.Problem.Reason
		return j
	}
	j.Is = e.Key.Material()
	for _, alg := range keys.Algorithms() {
		if e.Key.Allows(alg) {
			j.Algs = append(j.Algs, string(alg))
		}
	}
	return j
}

// explainSets prints for each key why it is used or not, including keys not selected by
// --kid.
func explainSets(d command.Deps, o jwksOptions, all []keyVerdict, picked []keys.Entry) error {
	if o.keys.KeyID != "" {
		for i := range all {
			if j := &all[i]; j.Used && !o.isPicked(*j, picked) {
				j.Used, j.Reason = false, "--kid selects another key"
			}
		}
	}
	if o.format == "json" {
		return d.PrintJSON(struct {
			Keys []keyVerdict `json:"keys"`
		}{all})
	}
	for _, j := range all {
		kid := "no kid"
		if j.KeyID != nil {
			kid = fmt.Sprintf("kid %q", quote.Shorten(*j.KeyID))
		}
		where := fmt.Sprintf("%s: keys[%d], %s: ", quote.Printable(j.Source), j.Index, kid)
		if j.Used {
			_ = d.Print("used      %s%s for %s\n", where, j.Is, strings.Join(j.Algs, ", "))
			continue
		}
		_ = d.Print("not used  %s%s\n", where, quote.Printable(j.Reason))
	}
	return nil
}

func (o jwksOptions) isPicked(j keyVerdict, picked []keys.Entry) bool {
	return slices.ContainsFunc(picked, func(e keys.Entry) bool {
		return e.Index == j.Index && strings.HasPrefix(e.Key.Source(), j.Source)
	})
}
