// Package keycmd has the commands that make, show, publish and rotate keys: keygen, key,
// jwks, serve, gen-and-serve and rotate.
package keycmd

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const keygenText = `Make a new key pair, and write the private half to a file that only you can
read. The key id goes to stdout.

The key is written as PKCS#8 PEM, or as a JWK with --format jwk or if the output
file is called *.jwk or *.json. A secret (HS256, HS384, HS512) has no PEM form
and is written as a JWK. --format json prints a report with kid, alg and files.
An existing file is kept unless --force is given. In a git work tree that does
not ignore the file, stderr shows how to add it to .gitignore.`

type keygenOptions struct {
	alg       string
	rsaBits   int
	out       string
	publicOut string
	format    string
	kid       string
	force     bool

	encrypt    bool
	passphrase input.Passphrase
}

// Keygen returns the command.
func Keygen(d command.Deps) *cobra.Command {
	var o keygenOptions
	cmd := &cobra.Command{
		Use:        "keygen",
		Aliases:    []string{"gen"},
		SuggestFor: []string{"generate", "gen-key", "gen-keys", "genkey", "generate-key", "create", "new"},
		Short:      "Make a key pair",
		Long:       keygenText,
		Example:    "  jwtctl keygen\n  jwtctl keygen --alg EdDSA -o ed.jwk --public-out ed.pub.jwk",
		Args:       command.NoArguments,
		RunE:       func(cmd *cobra.Command, _ []string) error { return runKeygen(cmd.Context(), d, o) },
		PreRunE:    func(cmd *cobra.Command, _ []string) error { return checkRSABits(cmd, o) },
	}
	o.register(cmd.Flags())
	settings.ChoiceVar(cmd.Flags(), &o.format, "format", "", "`FORMAT`: pem or jwk for the key file, or json for a report on stdout (default pem)", "pem", "jwk", "json")
	cmd.Flags().StringVarP(&o.out, "out", "o", "", "`FILE` for the private key, - for stdout (default "+input.DefaultKeyFile+", key.priv.jwk for a JWK)")
	cmd.Flags().StringVar(&o.kid, "kid", "", "`ID` of the key (default: its RFC 7638 thumbprint)")
	o.passphrase.Register(cmd.Flags())
	settings.Outputs(cmd.Flags(), "out")
	settings.Keyed(cmd.Flags(), "keygen")
	return cmd
}

// register adds the flags shared with gen-and-serve.
func (o *keygenOptions) register(fs *pflag.FlagSet) {
	if fs.Lookup("alg") == nil {
		fs.StringVar(&o.alg, "alg", "ES256", "`ALGORITHM` of the key: "+algorithmNames())
	}
	fs.IntVar(&o.rsaBits, "rsa-bits", 0, "size of an RSA key in bits, `N` from 2048 to 8192 (default 2048)")
	fs.StringVar(&o.publicOut, "public-out", "", "`FILE` for the public key (default: none)")
	fs.BoolVar(&o.encrypt, "encrypt", false, "protect the private key with a passphrase (PKCS#8 with PBES2)")
	fs.BoolVar(&o.force, "force", false, "overwrite an existing key file")
	settings.Outputs(fs, "public-out")
	settings.FlagOnly(fs, "force")
	settings.Keyed(fs, "keygen")
}

// checkRSABits refuses an explicit size of 0, which the library takes for the default
// (S4).
func checkRSABits(cmd *cobra.Command, o keygenOptions) error {
	if o.rsaBits != 0 && o.alg == "ES256" && !cmd.Flags().Changed("alg") {
		return fault.New(fault.UsageError, "--rsa-bits", "%s keys have a fixed size", o.alg).WithHint("use --alg RS256 for an RSA key")
	}
	if o.rsaBits == 0 && cmd.Flags().Changed("rsa-bits") {
		return fault.New(fault.UsageError, "--rsa-bits", "must be a multiple of 8 from %d to %d (got 0)", keys.MinRSABits, keys.MaxRSABits)
	}
	return nil
}

func algorithmNames() string {
	var names []string
	for _, alg := range keys.Algorithms() {
		names = append(names, string(alg))
	}
	return strings.Join(names, ", ")
}

// plan converts flags to what to generate and where to write it. It is pure.
func (o keygenOptions) plan() (req keygen.Request, out keygen.Output, err error) {
	alg, err := input.ParseAlgorithm(o.alg)
	if err != nil {
		return req, out, err
	}
	format, err := o.keyFormat(alg)
	if err != nil {
		return req, out, err
	}
	if err := o.checkNames(alg); err != nil {
		return req, out, err
	}
	private := cmp.Or(o.out, input.DefaultKeyFile)
	if o.out == "" && format == keygen.JWK {
		private = "key.priv.jwk"
	}
	return keygen.Request{Algorithm: alg, RSABits: o.rsaBits, ID: o.kid},
		keygen.Output{Private: private, Public: o.publicOut, Format: format, Force: o.force}, nil
}

// checkNames refuses invalid paths and IDs.
func (o keygenOptions) checkNames(alg keys.Algorithm) error {
	switch {
	case o.publicOut == "-":
		return fault.New(fault.UsageError, "--public-out", "must be a file, not stdout").WithHint("to print the public half of a key, use jwtctl jwks")
	case o.publicOut != "" && isSecret(alg):
		return fault.New(fault.UsageError, "--public-out", "a secret (%s) has no public half", alg).WithHint("use --alg ES256 for a key pair")
	case strings.HasSuffix(o.out, "/"):
		return fault.New(fault.UsageError, "--out", "%q is a directory, not a file", quote.Printable(o.out)).
			WithHint("--out %s", quote.ShellPath(o.out+input.DefaultKeyFile))
	case strings.HasSuffix(o.publicOut, "/"):
		return fault.New(fault.UsageError, "--public-out", "%q is a directory, not a file", quote.Printable(o.publicOut))
	}
	return input.CheckKeyID(o.kid)
}

