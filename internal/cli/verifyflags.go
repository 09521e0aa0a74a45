package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// verifyFlags say how a token is verified.
type verifyFlags struct {
	keys        keyFlags
	sets        setFlags
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

func (v *verifyFlags) register(a *app, fs *pflag.FlagSet) {
	v.keys.register(fs)
	fs.Lookup("key").Usage = "key `FILE` to verify with: PEM, JWK or JWKS; env:NAME takes it from a variable; repeatable"
	v.sets.register(fs)
	fs.StringArrayVar(&v.issuers, "iss", nil, "issuer `I` that iss must be; repeatable for any of them")
	fs.StringArrayVar(&v.audiences, "aud", nil, "audience `A` that aud must hold; repeatable for any of them")
	fs.StringArrayVar(&v.subjects, "sub", nil, "subject `S` that sub must be; repeatable for any of them")
	fs.StringVar(&v.typ, "typ", "", "`TYPE` that the header's typ must be, such as at+jwt")
	fs.DurationVar(&v.leeway, "leeway", 0, "clock tolerance for exp, nbf and iat, at most 10m")
	fs.DurationVar(&v.maxAge, "max-age", 0, "how long ago iat may be")
	fs.DurationVar(&v.maxLifetime, "max-lifetime", 0, "how far exp may be from iat")
	fs.BoolVar(&v.requireExp, "require-exp", false, "refuse a token without exp")
	fs.BoolVar(&v.dev, "dev", false, "accept unsigned tokens too, as the development key makes them")
	command.AtFlag(fs, &v.at)
	settings.Keyed(fs, "", "leeway")
	settings.FlagOnly(fs, "dev", "at")
}

// verifier returns what verifies by the flags, and its keys; nil if there is
// nothing to verify with.
func (v *verifyFlags) verifier(a *app) (*jws.Verifier, *keys.Ring, error) {
	clock, err := a.Clock(v.at)
	if err != nil {
		return nil, nil, err
	}
	if err := v.checkStdin(); err != nil {
		return nil, nil, err
	}
	policy := jws.Policy{
		Issuers: v.issuers, Audiences: v.audiences, Subjects: v.subjects, Type: v.typ,
		Leeway: v.leeway, MaxAge: v.maxAge, MaxLifetime: v.maxLifetime, RequireExpiry: v.requireExp,
		Development: v.dev,
	}
	if err := policy.Validate(); err != nil {
		return nil, nil, err
	}
	var list []*keys.Key
	if len(v.keys.files)+len(a.Settings.ConfiguredKeys()) > 0 {
		if list, err = v.keys.all(a); err != nil {
			return nil, nil, err
		}
	}
	if v.dev {
		list = append(list, a.developmentKey())
	}
	v.sets.pick(a, v.keys)
	sets, err := v.sets.load(a)
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
	case slices.ContainsFunc(v.sets.jwks, isStdin):
		flag = "--jwks"
	case slices.ContainsFunc(v.keys.files, isStdin):
		flag = "--key"
	}
	switch {
	case flag != "" && v.tokenFromStdin:
		return fault.New(fault.UsageError, flag, "- is standard input, and the token is read from there").WithHint("@FILE reads a token from a file")
	case flag == "--jwks" && slices.ContainsFunc(v.keys.files, isStdin):
		return fault.New(fault.UsageError, flag, "- is standard input, and --key is read from there")
	}
	return nil
}

// maxTokenInput bounds what is read for a token: more than a token may have,
// so that the token itself is refused for its size, not cut.
const maxTokenInput = 1 << 20

// readToken returns the token that args name, itself, @FILE or stdin, and the
// text that it stood in.
func (a *app) readToken(args []string) (token, text string, err error) {
	where := "standard input"
	switch {
	case len(args) == 1 && args[0] != "-" && !strings.HasPrefix(args[0], "@"):
		text, where = args[0], "the token"
	case len(args) == 1 && args[0] != "-":
		where = args[0][1:]
		data, err := files.Read(where, maxTokenInput, fault.FileFailed)
		if err != nil {
			return "", "", err
		}
		text = string(data)
	case len(args) == 0 && a.System.InTTY: // nobody would know what it waits for
	default:
		data, err := files.ReadAll(a.System.In, where, maxTokenInput, fault.FileFailed)
		if err != nil {
			return "", "", err
		}
		text = string(data)
	}
	token, err = unwrapToken(text)
	switch {
	case err == nil && token == "" && len(args) == 1 && args[0] == "":
		return "", "", fault.New(fault.UsageError, where, "it is empty").WithHint("is a variable in it not set?")
	case err == nil && token == "":
		return "", "", fault.New(fault.UsageError, where, "holds no token").WithHint("jwtctl token --system | jwtctl inspect")
	}
	return token, text, withTokenHint(err, text)
}

// checkTokenArgument refuses the name of a file in place of a token.
func checkTokenArgument(args []string) error {
	if len(args) == 1 && args[0] != "-" && settings.IsFile(args[0]) {
		return fault.New(fault.UsageError, "the token", "%q is a file", quote.Shorten(args[0])).WithHint("@%s reads the token from it", quote.Shorten(args[0]))
	}
	return nil
}

// withTokenHint adds to a fault of a malformed token what text looks like.
func withTokenHint(err error, text string) error {
	f, isFault := err.(*fault.Error)
	if !isFault || f.Code != fault.TokenMalformed || f.Hint != "" {
		return err
	}
	text = strings.TrimSpace(text)
	hint := ""
	switch first := text[:min(1, len(text))]; {
	case strings.Contains(text, "-----BEGIN "):
		hint = "it is a key or certificate, not a token: --key FILE verifies with one"
	case strings.Contains(text, "\x00"):
		hint = "it looks like UTF-16 text, as PowerShell writes it; save it as UTF-8"
	case strings.HasPrefix(text, "\ufeff"):
		hint = "a byte order mark stands before the token; save it as UTF-8 without one"
	case first == "{" || first == "[":
		hint = "it is JSON; give the token in it alone, as by jq -r .access_token"
	case first == "<":
		hint = "it looks like a web page"
	case first == "'" || first == "\"":
		hint = "quotes stand around the token"
	case strings.ContainsAny(text, "\r\n"):
		hint = "it has more than one line; a token is one"
	default:
		return err
	}
	return f.WithHint("%s", hint)
}

// unwrapToken takes off what jwtctl token puts around a token: white space,
// `export NAME='…'`, `NAME=`, `Authorization:` and `Bearer`.
func unwrapToken(text string) (string, error) {
	text = strings.TrimSpace(text)
	text = strings.TrimPrefix(text, "export ")
	if name, value, found := strings.Cut(text, "="); found && isVariableName(name) {
		// Padding of an unsigned token (A91) has an equals sign of its own.
		if value = strings.Trim(value, "'"); strings.HasPrefix(value, "Bearer ") || strings.HasPrefix(value, "ey") {
			text = value
		}
	}
	name, value, isHeader := strings.Cut(text, ":")
	if isHeader = isHeader && strings.EqualFold(name, "authorization"); isHeader {
		text = strings.TrimSpace(value)
	}
	if isHeader || strings.Contains(text, " ") && !strings.HasPrefix(text, "{") {
		return jws.Bearer(text)
	}
	return text, nil
}

// atMostOne refuses more than one argument.
func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fault.New(fault.UsageError, settings.NameOf(cmd), "takes one argument, not %d", len(args)).
			WithHint("put a token that holds spaces into quotes")
	}
	return nil
}
