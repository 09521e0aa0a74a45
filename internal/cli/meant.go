package cli

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/suggest"
)

// otherNames are what other tools, and the claims themselves, call our flags and
// keys: of the names that a command has, the first is meant.
func otherNames(name string) []string {
	return map[string][]string{
		"addr": {"listen"}, "address": {"listen"}, "bind": {"listen"}, "host": {"listen"}, "port": {"listen"},
		"audience": {"aud"}, "aud": {"audience"}, "issuer": {"iss"}, "subject": {"sub"}, "algorithm": {"alg"},
		"curve": {"alg"}, "kty": {"alg"}, "type": {"alg"}, "bits": {"rsa-bits"}, "size": {"rsa-bits"},
		"exp": {"ttl"}, "expires": {"ttl"}, "expires-in": {"ttl"}, "expiration": {"ttl"}, "expiry": {"ttl"},
		"duration": {"ttl"}, "lifetime": {"ttl"}, "not-after": {"ttl"},
		"ns": {"namespace"}, "api-method": {"api"}, "method": {"api"}, "scope": {"permission"},
		"output": {"out"}, "file": {"out", "key"}, "key": {"out", "key-dir"}, "keys": {"key", "key-dir"}, "dir": {"key-dir"},
		"public": {"public-out"}, "pub-out": {"public-out"}, "public-key": {"key"}, "private-key": {"key"}, "secret": {"key"},
		"url": {"jwks"}, "jwk": {"jwks"}, "jwks-uri": {"jwks"}, "jwks-url": {"jwks"}, "json": {"format"}, "raw": {"format"},
		"force": {"now"}, "interval": {"every"}, "grace": {"max-token-life"},
	}[name]
}

// nearestName returns the one of known that name was meant to be, "" if none is
// near.
func nearestName(name string, known []string) string {
	for _, other := range otherNames(strings.ReplaceAll(name, "_", "-")) {
		for _, like := range []string{other, snake(other)} {
			if slices.Contains(known, like) {
				return like
			}
		}
	}
	return suggest.Nearest(name, known)
}

// unknownFlag says that cmd has no such flag, and which was meant.
func (a *app) unknownFlag(cmd *cobra.Command, e *pflag.NotExistError) error {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			names = append(names, f.Name)
		}
	})
	name, group := e.GetSpecifiedName(), e.GetSpecifiedShortnames()
	if group == "" {
		err := fault.New(fault.UsageError, nameOf(cmd), "unknown flag: --%s", quote.Shorten(name))
		if name == "version" {
			return err.WithHint("jwtctl version prints it")
		}
		if like := nearestName(name, names); like != "" {
			return err.WithHint("did you mean --%s?", like)
		}
		return err.WithHint("%s --help lists the flags", cmd.CommandPath())
	}
	// pflag reads -ttl as -t -t -l, and may have eaten -t when it stumbles.
	written := a.shortGroup(group)
	err := fault.New(fault.UsageError, nameOf(cmd), "unknown flag: -%s", quote.Shorten(written))
	if long, _, _ := strings.Cut(written, "="); len(long) > 1 {
		if like := nearestName(long, names); like != "" {
			return err.WithHint("did you mean --%s?", like)
		}
	}
	var like []string
	for _, n := range names {
		if strings.HasPrefix(n, name) {
			like = append(like, "--"+n)
		}
	}
	if len(like) == 0 || len(like) > 3 {
		return err.WithHint("%s --help lists the flags", cmd.CommandPath())
	}
	return err.WithHint("did you mean %s?", strings.Join(like, " or "))
}

// shortGroup returns the argument that pflag was reading when only group of it
// was left.
func (a *app) shortGroup(group string) string {
	for _, arg := range a.args {
		if strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "--") && strings.HasSuffix(arg, group) {
			return arg[1:]
		}
	}
	return group
}

// meantAsFlag adds to err, of a command that takes no argument, which flag the
// argument belongs to.
func meantAsFlag(cmd *cobra.Command, arg string, err *fault.Error) error {
	has := func(name string) bool { return cmd.Flags().Lookup(name) != nil }
	_, notAlg := keys.ParseAlgorithm(arg)
	info, statErr := os.Stat(arg)
	var like string
	switch {
	case arg == "true" || arg == "false":
		return err.WithHint("a switch takes its value after an equals sign: --FLAG=%s", arg)
	case has("alg") && notAlg == nil:
		like = "alg"
	case has("key-dir") && statErr == nil && info.IsDir():
		like = "key-dir"
	case has("key") && statErr == nil && info.Mode().IsRegular():
		return err.WithHint("--key names a file; for several, --key each time")
	case has("listen") && strings.Trim(arg, "0123456789.:") == "" && arg != "":
		if like = "listen"; !strings.Contains(arg, ":") {
			arg = ":" + arg
		}
	case has("namespace") && has("system") && !strings.ContainsAny(arg, "./:"):
		like = "namespace"
	case has("out") && !has("namespace") && strings.ContainsAny(arg, "./") && !strings.Contains(arg, "://"):
		like = "out"
	default:
		return err.WithHint("%s --help lists the flags", cmd.CommandPath())
	}
	return err.WithHint("did you mean --%s %s?", like, quote.Shorten(arg))
}

// nearestCommand returns the command of cmd that name was meant to be, "" if
// none is near: in another spelling, or by what it is called elsewhere.
func nearestCommand(cmd *cobra.Command, name string) string {
	var names []string
	for _, c := range cmd.Commands() {
		if !c.IsAvailableCommand() {
			continue
		}
		if slices.Contains(c.SuggestFor, strings.ToLower(name)) {
			return c.Name()
		}
		names = append(names, c.Name())
	}
	for _, n := range names {
		if len(name) > 2 && strings.HasPrefix(n, strings.ToLower(name)) {
			return n
		}
	}
	return suggest.Nearest(name, names)
}