func isSecret(alg keys.Algorithm) bool {
	return slices.Contains([]keys.Algorithm{keys.HS256, keys.HS384, keys.HS512}, alg)
}

// checkPublicOut returns an error unless a public key may be written to path. It never
// replaces a private key, even with force (S2).
func checkPublicOut(path string, force bool) error {
	if path == "" {
		return nil
	}
	if console.HasPrivateKey(path) {
		return fault.New(fault.FileExists, path, "contains a private key; refusing to overwrite it with a public key").
			WithHint("use another file for --public-out")
	}
	err := files.CheckTarget(path, force)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == fault.FileExists {
		return f.WithHint("use --force to overwrite it, or another file for --public-out")
	}
	return err
}

// keyFormat returns the format of the key file.
func (o keygenOptions) keyFormat(alg keys.Algorithm) (keygen.Format, error) {
	secret := isSecret(alg)
	switch o.format {
	case "jwk":
		return keygen.JWK, nil
	case "pem":
		if secret {
			return "", fault.New(fault.UsageError, "--format", "a secret has no PEM form").WithHint("use --format jwk")
		}
		return keygen.PEM, nil
	}
	if ext := filepath.Ext(o.out); secret || ext == ".jwk" || ext == ".json" {
		return keygen.JWK, nil
	}
	return keygen.PEM, nil
}

func runKeygen(ctx context.Context, d command.Deps, o keygenOptions) error {
	req, out, err := o.plan()
	if err != nil {
		return err
	}
	if out.Passphrase, err = o.newPassphrase(d, out, o.passphrase); err != nil {
		return err
	}
	if out.Private == "-" {
		return keygenToStdout(d, o, req, out)
	}
	if !files.Same(out.Private, out.Public) {
		if err := checkPublicOut(out.Public, out.Force); err != nil {
			return err
		}
	}
	if err := out.Check(); err != nil {
		return err
	}
	key, err := writeNew(ctx, d, req, out)
	if err != nil {
		return err
	}
	return renderKeygen(d, o, key, out)
}

// newPassphrase returns the passphrase for --encrypt, or nil without that flag. It refuses
// what cannot be written before it prompts.
func (o keygenOptions) newPassphrase(d command.Deps, out keygen.Output, from input.Passphrase) ([]byte, error) {
	if !o.encrypt {
		return nil, nil
	}
	if out.Format != keygen.PEM {
		return nil, fault.New(fault.UsageError, "--encrypt", "only PEM can be encrypted").WithHint("use --format pem")
	}
	if out.Private != "-" {
		if err := out.Check(); err != nil {
			return nil, err
		}
	}
	return from.New(d, out.Private)
}

// writeNew generates a key and writes its files.
func writeNew(ctx context.Context, d command.Deps, req keygen.Request, out keygen.Output) (*keys.Key, error) {
	key, err := keygen.Generate(req)
	if err != nil {
		return nil, err
	}
	if err := keygen.Save(files.Writer{}, key, out); err != nil {
		return nil, err
	}
	d.Info("wrote %s: new private key (%s), readable only by you", out.Private, key.Describe())
	warnNotIgnored(ctx, d, out.Private)
	return key, nil
}

// keygenToStdout prints the private key, but to a terminal only if forced (S6).
func keygenToStdout(d command.Deps, o keygenOptions, req keygen.Request, out keygen.Output) error {
	if o.format == "json" {
		return fault.New(fault.UsageError, "--format", "--format json reports on a key file, but -o - prints the key itself")
	}
	if d.System.OutTTY && !o.force {
		return fault.New(fault.UsageError, "-o", "refusing to print a private key to a terminal").WithHint("use --force to print it anyway")
	}
	key, err := keygen.Generate(req)
	if err != nil {
		return err
	}
	if out.Public != "" {
		half, err := key.Public()
		if err != nil {
			return err
		}
		if err := checkPublicOut(out.Public, out.Force); err != nil {
			return err
		}
		if err := writeKeyHalf(half, out); err != nil {
			return err
		}
	}
	text, err := out.Encode(key)
	if err != nil {
		return err
	}
	d.Info("key id: %s", key.ID())
	return d.Print("%s", text)
}

// writeKeyHalf writes a public key to its file.
func writeKeyHalf(half *keys.Key, out keygen.Output) error {
	text, err := keygen.Encode(half, out.Format)
	if err != nil {
		return err
	}
	return files.Writer{}.Write(out.Public, text, files.Shared, out.Force)
}

// keygenReport is the JSON report. It has file names and the key ID, but no keys (S6).
// Public is null without a public file.
type keygenReport struct {
	KeyID     string  `json:"kid"`
	Algorithm string  `json:"alg"`
	Private   string  `json:"private"`
	Public    *string `json:"public"`
}

func renderKeygen(d command.Deps, o keygenOptions, key *keys.Key, out keygen.Output) error {
	if o.format != "json" {
		return d.Print("%s\n", key.ID())
	}
	report := keygenReport{KeyID: key.ID(), Algorithm: string(key.Algorithm()), Private: out.Private}
	if out.Public != "" {
		report.Public = &out.Public
	}
	return d.PrintJSON(report)
}
