package gateway

import (
	"errors"
	"time"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/gateway/tlsfiles"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// keyUsage describes --key for a gateway, which does not need a private key.
const keyUsage = "key `FILE`: PEM, JWK or JWKS; or env:NAME for a variable; repeatable (default " + input.DefaultKeyFile + ")"

// sharedFlags are the flags of every gateway; they do not change at run time.
type sharedFlags struct {
	listen, metrics            string
	tls                        tlsfiles.Flags
	allowPlaintext, devRemote  bool
	forwardAuthorization       bool
	passHealth, passReflection bool
	refuseWeaker, reportOnly   bool
	cachedTokens, maxMetadata  int
	drain, every               time.Duration
	logFormat, addrFile        string
}

func (o *sharedFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&o.listen, "listen", "127.0.0.1:0", "`ADDRESS` to listen on; port 0 for a free one")
	fs.StringVar(&o.metrics, "metrics", "", "`ADDRESS` to listen on for Prometheus metrics ("+MetricsPath+") and probes ("+AlivePath+", "+ReadyPath+"), over HTTP")
	o.tls.RegisterListening(fs)
	fs.BoolVar(&o.allowPlaintext, "allow-plaintext", false, "also accept plaintext to and from other machines")
	fs.BoolVar(&o.devRemote, "dev-allow-remote", false, "allow --dev to serve or forward to other machines")
	fs.BoolVar(&o.forwardAuthorization, "forward-authorization", false, "forward the authorization header even where it was validated")
	fs.BoolVar(&o.passHealth, "pass-health", false, "let calls to the upstream's grpc.health.v1 pass unprotected, instead of answering them")
	fs.BoolVar(&o.passReflection, "pass-reflection", false, "let calls to the upstream's grpc.reflection pass unprotected")
	fs.BoolVar(&o.refuseWeaker, "refuse-weaker", false, "refuse to reload a policy that jwtctl diff finds weaker than any in force since startup")
	fs.BoolVar(&o.reportOnly, "report-only", false, "do not refuse calls; only log and count those that would be refused")
	fs.IntVar(&o.cachedTokens, "cache-tokens", 10000, "number `N` of bearer tokens whose verdicts are cached; 0 for none")
	settings.SizeVar(fs, &o.maxMetadata, "max-metadata", proxy.MaxMetadataBytes, 1<<10, 16<<20, "maximum `SIZE` of a call's metadata, in either direction")
	fs.DurationVar(&o.drain, "drain-timeout", 30*time.Second, "how long open calls may take to finish on shutdown")
	fs.DurationVar(&o.every, "reload-interval", 2*time.Second, "how often to check for changed files")
	settings.ChoiceVar(fs, &o.logFormat, "log-format", "text", "`FORMAT` of the log on stderr: text or json", "text", "json")
	fs.StringVar(&o.addrFile, "addr-file", "", "write the listen address to `FILE` once the server is ready")
	settings.Outputs(fs, "addr-file")
	settings.FlagOnly(fs, "allow-plaintext", "dev-allow-remote", "report-only")
}

// check refuses flags that are invalid by themselves or in combination.
func (o *sharedFlags) check() error {
	switch {
	case o.cachedTokens < 0:
		return fault.New(fault.UsageError, "--cache-tokens", "must not be negative (got %d)", o.cachedTokens)
	case o.drain < 0:
		return fault.New(fault.UsageError, "--drain-timeout", "must not be negative (got %s)", quote.Duration(o.drain))
	case o.every <= 0:
		return fault.New(fault.UsageError, "--reload-interval", "must be greater than 0 (got %s)", quote.Duration(o.every))
	}
	var metrics error
	if o.metrics != "" {
		metrics = checkAddress("--metrics", o.metrics)
	}
	return errors.Join(metrics, o.tls.Check())
}

// side is a peer of the gateway, with the flag that names it.
type side struct {
	flag, address, secure string
	local, encrypted      bool
}

// side returns the side of clients, at address.
func (o *sharedFlags) side(flag, address string) side {
	return side{flag, address, "--tls-cert and --tls-key", isLocal(address), o.tls.Cert != ""}
}

// checkReach refuses plaintext to other machines (S68), and the development key there
// (S56).
func (o *sharedFlags) checkReach(dev bool, sides ...side) error {
	for _, side := range sides {
		if err := checkAddress(side.flag, side.address); err != nil {
			return err
		}
		switch {
		case side.local:
		case dev && !o.devRemote:
			return fault.New(fault.UsageError, side.flag, "%s is not a loopback address, and --dev accepts tokens that anyone can forge", quote.Printable(side.address)).
				WithHint("to accept the risk, add --dev-allow-remote")
		case !side.encrypted && !o.allowPlaintext:
			return fault.New(fault.UsageError, side.flag, "%s is not a loopback address, and tokens would be sent in plaintext", quote.Printable(side.address)).
				WithHint("use %s, or --allow-plaintext if the network is safe", side.secure)
		}
	}
	return nil
}
