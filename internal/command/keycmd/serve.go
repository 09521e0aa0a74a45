package keycmd

import (
	"cmp"
	"context"
	"encoding/json"
	"net"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

const serveText = `Serve the public halves of keys as a JWK set over HTTP until interrupted.

The set is at --path and at /.well-known/jwks.json, a health check at /healthz.
Changed, new and removed key files are picked up without a restart; if a file is
broken, jwtctl keeps serving the last good set. SIGHUP reloads at once.

The first line on stdout names the endpoint, and appears once the server is
ready; stderr then shows settings for a Temporal server that uses it.`

type serveOptions struct {
	keys    input.KeyFlags
	dir     string
	listen  string
	path    string
	format  string
	urlFile string
	maxAge  time.Duration
	every   time.Duration
}

// Serve returns the command.
func Serve(d command.Deps) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:        "serve",
		SuggestFor: []string{"server", "start", "run", "listen", "jwks-server"},
		Short:      "Serve the public halves of keys as a JWK set over HTTP",
		Long:       serveText,
		Example:    "  jwtctl serve --listen 127.0.0.1:8080\n  jwtctl serve --key-dir keys --url-file endpoint.txt",
		Args:       command.NoArguments,
		RunE:       func(cmd *cobra.Command, _ []string) error { return runServe(cmd.Context(), d, o) },
	}
	o.keys.Register(cmd.Flags())
	o.register(cmd.Flags())
	settings.Keyed(cmd.Flags(), "serve")
	return cmd
}

// register adds the flags shared with gen-and-serve.
func (o *serveOptions) register(fs *pflag.FlagSet) {
	fs.StringVar(&o.dir, "key-dir", "", "`DIR` with key files (*.pem, *.jwk, *.json) to serve")
	fs.StringVar(&o.listen, "listen", ":0", "`ADDRESS` to listen on (default :0, a free port on all interfaces)")
	fs.StringVar(&o.path, "path", jwks.DefaultPath, "`PATH` of the set in its URL")
	settings.ChoiceVar(fs, &o.format, "format", "text", "`FORMAT` of the first line on stdout: text or json", "text", "json")
	fs.StringVar(&o.urlFile, "url-file", "", "write the endpoint's URL to `FILE` once the server is ready")
	fs.DurationVar(&o.maxAge, "max-age", jwks.DefaultMaxAge, "how long clients may cache the set, 1s to 1h")
	fs.DurationVar(&o.every, "reload-interval", jwks.PollInterval, "how often to check for changed keys")
	settings.Paths(fs, "key-dir")
	settings.Outputs(fs, "url-file")
	settings.SelectsKeys(fs, "key-dir")
	settings.Keyed(fs, "serve")
}

// check refuses flags that are invalid whatever the keys are.
func (o serveOptions) check() error {
	if o.maxAge < jwks.MinMaxAge || o.maxAge > jwks.MaxMaxAge {
		return fault.New(fault.UsageError, "--max-age", "must be between %s and %s (got %s)", quote.Duration(jwks.MinMaxAge), quote.Duration(jwks.MaxMaxAge), quote.Duration(o.maxAge))
	}
	if err := command.CheckListen(o.listen); err != nil {
		return err
	}
	if o.every <= 0 {
		return fault.New(fault.UsageError, "--reload-interval", "must be greater than 0 (got %s)", quote.Duration(o.every))
	}
	_, err := jwks.NewHandler(nil, jwks.HandlerOptions{Path: o.path, MaxAge: o.maxAge})
	return err
}

func runServe(ctx context.Context, d command.Deps, o serveOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	source := input.NewSetSource(d, o.keys, o.dir)
	if o.urlFile != "" {
		if err := console.CheckOut(o.urlFile, source.Inputs); err != nil {
			return err
		}
	}
	publisher, err := jwks.NewPublisher(source.Load, d.Logger(), d.System.Now)
	if err != nil {
		return err
	}
	o.keys.Passphrase.DisablePrompt()
	handler, err := jwks.NewHandler(publisher, jwks.HandlerOptions{Path: o.path, MaxAge: o.maxAge})
	if err != nil {
		return err
	}
	d.Stay()
	server, err := jwks.Listen(ctx, o.listen, handler, d.Logger())
	if err != nil {
		return command.WithPortHint(err)
	}
	return input.Serve(ctx, d, server, publisher, o.every, func() error {
		return renderServe(d, o, server, publisher.Current(), source.Inputs)
	})
}

// renderServe prints the address of the set: on stdout and in --url-file for scripts, on
// stderr for people.
func renderServe(d command.Deps, o serveOptions, s *jwks.Server, set *jwks.Snapshot, inputs []string) error {
	if o.format == "json" {
		line, err := json.Marshal(struct {
			Endpoint string   `json:"endpoint"`
			KeyIDs   []string `json:"kids"`
		}{s.Endpoint(), set.KeyIDs()})
		if err != nil {
			return fault.New(fault.Internal, "output", "%w", err)
		}
		_ = d.Print("%s\n", line)
	} else {
		_ = d.Print("Started JWKS server. Endpoint: %s. Ctrl+C to exit.\n", s.Endpoint())
	}
	// Written last: a caller that waits for it finds everything else done.
	if o.urlFile != "" {
		if err := d.WriteResult(o.urlFile, []byte(s.Endpoint()+"\n"), files.Shared, inputs); err != nil {
			return err
		}
	}
	warnOfKeys(d, set.Keys)
	if tcp, ok := s.Addr().(*net.TCPAddr); ok {
		at := temporal.Endpoint{IP: tcp.IP, Port: tcp.Port, Path: cmp.Or(o.path, jwks.DefaultPath)}
		d.Info("\n%s", at.Settings())
	}
	return nil
}

// warnOfKeys warns of keys that a Temporal server would ignore.
func warnOfKeys(d command.Deps, list []*keys.Key) {
	for _, k := range list {
		if !slices.ContainsFunc([]keys.Algorithm{keys.ES256, keys.RS256}, k.Allows) {
			d.Warn("key %s (%s): a Temporal server uses only RS256 and ES256 keys", quote.Shorten(k.ID()), k.Describe())
		}
	}
}
