package cli

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
)

// checkConfigLeeway refuses a leeway that no check accepts (S37).
func (a *app) checkConfigLeeway(r *configReport) {
	text := a.Settings.Values("leeway")
	if len(text) != 1 {
		return
	}
	if d, err := time.ParseDuration(text[0]); err == nil && (d < 0 || d > jws.MaxLeeway) {
		r.fail("", fault.New(fault.ConfigInvalid, a.Settings.At("leeway"), "%s is not between 0 and %s", d, jws.MaxLeeway))
	}
}

// checkConfigPolicy compiles the descriptors that a.config names; nil if it
// names none, or they do not compile.
func (a *app) checkConfigPolicy(ctx context.Context, r *configReport) *plan.Plan {
	protos := protoFlags{importPaths: a.Settings.ValuePaths("proto_paths"), protos: a.Settings.ValuePaths("protos"), sets: a.Settings.ValuePaths("descriptor_sets")}
	if len(protos.protos)+len(protos.sets) == 0 {
		if len(a.Settings.Messages) > 0 {
			r.fail(a.Settings.Path+": messages", fault.New(fault.ConfigInvalid, a.Settings.Path+": messages", "neither protos nor descriptor_sets says where their types are"))
		}
		return nil
	}
	set, err := protos.load(ctx, a, "")
	if err != nil {
		r.fail("", a.namedIn(err))
		return nil
	}
	read := policy.Read(set)
	r.Protos = &configProtos{}
	for _, f := range set.Files() {
		if !f.Import {
			r.Protos.Files++
		}
	}
	for _, s := range read.Services {
		for _, m := range s.Methods {
			r.Protos.Methods++
			if m.Guarded() {
				r.Protos.Guarded++
			}
		}
	}
	for _, m := range read.Messages {
		if m.HasTokens() {
			r.Protos.Messages++
		}
	}
	p, err := plan.Compile(read, a.System.Getenv)
	if err != nil {
		r.fail("", err)
		return nil
	}
	return p
}

// namedIn gives a path that cannot be read the line of the file that names it.
func (a *app) namedIn(err error) error {
	var f *fault.Error
	for _, key := range []string{"protos", "descriptor_sets", "proto_paths"} {
		if errors.As(err, &f) && slices.Contains(a.Settings.ValuePaths(key), f.What) {
			return &fault.Error{Code: f.Code, What: a.Settings.At(key), Why: f.Error(), Hint: f.Hint, Cause: f}
		}
	}
	return err
}
