package keycmd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/agent"
	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const genAndServeText = `Make a key unless there is one already, then serve its public half: keygen and
serve in one command. An existing key file is kept; --force replaces it.`

type genAndServeOptions struct {
	gen   keygenOptions
	serve serveOptions
}

// GenAndServe returns the command.
func GenAndServe(d command.Deps) *cobra.Command {
	var o genAndServeOptions
	cmd := &cobra.Command{
		Use:     "gen-and-serve",
		Short:   "Make a key if needed, and serve its JWK set",
		Long:    genAndServeText,
		Example: "  jwtctl gen-and-serve\n  jwtctl gen-and-serve --alg RS256 --key rsa.pem --listen 127.0.0.1:8080",
		Args:    command.NoArguments,
		PreRunE: func(cmd *cobra.Command, _ []string) error { return checkRSABits(cmd, o.gen) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runGenAndServe(cmd.Context(), d, cmd.Flags().Changed("alg"), o)
		},
	}
	flags := cmd.Flags()
	o.gen.register(flags)
	o.serve.register(flags)
	flags.StringArrayVar(&o.serve.keys.Files, "key", nil, "key `FILE` to make and serve; repeat to serve more keys (default "+input.DefaultKeyFile+")")
	flags.StringVarP(&o.gen.out, "out", "o", "", "`FILE` for the new key, instead of the first --key")
	flags.StringVar(&o.gen.kid, "kid", "", "`ID` of the key (default: its RFC 7638 thumbprint)")
	flags.BoolVar(&o.serve.keys.StrictPerms, "strict-perms", false, "fail instead of warning if other users can read a private key file")
	o.serve.keys.Passphrase.Register(flags)
	settings.Outputs(flags, "key", "out")
	settings.KeyedAs(flags, "key", "keys")
	settings.SelectsKeys(flags, "key")
	settings.Keyed(flags, "", "strict-perms")
	settings.Keyed(flags, "serve")
	return cmd
}

func runGenAndServe(ctx context.Context, d command.Deps, algGiven bool, o genAndServeOptions) error {
	switch {
	case o.gen.out != "":
		o.serve.keys.Files = append([]string{o.gen.out}, o.serve.keys.Files...)
	case len(o.serve.keys.Files) > 0:
		o.gen.out = o.serve.keys.Files[0]
	case len(d.Settings.ConfiguredKeys()) > 0 && d.Settings.Keys[0].File != "":
		o.useConfigured(d.Settings.Keys[0], algGiven)
	}
	if strings.HasPrefix(o.gen.out, agent.Prefix) { // nothing to generate
		return runServe(ctx, d, o.serve)
	}
	req, out, err := o.gen.plan()
	if err != nil {
		return err
	}
	if err := o.check(req.Algorithm, out.Private); err != nil {
		return err
	}
	if len(o.serve.keys.Files) == 0 && (len(d.Settings.ConfiguredKeys()) == 0 || o.gen.out != d.Settings.Keys[0].File) {
		o.serve.keys.Files = []string{out.Private}
	}
	if _, err := os.Lstat(out.Private); err == nil && !o.gen.force {
		if err := keepExistingKey(d, o.serve.keys, out.Private, req, algGiven); err != nil {
			return err
		}
	} else if err == nil || errors.Is(err, fs.ErrNotExist) {
		if err := checkPublicOut(out.Public, out.Force); err != nil {
			return err
		}
		if out.Passphrase, err = o.gen.newPassphrase(d, out, o.serve.keys.Passphrase); err != nil {
			return err
		}
		if _, err := writeNew(ctx, d, req, out); err != nil {
			return err
		}
	}
	if len(o.serve.keys.Files) == 1 {
		o.serve.keys.KeyID = o.gen.kid
	}
	return runServe(ctx, d, o.serve)
}

// useConfigured uses the first of keys in jwtctl.yaml for the key to make.
func (o *genAndServeOptions) useConfigured(e config.KeyEntry, algGiven bool) {
	o.gen.out = e.File
	if e.Algorithm != "" && !algGiven {
		o.gen.alg = string(e.Algorithm)
	}
}

// check refuses, before a key is generated, what cannot be served.
func (o genAndServeOptions) check(alg keys.Algorithm, private string) error {
	switch {
	case private == "-" || strings.HasPrefix(private, "env:"):
		return fault.New(fault.UsageError, "--key", "cannot create a key in %q", quote.Printable(private)).WithHint("to serve a key from another source, use jwtctl serve")
	case isSecret(alg):
		return fault.New(fault.UsageError, "--alg", "%s makes a shared secret, which is never published", alg).WithHint("use --alg ES256 for a key pair")
	}
	for _, path := range append(o.serve.keys.Files[min(1, len(o.serve.keys.Files)):], o.serve.dir) {
		if path == "" || path == "-" || strings.HasPrefix(path, "env:") || strings.HasPrefix(path, agent.Prefix) {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			return fault.New(fault.KeyUnreadable, path, "%w", files.Reason(err))
		}
	}
	return o.serve.check()
}

// keepExistingKey reports that the key at path is kept, and fails if it does not have the
// requested algorithm.
func keepExistingKey(d command.Deps, k input.KeyFlags, path string, req keygen.Request, algGiven bool) error {
	list, err := input.KeySource{Name: path, Attributes: k.Attributes(d)}.Read(d, false)
	if err != nil {
		return err
	}
	if algGiven && !list[0].Allows(req.Algorithm) {
		return fault.New(fault.UsageError, "--alg", "%s holds a %s, which cannot be used with %s", path, list[0].Material(), req.Algorithm).
			WithHint("use --force to replace it, or --key for another file")
	}
	d.Info("using existing key %s (%s)", path, list[0].Describe())
	return nil
}
