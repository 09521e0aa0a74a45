// Package tokencmd has the command token.
package tokencmd

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/token"
)

const tokenText = `Make a token for a Temporal server with JWT authorization, or for another
service.

--system grants temporal-system:admin for an hour; --namespace NS grants NS:read
and NS:write for ten minutes. --role replaces these roles, --permission adds
single permissions. Anything that the server would silently ignore or deny is an
error here.

By default, one line NAME=VALUE for tctl goes to stdout; --for temporal and
--for api-key set the variables of the temporal CLI and the SDKs. --export
prints a line for eval. --out FILE --refresh keeps a fresh token in FILE until
interrupted.

--plain makes a bearer token for any other service, such as one behind jwtctl
proxy, with any algorithm, claims and header, and prints only the token.
--claims starts from a JSON object, as printed by jwtctl inspect --format
claims; --ttl, --nbf and --iat replace its exp, nbf and iat.

--for-method pkg.Service/Method makes a plain token that the method accepts, for
tests of the service: signed with a key of the required issuer, with the
required static claims, and with an example value for each pattern (with
--example=false, a pattern is an error instead).`

const tokenExample = `  export "$(jwtctl token --system)"
  export "$(jwtctl token --namespace default --for temporal)"
  jwtctl token --namespace default --role read --ttl 1h --format token
  jwtctl token --namespace default --format token --out token.jwt --refresh
  jwtctl token --plain --iss accounts --sub alice --aud shop --claim role=admin
  jwtctl token --plain --typ at+jwt --header x5t=abc --jti 1 --nbf -1m --no-sub
  jwtctl inspect --format claims @token.jwt | jwtctl token --plain --claims - --ttl 1h
  jwtctl token --proto shop.proto --for-method shop.Shop/Buy --sub alice`

type tokenOptions struct {
	keys         input.KeyFlags
	dir          string
	system       bool
	plain        bool
	forMethod    string
	example      bool
	protos       input.ProtoFlags
	readsMethod  input.MethodReader
	methodToken  *input.MethodToken // by forMethod
	rulesApplied bool               // including the rules of the key's issuer
	namespaces   []string
	roles        []string
	permissions  []string
	regex        string
	ttl          time.Duration
	maxTTL       time.Duration
	noExpiry     bool
	subject      string
	issuer       string
	audiences    []string
	claims       []string
	jsonClaims   []string
	issuedAt     bool
	at           string
	plainOptions

	tokenForm
	out     string
	refresh bool

	ttlGiven bool
}

// Token returns the command; methods reads policies for --for-method.
func Token(d command.Deps, methods input.MethodReader) *cobra.Command {
	o := tokenOptions{readsMethod: methods}
	cmd := &cobra.Command{
		Use:        "token (--system | --namespace NS | --plain | --for-method METHOD)",
		SuggestFor: []string{"mint", "issue", "encode", "jwt"},
		Short:      "Make a token for a Temporal server or another service",
		Long:       tokenText,
		Example:    tokenExample,
		Args:       command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.ttlGiven = cmd.Flags().Changed("ttl")
			o.given = cmd.Flags().Changed
			o.plain = o.plain || o.forMethod != ""
			if o.forMethod == "" && cmd.Flags().Lookup("example").Changed {
				return fault.New(fault.UsageError, "--example", "needs --for-method")
			}
			if o.plain && !cmd.Flags().Changed("format") {
				o.format = "token"
			}
			o.system = o.system || slices.Contains([]string{"tctl-system-token", "cli-system-token"}, cmd.CalledAs())
			return runToken(cmd.Context(), d, o)
		},
	}
	// The names in Temporal's sample, for token --system; cobra does not list them.
	cmd.Aliases = []string{"tctl-system-token", "cli-system-token"}
	fs := cmd.Flags()
	o.keys.Register(fs)
	fs.StringVar(&o.dir, "key-dir", "", "`DIR` of keys that jwtctl rotate maintains; the active key signs")
	o.registerClaims(fs)
	o.protos.Register(fs)
	command.AtFlag(fs, &o.at)
	o.tokenForm.register(fs)
	fs.StringVarP(&o.out, "out", "o", "", "write to `FILE`, readable only by you, instead of stdout")
	fs.BoolVar(&o.refresh, "refresh", false, "keep a fresh token in --out until interrupted")
	settings.Paths(fs, "key-dir")
	settings.Outputs(fs, "out")
	settings.SelectsKeys(fs, "key-dir")
	settings.FlagOnly(fs, "at", "no-expiry", "for-method", "example")
	settings.Keyed(fs, "token")
	return cmd
}

