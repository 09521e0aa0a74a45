// Package idpcmd has the command idp, an OpenID provider for development.
package idpcmd

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/idp"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const idpText = `Run an OpenID provider for development and tests, until interrupted. There are
no passwords: anyone who can reach it can log in, as a user picked on a page or
as the user of --auto-login. By default it listens on this machine only. It
stores nothing, and redirects only to --redirect URLs.

It supports discovery, the authorization code flow with PKCE, refresh tokens,
client credentials, device codes, userinfo, introspection, revocation and
logout. Tokens are JWTs, signed with the keys of --key or --key-dir, which are
reloaded and rotated as in jwtctl serve; without either, with a key made for
this run.

With a single --user, --permission and --claim apply to that user. To configure
more users and clients, each with their own claims, list them under idp: in
jwtctl.yaml.

--fault breaks tokens or the key set on purpose, to test services that must
refuse them. docs/idp.md describes each fault.

The first line on stdout names the issuer, and appears once the provider is
ready.`

const idpExample = `  jwtctl idp --user alice --permission default:write --client web:secret --redirect http://127.0.0.1:3000/callback
  jwtctl idp --listen 127.0.0.1:8085 --user ci --auto-login ci --client app --redirect http://127.0.0.1/callback
  jwtctl idp --like keycloak --user alice --claim-json 'groups=["staff"]' --client api:secret --fault api:expired`

type options struct {
	keys        input.KeyFlags
	dir         string
	listen      string
	issuer      string
	urlFile     string
	ttl         time.Duration
	reuse       time.Duration
	audiences   []string
	users       []string
	permissions []string
	claims      []string
	jsonClaims  []string
	clients     []string
	redirects   []string
	autoLogin   string
	like        string
	faults      []string
}

// IDP returns the command.
func IDP(d command.Deps) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:        "idp --user NAME --client ID[:SECRET]",
		SuggestFor: []string{"oidc", "openid", "provider", "issuer", "mock", "login"},
		Short:      "Run an OpenID provider for development",
		Long:       idpText,
		Example:    idpExample,
		Args:       command.NoArguments,
		RunE:       func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), d, o) },
	}
	o.register(cmd.Flags())
	return cmd
}

func (o *options) register(fs *pflag.FlagSet) {
	o.keys.Register(fs)
	fs.Lookup("key").Usage = "key `FILE` to sign with: PEM, JWK or JWKS; or env:NAME for a variable, - for stdin, agent:COMMENT or agent:SHA256:… for a key in the SSH agent ($SSH_AUTH_SOCK); repeatable (default: a new key for each run)"
	fs.StringVar(&o.dir, "key-dir", "", "`DIR` of keys that jwtctl rotate maintains; the active key signs")
	fs.StringVar(&o.listen, "listen", "127.0.0.1:0", "`ADDRESS` to listen on (default 127.0.0.1:0, a free port on this machine only)")
	fs.StringVar(&o.issuer, "issuer", "", "issuer `URL` that clients see (default: http:// and the listen address)")
	fs.StringVar(&o.urlFile, "url-file", "", "write the issuer URL to `FILE` once the provider is ready")
	fs.DurationVar(&o.ttl, "ttl", idp.DefaultTTL, "lifetime of tokens")
	fs.DurationVar(&o.reuse, "refresh-leeway", 0, "how long a used refresh token is still accepted, for tabs that renew at the same time (default: not at all)")
	fs.StringArrayVar(&o.audiences, "aud", nil, "audience `A` of access tokens (default: the client); repeatable")
	fs.StringArrayVar(&o.users, "user", nil, "`NAME` of a user; repeatable")
	fs.StringArrayVar(&o.permissions, "permission", nil, "Temporal permission `NS:ROLE` of the user; repeatable")
	fs.StringArrayVar(&o.claims, "claim", nil, "claim `NAME=TEXT` of the user; repeatable")
	fs.StringArrayVar(&o.jsonClaims, "claim-json", nil, "claim `NAME=JSON` of the user; repeatable")
	fs.StringArrayVar(&o.clients, "client", nil, "client `ID[:SECRET]`; without a secret it must use PKCE; repeatable")
	fs.StringArrayVar(&o.redirects, "redirect", nil, "`URL` that --client may redirect to; a loopback URL without a port allows any port; repeatable")
	fs.StringVar(&o.autoLogin, "auto-login", "", "log in as `USER` without showing the login page")
	settings.ChoiceVar(fs, &o.like, "like", "", "`ISSUER` whose tokens and paths to imitate: auth0, keycloak, entra, okta, github-actions or gitlab", settings.Words(idp.Likes())...)
	fs.StringArrayVar(&o.faults, "fault", nil, "break the tokens of all clients, or of one: `FAULT` or CLIENT:FAULT, such as expired or api:no-kid; repeatable")
	settings.Complete(fs, "fault", settings.Words(idp.Faults())...)
	settings.Paths(fs, "key-dir")
	settings.Outputs(fs, "url-file")
	settings.SelectsKeys(fs, "key-dir")
	settings.Keyed(fs, "idp")
}

// quiet passes warnings and errors on: what else the library logs is about its
// own routes.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}

func run(ctx context.Context, d command.Deps, o options) error {
	made, err := o.provider(d)
	if err != nil {
		return err
	}
	ring, inputs, err := o.ring(d)
	if err != nil {
		return err
	}
	if o.urlFile != "" {
		if err := console.CheckOut(o.urlFile, inputs); err != nil {
			return err
		}
	}
	slog.SetDefault(slog.New(quiet{d.Logger().Handler()})) // the library can only log to the default logger
	d.Stay()
	listener, err := jwks.Bind(ctx, o.listen)
	if err != nil {
		return command.WithPortHint(err)
	}
	made.Keys, made.Issuer = ring, o.address(listener.Addr())
	provider, err := idp.New(made)
	if err != nil {
		_ = listener.Close()
		return err
	}
	set, err := jwks.NewHandler(ring.Set, jwks.HandlerOptions{Path: provider.JWKSPath()})
	if err != nil {
		_ = listener.Close()
		return err
	}
	server := jwks.NewServer(listener, provider.Handler(set), provider.JWKSPath(), d.Logger())
	return input.Serve(ctx, d, server, ring.Set, jwks.PollInterval, func() error {
		return render(d, o, provider, made, listener.Addr(), inputs)
	})
}

// address returns the issuer without its path.
func (o options) address(at net.Addr) string {
	if o.issuer != "" {
		return o.issuer
	}
	tcp, ok := at.(*net.TCPAddr)
	if !ok {
		return "http://" + at.String()
	}
	local := *tcp
	if local.IP.IsUnspecified() {
		local.IP = net.IPv4(127, 0, 0, 1)
	}
	return "http://" + local.String()
}

// render prints the provider's address: on stdout and in --url-file for scripts, on
// stderr for people.
func render(d command.Deps, o options, p *idp.Provider, made idp.Options, at net.Addr, inputs []string) error {
	d.AlwaysWarn("for development only: there are no passwords, and anyone who can reach %s can log in as any user", at)
	if tcp, ok := at.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		d.AlwaysWarn("%s is not a loopback address: other machines can get tokens for any user", at)
	}
	for _, f := range made.Faults {
		d.AlwaysWarn("fault %s is on for every client", f)
	}
	for _, c := range made.Clients {
		for _, f := range c.Faults {
			d.AlwaysWarn("fault %s is on for client %s", f, quote.Printable(c.ID))
		}
	}
	_ = d.Print("Started OpenID provider. Issuer: %s. Ctrl+C to exit.\n", p.Issuer())
	if o.urlFile != "" {
		if err := d.WriteResult(o.urlFile, []byte(p.Issuer()+"\n"), files.Shared, inputs); err != nil {
			return err
		}
	}
	d.Info("discovery %s\nkey set   %s", p.DiscoveryURL(), p.JWKSURL())
	return nil
}

// check refuses flags that are invalid whatever the keys are.
func (o options) check() error {
	if err := command.CheckListen(o.listen); err != nil {
		return err
	}
	if o.ttl < time.Second || o.ttl > maxTTL {
		return fault.New(fault.UsageError, "--ttl", "must be between 1s and %s (got %s)", quote.Duration(maxTTL), quote.Duration(o.ttl))
	}
	if o.reuse < 0 || o.reuse > idp.MaxRefreshLeeway {
		return fault.New(fault.UsageError, "--refresh-leeway", "must be between 0s and %s (got %s)", quote.Duration(idp.MaxRefreshLeeway), quote.Duration(o.reuse))
	}
	return nil
}

// maxTTL limits the lifetime of tokens, and thereby what is kept in memory.
const maxTTL = 24 * time.Hour
