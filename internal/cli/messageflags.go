package cli

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/claims"
	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/sign"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// messageFlags are those of the commands that sign and verify messages.
type messageFlags struct {
	protos protoFlags
	keys   keyFlags
	sets   setFlags
	method string
	typ    string
	bearer string
	leeway time.Duration
	dev    bool
	at     string
	// refuseUnknown refuses fields whose numbers a message's type does not declare.
	refuseUnknown bool
}

func (f *messageFlags) register(a *app, fs *pflag.FlagSet) {
	f.registerPolicy(fs)
	fs.StringVar(&f.method, "method", "", "`METHOD` whose policy applies, as pkg.Service/Method")
	fs.StringVar(&f.typ, "type", "", "message `TYPE`, as pkg.Message, whose annotations apply without a method")
	fs.StringVar(&f.bearer, "bearer", "", "bearer token of the call: `TOKEN`, or @FILE")
	command.AtFlag(fs, &f.at)
	settings.FlagOnly(fs, "at")
}

// registerPolicy adds the flags of what applies to every message.
func (f *messageFlags) registerPolicy(fs *pflag.FlagSet) {
	f.protos.register(fs)
	f.keys.register(fs)
	f.sets.register(fs)
	fs.DurationVar(&f.leeway, "leeway", 0, "clock tolerance for exp, nbf and iat, at most 10m")
	fs.BoolVar(&f.dev, "dev", false, "development key: tokens are made, and accepted, unsigned")
	settings.Keyed(fs, "", "leeway")
	settings.FlagOnly(fs, "dev")
}

// messages is what a command does to messages: a compiled policy, keys, and
// which type each file holds.
type messages struct {
	compiled
	app    *app
	codec  *message.Codec
	method string
	typ    string
	token  string // the bearer token; "" for none
	given  bool   // whether one was given
	strict bool   // refuse what nothing checks
	inputs []string

	bearers sync.Map // *plan.Bearer → *bearerVerdict
	targets sync.Map // path → *pathTarget
}

// compiled is a policy, and the keys that it is enforced with.
type compiled struct {
	set      *descset.Set
	facts    *policy.Policy
	plan     *plan.Plan
	ring     *keys.Ring
	verifier *verify.Verifier
	signer   *sign.Signer
}

// Whether a policy may be without any key.
const (
	keysAlways     = false
	keysIfEnforced = true // without, if none is named and the policy enforces nothing
)

// policy reads descriptors and keys, and compiles the policy.
func (f *messageFlags) policy(ctx context.Context, a *app, clock func() time.Time, keyless bool) (*compiled, error) {
	set, err := f.protos.load(ctx, a, "")
	if err != nil {
		return nil, err
	}
	p := &compiled{set: set, facts: policy.Read(set)}
	if p.plan, err = plan.Compile(p.facts, a.System.Getenv); err != nil {
		return nil, err
	}
	if keyless && !p.plan.Enforces() && !f.namesKeys(a) {
		p.ring, err = keys.NewRing(nil)
	} else {
		p.ring, err = f.ring(a)
	}
	if err != nil {
		return nil, err
	}
	codec := claims.New(set.Types())
	p.verifier, err = verify.New(codec, p.ring, verify.Options{Leeway: f.leeway, Development: f.dev, RefuseUnknownFields: f.refuseUnknown, Now: clock})
	if err != nil {
		return nil, asUsage(err, "--leeway") // the one option that can be wrong
	}
	p.signer, err = f.signer(a, codec, p.ring, clock)
	return p, err
}

// load returns what the flags say to do to the messages in inputs.
func (f *messageFlags) load(ctx context.Context, a *app, inputs []string) (*messages, error) {
	if err := f.checkStdin(inputs); err != nil {
		return nil, err
	}
	if f.method != "" && f.typ != "" {
		return nil, fault.New(fault.UsageError, "--method", "excludes --type: a method says which message it takes")
	}
	clock, err := a.Clock(f.at)
	if err != nil {
		return nil, err
	}
	p, err := f.policy(ctx, a, clock, keysAlways)
	if err != nil {
		return nil, err
	}
	m := &messages{app: a, compiled: *p, codec: message.New(p.set.Types(), message.Limits{}), method: f.method, typ: f.typ, inputs: f.protos.inputs(p.set)}
	if m.method != "" || m.typ != "" { // a wrong name is told once, before any message
		if _, err := m.resolve(m.method, m.typ, false); err != nil {
			return nil, err
		}
	}
	if f.bearer != "" {
		if m.token, err = a.bearerToken(f.bearer); err != nil {
			return nil, err
		}
		m.given = true
	}
	if f.dev {
		a.Danger("--dev makes and accepts unsigned tokens: anybody can make one")
	}
	return m, nil
}

