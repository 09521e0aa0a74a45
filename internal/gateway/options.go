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
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// Options are what the flags of a gateway say.
type Options struct {
	// Policy is read again while the gateway runs.
	Policy  input.PolicyFlags
	serving servingFlags
	web     webFlags
}

// servingFlags are those that count from start to end.
type servingFlags struct {
	listen, upstream, metrics  string
	tls                        tlsFlags
	allowPlaintext, devRemote  bool
	forwardAuthorization       bool
	passHealth, passReflection bool
	refuseWeaker, reportOnly   bool
	cachedTokens, maxStreams   int
	maxMessage, maxMetadata    int
	drain, every               time.Duration
	age, ageGrace              time.Duration
	logFormat, addrFile        string
}

// Register adds the flags.
func (o *Options) Register(fs *pflag.FlagSet) {
	o.Policy.Register(fs)
	fs.Lookup("key").Usage = "key `FILE`: PEM, JWK or JWKS; env:NAME takes it from a variable; repeatable (default " + input.DefaultKeyFile + ")"
	fs.BoolVar(&o.Policy.RefuseUnknown, "refuse-unknown-fields", false, "refuse messages that are validated or signed if they have a field that their type does not declare")
	o.serving.Register(fs)
	o.web.register(fs)
	settings.Keyed(fs, "proxy")
}

func (o *servingFlags) Register(fs *pflag.FlagSet) {
	fs.StringVar(&o.listen, "listen", "127.0.0.1:0", "`ADDRESS` to listen on; port 0 is a free one")
	fs.StringVar(&o.upstream, "upstream", "", "`ADDRESS` of the gRPC server, as host:port or a name of gRPC such as unix:///run/shop.sock")
	fs.StringVar(&o.metrics, "metrics", "", "`ADDRESS` to serve Prometheus metrics on, over HTTP under "+MetricsPath+", and "+AlivePath+" and "+ReadyPath+" for probes")
	o.tls.Register(fs)
	fs.BoolVar(&o.allowPlaintext, "allow-plaintext", false, "speak without TLS to other machines too")
	fs.BoolVar(&o.devRemote, "dev-allow-remote", false, "let --dev serve or forward to other machines")
	fs.BoolVar(&o.forwardAuthorization, "forward-authorization", false, "send authorization upstream where it was validated, too")
	fs.BoolVar(&o.passHealth, "pass-health", false, "let calls of the upstream's grpc.health.v1 through unguarded, instead of answering them")
	fs.BoolVar(&o.passReflection, "pass-reflection", false, "let calls of the upstream's grpc.reflection through unguarded")
	fs.BoolVar(&o.refuseWeaker, "refuse-weaker", false, "refuse to reload a policy that lets more through than the one in force, as by jwtctl diff")
	fs.BoolVar(&o.reportOnly, "report-only", false, "refuse no call: log and count those that would be refused")
	fs.IntVar(&o.cachedTokens, "cache-tokens", 10000, "`N` bearer tokens to remember with their verdict; 0 for none")
	settings.SizeVar(fs, &o.maxMessage, "max-message", proxy.MaxMessageBytes, 1, 1<<30, "largest message, as `SIZE` after decompression, in either direction")
	settings.SizeVar(fs, &o.maxMetadata, "max-metadata", proxy.MaxMetadataBytes, 1<<10, 16<<20, "most metadata of a call, as `SIZE` in either direction")
	fs.IntVar(&o.maxStreams, "max-streams", proxy.MaxStreams, "`N` calls at once that a connection of a client may have")
	fs.DurationVar(&o.drain, "drain-timeout", 30*time.Second, "how long calls under way may take to end")
	fs.DurationVar(&o.age, "max-connection-age", 10*time.Minute, "age, give or take a tenth, at which clients are asked to reconnect, so that replicas share the load; 0 for never")
	fs.DurationVar(&o.ageGrace, "max-connection-age-grace", 0, "how long calls of such a connection may go on; 0 for as long as they take")
	fs.DurationVar(&o.every, "reload-interval", 2*time.Second, "how often to look for changed files")
	settings.ChoiceVar(fs, &o.logFormat, "log-format", "text", "of the log on stderr: text or json", "text", "json")
	fs.StringVar(&o.addrFile, "addr-file", "", "`FILE` to write the address listened on to, once it answers")
	settings.Paths(fs, "addr-file")
	settings.FlagOnly(fs, "allow-plaintext", "dev-allow-remote", "report-only")
}

