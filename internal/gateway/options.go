package gateway

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/input/policies"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// Options are the flags of a gateway.
type Options struct {
	// Policy is read again at run time.
	Policy  policies.Flags
	serving servingFlags
	web     webFlags
}

// servingFlags are the flags that do not change at run time.
type servingFlags struct {
	sharedFlags
	upstream               string
	maxStreams, maxMessage int
	age, ageGrace          time.Duration
}

// Register adds the flags.
func (o *Options) Register(fs *pflag.FlagSet) {
	o.Policy.Register(fs)
	fs.Lookup("key").Usage = keyUsage
	fs.BoolVar(&o.Policy.RefuseUnknown, "refuse-unknown-fields", false, "refuse validated or signed messages with fields that their type does not declare")
	o.serving.Register(fs)
	o.web.register(fs)
	settings.Keyed(fs, "proxy")
}

func (o *servingFlags) Register(fs *pflag.FlagSet) {
	o.sharedFlags.register(fs)
	fs.StringVar(&o.upstream, "upstream", "", "`ADDRESS` of the gRPC server: host:port, or a gRPC target such as unix:///run/shop.sock")
	o.tls.RegisterUpstream(fs)
	settings.SizeVar(fs, &o.maxMessage, "max-message", proxy.MaxMessageBytes, 1, 1<<30, "maximum `SIZE` of a message after decompression, in either direction")
	fs.IntVar(&o.maxStreams, "max-streams", proxy.MaxStreams, "maximum number `N` of concurrent calls per client connection")
	fs.DurationVar(&o.age, "max-connection-age", 10*time.Minute, "connection age (±10%) at which clients are asked to reconnect, to spread load over replicas; 0 for never")
	fs.DurationVar(&o.ageGrace, "max-connection-age-grace", 0, "how long calls on such a connection may continue; 0 for no limit")
}

// Check refuses flags that are invalid whatever the files contain.
func (o *Options) Check(d command.Deps) error {
	s := &o.serving
	switch {
	case s.upstream == "":
		return fault.New(fault.UsageError, "--upstream", "is required").WithHint("name the gRPC server to forward to, such as --upstream 127.0.0.1:9000")
	case s.maxStreams < 1 || s.maxStreams > math.MaxInt32:
		return fault.New(fault.UsageError, "--max-streams", "must be between 1 and %d", math.MaxInt32)
	case s.age < 0:
		return fault.New(fault.UsageError, "--max-connection-age", "must not be negative (got %s)", quote.Duration(s.age))
	case s.ageGrace < 0:
		return fault.New(fault.UsageError, "--max-connection-age-grace", "must not be negative (got %s)", quote.Duration(s.ageGrace))
	case s.listen == s.upstream:
		return fault.New(fault.UsageError, "--upstream", "%s is the same as --listen: the proxy would forward to itself", quote.Printable(s.upstream))
	}
	return errors.Join(s.sharedFlags.check(), o.checkReach(), o.web.check(s.listen), checkRereadable(d, o.Policy))
}

// checkRereadable refuses inputs that can be read only once.
func checkRereadable(d command.Deps, f policies.Flags) error {
	once := func(flag string) error {
		return fault.New(fault.UsageError, flag, "cannot be stdin, since keys are reloaded").WithHint("use a file")
	}
	if slices.Contains(f.Protos.Sets, "-") {
		return once("--descriptor-set")
	}
	if slices.ContainsFunc(f.Keys.Sources(d), func(p input.KeySource) bool { return p.Name == "-" }) {
		return once("--key")
	}
	if slices.ContainsFunc(f.Sets.Entries(d), func(e config.KeySetEntry) bool { return e.JWKS == "-" }) {
		return once("--jwks")
	}
	return nil
}

// checkReach refuses to expose plaintext (S68) and the development key (S56) to other
// machines.
func (o *Options) checkReach() error {
	s := &o.serving
	sides := []side{
		s.side("--listen", s.listen),
		{"--upstream", s.upstream, "--upstream-tls", isLocalTarget(s.upstream), s.tls.Upstream},
	}
	if at := o.web.address; at != "" {
		sides = append(sides, s.side("--web", at))
	}
	return s.checkReach(o.Policy.Dev, sides...)
}
