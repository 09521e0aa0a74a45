package tokencmd

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/strictjson"
	"github.com/jwtctl/jwtctl/internal/token"
)

// plainOptions are the flags of jwtctl token that require --plain.
type plainOptions struct {
	claimsFile  string
	headers     []string
	jsonHeaders []string
	typ         string
	id          string
	notBefore   time.Duration
	noSubject   bool

	base  []token.Claim          // those of claimsFile
	given func(flag string) bool // on the command line
}

func (o *plainOptions) register(fs *pflag.FlagSet) {
	fs.StringVar(&o.claimsFile, "claims", "", "with --plain, `FILE` with a JSON object of initial claims, - for stdin")
	fs.StringArrayVar(&o.headers, "header", nil, "with --plain, header parameter `NAME=TEXT`; repeatable")
	fs.StringArrayVar(&o.jsonHeaders, "header-json", nil, "with --plain, header parameter `NAME=JSON`; repeatable")
	fs.StringVar(&o.typ, "typ", "", "with --plain, the header's `TYPE`, such as at+jwt (default JWT)")
	fs.StringVar(&o.id, "jti", "", "with --plain, token `ID`")
	fs.DurationVar(&o.notBefore, "nbf", 0, "with --plain, time until the token becomes valid (nbf); may be negative")
	fs.BoolVar(&o.noSubject, "no-sub", false, "with --plain, omit the subject")
	settings.Paths(fs, "claims")
}

// flags are the names of plainOptions' flags.
func (plainOptions) flags() []string {
	return []string{"claims", "header", "header-json", "typ", "jti", "nbf", "no-sub"}
}

func (o plainOptions) hasClaims() bool { return o.claimsFile != "" || o.given("claims") }

// readClaims reads --claims, once for a token that is refreshed.
func (o *tokenOptions) readClaims(d command.Deps) error {
	if !o.plain || !o.hasClaims() {
		return nil
	}
	var data []byte
	var err error
	source := o.claimsFile
	switch {
	case source == "":
		return fault.New(fault.UsageError, "--claims", "must not be empty").WithHint("use --claims FILE, or - for stdin")
	case source == "-" && slices.Contains(o.keys.Files, "-"):
		return fault.New(fault.UsageError, "--claims", "cannot read stdin twice: --key reads it")
	case source == "-":
		source = input.StdinName
		data, err = files.ReadAll(d.System.In, source, jws.MaxTokenBytes, fault.FileFailed)
	default:
		data, err = files.Read(source, jws.MaxTokenBytes, fault.FileFailed)
	}
	if err != nil {
		return err
	}
	o.base, err = token.ParseClaims(data, source)
	return err
}

// readMethod adds the claims that --for-method requires to those to start from.
func (o *tokenOptions) readMethod(ctx context.Context, d command.Deps) (err error) {
	if o.forMethod == "" {
		return nil
	}
	given := func(name string) bool {
		isName := func(text string) bool { return strings.HasPrefix(text, name+"=") }
		return slices.Contains([]string{"iss", "sub", "aud", "jti"}, name) && o.given(name) ||
			slices.ContainsFunc(o.claims, isName) || slices.ContainsFunc(o.jsonClaims, isName) ||
			slices.ContainsFunc(o.base, func(c token.Claim) bool { return c.Name == name })
	}
	if o.methodToken, err = o.readsMethod(ctx, d, o.protos, o.forMethod, given); err != nil {
		return err
	}
	if list := o.methodToken.Examples; !o.example && len(list) > 0 {
		return fault.New(fault.UsageError, "--for-method", "%s requires claim %q to match a pattern", quote.Shorten(o.forMethod), quote.Shorten(list[0])).
			WithHint("pass a value with --claim %s=TEXT, or leave --example on", quote.Shell(list[0]))
	}
	for _, c := range o.methodToken.Claims {
		o.base = append(o.base, token.Claim(c))
	}
	return nil
}

// applyPlain applies the flags that require --plain to r.
func (o tokenOptions) applyPlain(r *token.Request) error {
	if !o.plain {
		for _, name := range o.flags() {
			if o.given(name) {
				return fault.New(fault.UsageError, "--"+name, "needs --plain: a Temporal server ignores it")
			}
		}
		return nil
	}
	for _, name := range []string{"typ", "jti"} {
		if o.given(name) && o.typ+o.id == "" {
			return fault.New(fault.UsageError, "--"+name, "must not be empty")
		}
	}
	r.Base, r.ID = o.base, o.id
	if o.given("nbf") || o.notBefore != 0 {
		r.NotBefore = r.Now.Add(o.notBefore)
	}
	switch {
	case o.noSubject && (o.given("sub") || r.Has("sub")):
		return fault.New(fault.UsageError, "--no-sub", "conflicts with --sub or a sub claim")
	case o.noSubject, !o.given("sub") && (o.hasClaims() || r.Has("sub")):
		r.Subject = "" // the default one
	}
	// Those of the configuration give way to those of the command line too.
	if !o.given("iss") && r.Has("iss") {
		r.Issuer = ""
	}
	if !o.given("aud") && r.Has("aud") {
		r.Audience = nil
	}
	return nil
}

// choosesExpiry reports whether the token's exp was chosen, rather than derived from
// --ttl.
func (o tokenOptions) choosesExpiry() bool {
	isExpiry := func(c token.Claim) bool { return c.Name == "exp" }
	return slices.ContainsFunc(o.jsonClaims, func(c string) bool { return strings.HasPrefix(c, "exp=") }) ||
		!o.ttlGiven && slices.ContainsFunc(o.base, isExpiry)
}

// header returns the members of --header and --header-json.
func (o tokenOptions) header() (jws.HeaderOptions, error) {
	if !o.plain {
		return jws.HeaderOptions{}, nil
	}
	h := jws.HeaderOptions{Type: o.typ, Fields: headerFlags()}
	for _, of := range []struct {
		flag   string
		values []string
		parse  func(name, value string) (token.Claim, error)
	}{{"--header", o.headers, token.TextClaim}, {"--header-json", o.jsonHeaders, token.ParseClaim}} {
		list, err := input.NamedClaims(of.flag, of.values, of.parse)
		if err != nil {
			return h, command.AsUsage(withFlags(err), of.flag)
		}
		for _, member := range list {
			h.Members = append(h.Members, strictjson.Member(member))
		}
	}
	return h, nil
}

// setsTimes reports whether --claim-json sets exp, nbf or iat.
func (o tokenOptions) setsTimes() bool {
	return slices.ContainsFunc(o.jsonClaims, func(c string) bool {
		return strings.HasPrefix(c, "exp=") || strings.HasPrefix(c, "nbf=") || strings.HasPrefix(c, "iat=")
	})
}

// warn warns that chosen times are for tests.
func (o tokenOptions) warn(d command.Deps, m minted, now time.Time) {
	if !o.setsTimes() {
		return
	}
	switch {
	case !m.expires.IsZero() && !now.Before(m.expires):
		d.Warn("this token has already expired: its exp was set with --claim-json")
	case !m.expires.IsZero() && !m.notBefore.Before(m.expires):
		d.Warn("this token is never valid: its exp is not after its nbf")
	case !o.plain:
		d.Warn("exp, nbf and iat set with --claim-json are for tests only")
	}
}
