package toolcmd

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/input/policies"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// checkConfigLeeway refuses a leeway that no check accepts (S37).
func checkConfigLeeway(d command.Deps, r *configReport) {
	text := d.Settings.Values("leeway")
	if len(text) != 1 {
		return
	}
	if leeway, err := time.ParseDuration(text[0]); err == nil && (leeway < 0 || leeway > jws.MaxLeeway) {
		r.fail("", fault.New(fault.ConfigInvalid, d.Settings.Position("leeway"), "must be between 0 and %s (got %s)", quote.Duration(jws.MaxLeeway), quote.Duration(leeway)))
	}
}

// checkConfigPolicy compiles the descriptors that a.config names. It returns nil without
// descriptors, or if they do not compile.
func checkConfigPolicy(ctx context.Context, d command.Deps, r *configReport) *plan.Plan {
	protos := policies.ProtoFlags{ProtoFlags: input.ProtoFlags{ImportPaths: d.Settings.ValuePaths("proto_paths"), Protos: d.Settings.ValuePaths("protos"), Sets: d.Settings.ValuePaths("descriptor_sets")}}
	if len(protos.Protos)+len(protos.Sets) == 0 {
		if len(d.Settings.Messages) > 0 {
			r.fail(d.Settings.Path+": messages", fault.New(fault.ConfigInvalid, d.Settings.Path+": messages", "needs protos or descriptor_sets to find the types"))
		}
		return nil
	}
	set, err := protos.Load(ctx, d)
	if err != nil {
		r.fail("", withConfigLine(d, err))
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
	p, err := plan.Compile(read, d.System.Getenv)
	if err != nil {
		r.fail("", err)
		return nil
	}
	return p
}

// withConfigLine adds the line of the configuration to an error about an unreadable path.
func withConfigLine(d command.Deps, err error) error {
	var f *fault.Error
	for _, key := range []string{"protos", "descriptor_sets", "proto_paths"} {
		if errors.As(err, &f) && slices.Contains(d.Settings.ValuePaths(key), f.What) {
			return &fault.Error{Code: f.Code, What: d.Settings.Position(key), Reason: f.Error(), Hint: f.Hint, Cause: f}
		}
	}
	return err
}