// checkStdin refuses to read standard input for two things.
func (f *messageFlags) checkStdin(inputs []string) error {
	n := 0
	for _, name := range slices.Concat(inputs, f.keys.files, f.sets.jwks, f.protos.sets) {
		if name == "-" {
			n++
		}
	}
	if n < 2 {
		return nil
	}
	return fault.New(fault.UsageError, "-", "standard input can be read once only")
}

// signer signs with the keys of ring; with --dev the tokens are unsigned (A91),
// unless --kid names one of the others.
func (f *messageFlags) signer(a *app, codec *claims.Codec, ring *keys.Ring, clock func() time.Time) (*sign.Signer, error) {
	if !f.dev || f.keys.kid != "" && f.keys.kid != developmentID {
		return sign.New(codec, ring, sign.Options{KeyID: f.keys.kid, RefuseUnknownFields: f.refuseUnknown, Now: clock}), nil
	}
	ring, err := keys.NewRing([]*keys.Key{a.developmentKey()})
	return sign.New(codec, ring, sign.Options{RefuseUnknownFields: f.refuseUnknown, Now: clock}), err
}

// developmentID is the id of the development key (A90).
const developmentID = "dev"

func (a *app) developmentKey() *keys.Key {
	issuer, _ := a.System.Getenv("JWT_DEV_SECRET_ISSUER") // A90
	return keys.Development(issuer)
}

// namesKeys reports whether flags or configuration name any key or set.
func (f *messageFlags) namesKeys(a *app) bool {
	return f.dev || len(f.keys.files) > 0 || len(a.Settings.ConfiguredKeys()) > 0 || len(f.sets.entries(a)) > 0
}

// ring returns the keys of the flags or the configuration, the sets, and with
// --dev the development key last (A90). Without any other key or set, the
// default key file is one.
func (f *messageFlags) ring(a *app) (*keys.Ring, error) {
	f.sets.pick(a, f.keys)
	sets, err := f.sets.load(a)
	if err != nil {
		return nil, err
	}
	var list []*keys.Key
	if len(f.keys.files)+len(a.Settings.ConfiguredKeys()) > 0 || len(sets) == 0 && !f.dev {
		if list, err = f.keys.load(a); err != nil {
			return nil, err
		}
		if list, err = f.keys.pinned(list); err != nil {
			return nil, err
		}
		if f.keys.kid != "" && len(list) == 1 && !(f.dev && f.keys.kid == developmentID) {
			if list, err = keys.Pick(list, f.keys.kid); err != nil {
				return nil, err
			}
		}
	}
	if f.dev {
		list = append(list, a.developmentKey())
	}
	return keys.NewRing(list, sets...)
}

// bearerToken returns the token that --bearer names.
func (a *app) bearerToken(arg string) (string, error) {
	if err := notABearer(arg); err != nil {
		return "", err
	}
	what := "--bearer"
	if path, isFile := strings.CutPrefix(arg, "@"); isFile {
		data, err := files.Read(path, maxTokenInput, fault.FileFailed)
		if err != nil {
			return "", err
		}
		arg, what = string(data), path
	}
	token, err := unwrapToken(arg)
	var f *fault.Error
	if errors.As(err, &f) {
		return "", f.About(what).WithHint("a token by itself, or after \"Bearer \"")
	}
	return token, err
}

// expand returns the files that args name; a pattern that is no file's name
// stands for those it matches.
func (a *app) expand(command string, args []string) ([]string, error) {
	var list []string
	for _, arg := range args {
		if err := notAFile(command, arg); err != nil {
			return nil, err
		}
		if _, err := os.Stat(arg); arg == "-" || !files.IsPattern(arg) || err == nil {
			list = append(list, arg)
			continue
		}
		base, pattern := files.SplitPattern(arg)
		found, passed, err := files.FindAll(base, pattern, fault.FileFailed)
		a.warnPassed(arg, passed)
		if err != nil || len(found) == 0 {
			return nil, fault.New(fault.FileFailed, arg, "matches no file")
		}
		list = append(list, found...)
	}
	seen := map[string]bool{}
	for _, path := range list {
		if path == "-" && seen[path] {
			return nil, fault.New(fault.UsageError, "-", "standard input can be read once only")
		}
		seen[path] = true
	}
	return list, nil
}

// warnPassed names the folders that a pattern passes over though files in them
// match it (S86).
func (a *app) warnPassed(pattern string, folders []string) {
	for _, dir := range folders {
		a.Warn("%s: passed over, and files in it match %s: patterns look neither into folders that begin with a dot, nor node_modules, nor links", quote.Printable(dir), quote.Printable(pattern))
	}
}

// readMessage returns the text of one message.
func (a *app) readMessage(path string) ([]byte, error) {
	const limit = 16 * message.MaxBytes // more than a message may have, so that it is refused, not unread
	if path == "-" {
		return files.ReadAll(a.System.In, "standard input", limit, fault.FileFailed)
	}
	return files.Read(path, limit, fault.FileFailed)
}