func (o *tokenOptions) registerClaims(fs *pflag.FlagSet) {
	fs.BoolVar(&o.system, "system", false, "grant temporal-system:admin for an hour")
	fs.StringArrayVar(&o.namespaces, "namespace", nil, "grant `NS`:read and NS:write for ten minutes; repeatable")
	fs.BoolVar(&o.plain, "plain", false, "make a bearer token for a service other than Temporal")
	fs.StringVar(&o.forMethod, "for-method", "", "make a bearer token that `METHOD` (pkg.Service/Method) accepts")
	fs.BoolVar(&o.example, "example", true, "with --for-method, make up values for claims that must match a pattern; use =false to fail instead")
	fs.StringArrayVar(&o.roles, "role", nil, "`ROLE` to grant instead of the defaults: read, write, worker or admin; repeatable")
	fs.StringArrayVar(&o.permissions, "permission", nil, "grant the single permission `NS:ROLE`; repeatable")
	fs.StringVar(&o.regex, "permissions-regex", "", "write permissions in the form that `PATTERN`, the server's permissionsRegex, reads")
	fs.DurationVar(&o.ttl, "ttl", 0, "lifetime of the token (default 1h with --system, else 10m)")
	fs.DurationVar(&o.maxTTL, "max-ttl", token.MaxLifetime, "maximum --ttl")
	fs.BoolVar(&o.noExpiry, "no-expiry", false, "make a token that never expires; it cannot be revoked")
	fs.StringVar(&o.subject, "sub", "jwtctl", "subject `S`")
	fs.StringVar(&o.issuer, "iss", "", "issuer `I`; also selects the key of that issuer")
	fs.StringArrayVar(&o.audiences, "aud", nil, "audience `A`; repeatable")
	fs.StringArrayVar(&o.claims, "claim", nil, "additional claim `NAME=TEXT`; repeatable")
	fs.StringArrayVar(&o.jsonClaims, "claim-json", nil, "additional claim `NAME=JSON`; repeatable; a mapping in jwtctl.yaml")
	fs.BoolVar(&o.issuedAt, "iat", false, "add iat; a server whose clock is behind refuses the token")
	o.plainOptions.register(fs)
	settings.KeyedAs(fs, "claim-json", "token.claims")
	settings.KeyedAs(fs, "claims", "token.claims_file")
	settings.Exclusive(fs, "system", "namespace", "plain", "for-method")
}

// plainLifetime is the default lifetime of tokens other than --system.
const plainLifetime = 10 * time.Minute

// request converts the flags to a token request; it is pure except for the clock.
func (o tokenOptions) request(file *settings.Settings, now time.Time) (token.Request, error) {
	permissions, err := o.requestedPermissions()
	if err != nil {
		return token.Request{}, err
	}
	if o.maxTTL <= 0 {
		return token.Request{}, fault.New(fault.UsageError, "--max-ttl", "must be greater than 0 (got %s)", quote.Duration(o.maxTTL))
	}
	if o.subject == "" {
		return token.Request{}, fault.New(fault.UsageError, "--sub", "must not be empty").WithHint("the server logs it as the caller; leave out the flag to use %q", "jwtctl")
	}
	extra, sources, err := o.extra(file)
	if err != nil {
		return token.Request{}, err
	}
	if slices.Contains(o.audiences, "") {
		return token.Request{}, fault.New(fault.UsageError, "--aud", "must not be empty")
	}
	r := token.Request{
		Subject: o.subject, Issuer: o.issuer, Audience: o.audiences, Permissions: permissions,
		TTL: o.ttl, MaxTTL: o.maxTTL, NoExpiry: o.noExpiry, IssuedAt: o.issuedAt, Extra: extra, Now: now,
		AnyExtra: o.plain, TimesExtra: o.setsTimes(), Fields: claimFlags(), Sources: sources,
	}
	if err := o.applyPlain(&r); err != nil {
		return token.Request{}, err
	}
	if !o.ttlGiven && !o.noExpiry && !r.Has("exp") {
		r.TTL = plainLifetime
		if o.system {
			r.TTL = time.Hour
		}
	}
	return r, nil
}

// extra returns the claims of --claim and --claim-json, and those of the file that no
// flag sets; and for messages, what set each.
func (o tokenOptions) extra(file *settings.Settings) ([]token.Claim, map[string]string, error) {
	list, err := input.NamedClaims("--claim", o.claims, token.TextClaim)
	if err != nil {
		return nil, nil, withFlags(err)
	}
	fromJSON, err := input.NamedClaims("--claim-json", o.jsonClaims, token.ParseClaim)
	if err != nil {
		return nil, nil, withFlags(err)
	}
	sources := map[string]string{}
	for _, c := range fromJSON {
		sources[c.Name] = "claim-json"
	}
	list = append(list, fromJSON...)
	given := list
	for _, c := range file.Claims {
		if !slices.ContainsFunc(given, func(other token.Claim) bool { return other.Name == c.Name }) {
			list = append(list, c)
			sources[c.Name] = file.Position("token.claims")
		}
	}
	return list, sources, nil
}

func runToken(ctx context.Context, d command.Deps, o tokenOptions) error {
	now, err := d.Now(o.at)
	if err != nil {
		return err
	}
	if o.hasClaims() || o.forMethod != "" { // otherwise mint is the first to read
		if _, _, err := o.parts(d, now); err != nil {
			return err
		}
	}
	if err := o.readClaims(d); err != nil {
		return err
	}
	if err := o.readMethod(ctx, d); err != nil {
		return err
	}
	if o.refresh {
		return refreshToken(ctx, d, o)
	}
	m, err := mint(d, o, now)
	if err != nil {
		return err
	}
	text, err := o.tokenForm.render(m)
	if err != nil {
		return err
	}
	if o.noExpiry {
		d.AlwaysWarn("this token never expires; it cannot be revoked (except by retiring its key)")
	}
	o.warn(d, m, now)
	o.warnOfRoles(d)
	o.note(d)
	return d.WriteResult(o.out, text, files.Private, o.keys.Files)
}

// note prints what clients of the variable need besides the token.
func (o tokenOptions) note(d command.Deps) {
	if note := o.client().Note(); note != "" && o.wantsVariable() {
		d.Info("note: %s", note)
	}
}
