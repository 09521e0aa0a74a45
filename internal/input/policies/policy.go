// Package policies loads descriptors, and a policy with its keys, as the flags of package
// input say.
package policies

import (
	"context"
	"time"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/claims"
	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/diff"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/sign"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// Flags select the policy for messages, and the keys.
type Flags struct {
	Protos ProtoFlags
	Keys   input.KeyFlags
	Sets   input.SetFlags
	Leeway time.Duration
	Dev    bool
	// RefuseUnknown refuses fields whose numbers a message's type does not declare.
	RefuseUnknown bool
}

// Register adds the flags of what applies to every message.
func (f *Flags) Register(fs *pflag.FlagSet) {
	f.Protos.Register(fs)
	f.Keys.Register(fs)
	f.Sets.Register(fs)
	fs.DurationVar(&f.Leeway, "leeway", 0, "clock tolerance for exp, nbf and iat, at most 10m")
	fs.BoolVar(&f.Dev, "dev", false, "use the development key: make and accept unsigned tokens")
	settings.Keyed(fs, "", "leeway")
	settings.FlagOnly(fs, "dev")
}

// Policy is a policy, and the keys to enforce it with.
type Policy struct {
	Set   *descset.Set
	Facts *policy.Policy
	// Rules are those of the configured issuers, nil if other keys are given.
	Rules []diff.IssuerRules
	// Checks are those of this run.
	Checks   diff.Checks
	Plan     *plan.Plan
	Ring     *keys.Ring
	Verifier *verify.Verifier
	Signer   *sign.Signer
}

// LoadOptions are for commands that load a policy repeatedly.
type LoadOptions struct {
	// Cache keeps remote key sets between loads; if nil, each load opens them.
	Cache *input.SetCache
	// Keyless permits a policy that enforces nothing to have no keys, if none are given.
	Keyless bool
}

// Load reads descriptors and keys, and compiles the policy.
func (f *Flags) Load(ctx context.Context, d command.Deps, clock func() time.Time, o LoadOptions) (*Policy, error) {
	if f.Leeway < 0 || f.Leeway > jws.MaxLeeway {
		return nil, fault.New(fault.UsageError, "--leeway", "must be between 0 and %s (got %s)", quote.Duration(jws.MaxLeeway), quote.Duration(f.Leeway))
	}
	set, err := f.Protos.Load(ctx, d)
	if err != nil {
		return nil, err
	}
	p := &Policy{Set: set, Facts: policy.Read(set), Checks: diff.Checks{Leeway: f.Leeway, RefuseUnknown: f.RefuseUnknown}}
	if len(d.Settings.ConfiguredKeys())+len(d.Settings.ConfiguredSets()) > 0 {
		p.Rules = IssuerRules(d.Settings.File)
	}
	if p.Plan, err = plan.Compile(p.Facts, d.System.Getenv); err != nil {
		return nil, err
	}
	if o.Keyless && !p.Plan.Enforces() && !f.namesKeys(d) {
		p.Ring, err = keys.NewRing(nil)
	} else {
		p.Ring, err = f.ring(d, o.Cache)
	}
	if err != nil {
		return nil, err
	}
	codec := claims.New(set.Types())
	p.Verifier, err = verify.New(codec, p.Ring, verify.Options{Leeway: f.Leeway, Development: f.Dev, AnySignature: !f.Keys.Named() && !f.Sets.Named(), RefuseUnknownFields: f.RefuseUnknown, Now: clock})
	if err != nil {
		return nil, err
	}
	p.Signer, err = f.signer(d, codec, p.Ring, clock)
	return p, err
}

// signer returns a signer with the keys of ring. With --dev, tokens are unsigned (A91),
// unless --kid selects another key.
func (f *Flags) signer(d command.Deps, codec *claims.Codec, ring *keys.Ring, clock func() time.Time) (*sign.Signer, error) {
	if !f.Dev || f.Keys.KeyID != "" && f.Keys.KeyID != input.DevelopmentID {
		return sign.New(codec, ring, sign.Options{KeyID: f.Keys.KeyID, RefuseUnknownFields: f.RefuseUnknown, Now: clock}), nil
	}
	ring, err := keys.NewRing([]*keys.Key{input.DevelopmentKey(d)})
	return sign.New(codec, ring, sign.Options{RefuseUnknownFields: f.RefuseUnknown, Now: clock}), err
}

// namesKeys reports whether flags or configuration give any key or set.
func (f *Flags) namesKeys(d command.Deps) bool {
	return f.Dev || f.Keys.Named() || len(d.Settings.ConfiguredKeys()) > 0 || len(f.Sets.Entries(d)) > 0
}

// ring returns the keys and sets of the flags or the configuration, and with --dev the
// development key last (A90). Without any other, it has the default key file.
func (f *Flags) ring(d command.Deps, cache *input.SetCache) (*keys.Ring, error) {
	f.Sets.Pick(d, f.Keys)
	sets, err := f.Sets.Load(d, cache)
	if err != nil {
		return nil, err
	}
	var list []*keys.Key
	if f.Keys.Named() || len(d.Settings.ConfiguredKeys()) > 0 || len(sets) == 0 && !f.Dev {
		if list, err = f.Keys.Load(d); err != nil {
			return nil, err
		}
		if list, err = f.Keys.Pin(list); err != nil {
			return nil, err
		}
		if f.Keys.KeyID != "" && len(list) == 1 && !(f.Dev && f.Keys.KeyID == input.DevelopmentID) {
			if list, err = keys.Pick(list, f.Keys.KeyID); err != nil {
				return nil, err
			}
		}
	}
	if f.Dev {
		list = append(list, input.DevelopmentKey(d))
	}
	return keys.NewRing(list, sets...)
}
