package inspectcmd

import (
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// verifyFlags configure how a token is verified.
type verifyFlags struct {
	keys        input.KeyFlags
	sets        input.SetFlags
	issuers     []string
	audiences   []string
	subjects    []string
	typ         string
	leeway      time.Duration
	maxAge      time.Duration
	maxLifetime time.Duration
	requireExp  bool
	dev         bool
	at          string

	tokenFromStdin bool
}

func (v *verifyFlags) register(fs *pflag.FlagSet) {
	v.keys.Register(fs)
	fs.Lookup("key").Usage = "key `FILE` to verify with: PEM, JWK or JWKS; or env:NAME for a variable; repeatable"
	v.sets.Register(fs)
	fs.StringArrayVar(&v.issuers, "iss", nil, "required issuer `I`; repeat to accept any of several")
	fs.StringArrayVar(&v.audiences, "aud", nil, "required audience `A`; repeat to accept any of several")
	fs.StringArrayVar(&v.subjects, "sub", nil, "required subject `S`; repeat to accept any of several")
	fs.StringVar(&v.typ, "typ", "", "required `TYPE` in the header (typ), such as at+jwt")
	fs.DurationVar(&v.leeway, "leeway", 0, "clock tolerance for exp, nbf and iat, at most 10m")
	fs.DurationVar(&v.maxAge, "max-age", 0, "maximum age of the token, counted from iat")
	fs.DurationVar(&v.maxLifetime, "max-lifetime", 0, "maximum lifetime of the token, from iat to exp")
	fs.BoolVar(&v.requireExp, "require-exp", false, "refuse a token without exp")
	fs.BoolVar(&v.dev, "dev", false, "also accept unsigned tokens, as made with the development key")
	command.AtFlag(fs, &v.at)
	settings.Keyed(fs, "", "leeway")
	settings.FlagOnly(fs, "dev", "at")
}

// verifier returns the verifier given by the flags, and its keys, or nil if there are no
// keys.
func (v *verifyFlags) verifier(d command.Deps) (*jws.Verifier, *keys.Ring, error) {
	clock, err := d.Clock(v.at)
	if err != nil {
		return nil, nil, err
	}
	if err := v.checkStdin(); err != nil {
		return nil, nil, err
	}
	policy := jws.Policy{
		Issuers: v.issuers, Audiences: v.audiences, Subjects: v.subjects, Type: v.typ,
		Leeway: v.leeway, MaxAge: v.maxAge, MaxLifetime: v.maxLifetime, RequireExpiry: v.requireExp,
		Development: v.dev, AnySignature: !v.keys.Named() && !v.sets.Named(),
	}
	if err := policy.Validate(); err != nil {
		return nil, nil, err
	}
	var list []*keys.Key
	if v.keys.Named() || len(d.Settings.ConfiguredKeys()) > 0 {
		if list, err = v.keys.All(d); err != nil {
			return nil, nil, err
		}
	}
	if v.dev {
		list = append(list, input.DevelopmentKey(d))
	}
	v.sets.Pick(d, v.keys)
	sets, err := v.sets.Load(d, nil)
	if err != nil {
		return nil, nil, err
	}
	if len(list)+len(sets) == 0 {
		return nil, nil, nil
	}
	ring, err := keys.NewRing(list, sets...)
	if err != nil {
		return nil, nil, err
	}
	verifier, err := jws.NewVerifier(ring, policy, clock)
	return verifier, ring, err
}

// checkStdin refuses to read standard input twice.
func (v *verifyFlags) checkStdin() error {
	isStdin := func(name string) bool { return name == "-" }
	flag := ""
	switch {
	case slices.ContainsFunc(v.sets.JWKS, isStdin):
		flag = "--jwks"
	case slices.ContainsFunc(v.keys.Files, isStdin):
		flag = "--key"
	}
	switch {
	case flag != "" && v.tokenFromStdin:
		return fault.New(fault.UsageError, flag, "cannot read stdin twice: the token is read from it").WithHint("to read the token from a file, use @FILE")
	case flag == "--jwks" && slices.ContainsFunc(v.keys.Files, isStdin):
		return fault.New(fault.UsageError, flag, "cannot read stdin twice: --key reads it")
	}
	return nil
}