// Check refuses what can be seen to be wrong without reading a file.
func (o *Options) Check(d command.Deps) error {
	s := &o.serving
	switch {
	case s.upstream == "":
		return fault.New(fault.UsageError, "--upstream", "is required").WithHint("--upstream 127.0.0.1:9000 names the gRPC server to forward to")
	case s.cachedTokens < 0:
		return fault.New(fault.UsageError, "--cache-tokens", "%d is less than 0", s.cachedTokens)
	case s.maxStreams < 1 || s.maxStreams > math.MaxInt32:
		return fault.New(fault.UsageError, "--max-streams", "must be from 1 to %d", math.MaxInt32)
	case s.drain < 0:
		return fault.New(fault.UsageError, "--drain-timeout", "%s is less than 0", s.drain)
	case s.age < 0:
		return fault.New(fault.UsageError, "--max-connection-age", "%s is less than 0", s.age)
	case s.ageGrace < 0:
		return fault.New(fault.UsageError, "--max-connection-age-grace", "%s is less than 0", s.ageGrace)
	case s.every <= 0:
		return fault.New(fault.UsageError, "--reload-interval", "must be greater than 0 (got %s)", s.every)
	case s.listen == s.upstream:
		return fault.New(fault.UsageError, "--upstream", "%s is the same as --listen: the proxy would forward to itself", quote.Printable(s.upstream))
	case s.metrics != "":
		if err := checkAddress("--metrics", s.metrics); err != nil {
			return err
		}
	}
	return errors.Join(s.tls.check(), o.checkReach(), o.web.check(s.listen), checkRereadable(d, o.Policy))
}

// checkRereadable refuses inputs that give away what they hold once.
func checkRereadable(d command.Deps, f input.PolicyFlags) error {
	once := func(flag string) error {
		return fault.New(fault.UsageError, flag, "standard input can be read once only, and the proxy reads again").WithHint("name a file")
	}
	if slices.Contains(f.Protos.Sets, "-") {
		return once("--descriptor-set")
	}
	if slices.ContainsFunc(f.Keys.Places(d), func(p input.Place) bool { return p.Name == "-" }) {
		return once("--key")
	}
	if slices.ContainsFunc(f.Sets.Entries(d), func(e config.KeySetEntry) bool { return e.JWKS == "-" }) {
		return once("--jwks")
	}
	return nil
}

// checkReach refuses what must not leave this machine: plaintext (S68) and the
// development key (S56).
func (o *Options) checkReach() error {
	type side struct {
		flag, address, secure string
		local, encrypted      bool
	}
	s, dev := o.serving, o.Policy.Dev
	sides := []side{
		{"--listen", s.listen, "--tls-cert and --tls-key", isLocal(s.listen), s.tls.cert != ""},
		{"--upstream", s.upstream, "--upstream-tls", isLocalTarget(s.upstream), s.tls.upstream},
	}
	if at := o.web.address; at != "" {
		sides = append(sides, side{"--web", at, "--tls-cert and --tls-key", isLocal(at), s.tls.cert != ""})
	}
	for _, side := range sides {
		if err := checkAddress(side.flag, side.address); err != nil {
			return err
		}
		switch {
		case side.local:
		case dev && !s.devRemote:
			return fault.New(fault.UsageError, side.flag, "%s is not a loopback address, and --dev accepts tokens that anyone can forge", quote.Printable(side.address)).
				WithHint("--dev-allow-remote takes the risk")
		case !side.encrypted && !s.allowPlaintext:
			return fault.New(fault.UsageError, side.flag, "%s is not a loopback address, and tokens would be sent in plaintext", quote.Printable(side.address)).
				WithHint("%s, or --allow-plaintext where the network is safe", side.secure)
		}
	}
	return nil
}
