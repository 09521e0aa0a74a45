package keycmd

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const keyText = `Show a key, or write it in another form: PEM, JWK or JWK set, encrypted or not,
the pair or only its public half.

The key can be anything that --key accepts in other commands, encrypted or not:
PEM, a certificate, a JWK, a JWK set, env:NAME, - for stdin, or agent:COMMENT.
Without flags, jwtctl describes the key. A private key is only written to a
pipe, or to a file that only you can read, never to a terminal.`

const keyExample = `  jwtctl key key.priv.pem
  jwtctl key key.priv.pem --public --format jwk
  jwtctl key key.priv.pem --thumbprint
  jwtctl key key.jwk --format pem -o key.pem
  jwtctl key key.pem --encrypt --passphrase @passphrase.txt -o key.enc.pem`

type keyOptions struct {
	passphrase    input.Passphrase
	newPassphrase string
	public        bool
	thumbprint    bool
	encrypt       bool
	format        string
	kid, alg      string
	out           string
	force         bool
}

// Key returns the command.
func Key(d command.Deps) *cobra.Command {
	var o keyOptions
	cmd := &cobra.Command{
		Use:        "key [FILE | -]",
		SuggestFor: []string{"convert", "thumbprint", "pem", "jwk", "pubkey", "export-key"},
		Short:      "Show a key, or write it in another form",
		Long:       keyText,
		Example:    keyExample,
		Args:       command.AtMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := input.DefaultKeyFile
			if len(args) == 1 {
				name = args[0]
			}
			return runKey(cmd.Context(), d, name, o)
		},
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.public, "public", false, "write only the public half")
	fs.BoolVar(&o.thumbprint, "thumbprint", false, "print only the RFC 7638 thumbprint (SHA-256)")
	settings.ChoiceVar(fs, &o.format, "format", "", "`FORMAT`: pem, jwk or jwks to write the key; text or json to describe it (default text, or pem with --public)", "text", "json", "pem", "jwk", "jwks")
	fs.BoolVar(&o.encrypt, "encrypt", false, "write encrypted PEM (PKCS#8 with PBES2)")
	o.passphrase.Register(fs)
	fs.StringVar(&o.newPassphrase, "new-passphrase", "", "passphrase for --encrypt: `env:NAME` or @FILE (default: --passphrase)")
	settings.AtPaths(fs, "new-passphrase")
	fs.StringVar(&o.kid, "kid", "", "`ID` of the key to pick from a set, or to assign to the key")
	fs.StringVar(&o.alg, "alg", "", "`ALGORITHM` to write into the JWK")
	input.CheckAlgorithm(fs)
	fs.StringVarP(&o.out, "out", "o", "", "write to `FILE` instead of stdout")
	fs.BoolVar(&o.force, "force", false, "overwrite an existing private key file")
	settings.Outputs(fs, "out")
	settings.FlagOnly(fs, "force")
	settings.Keyed(fs, "key")
	return cmd
}

func runKey(ctx context.Context, d command.Deps, name string, o keyOptions) error {
	list, err := o.read(d, name)
	if err != nil {
		return err
	}
	switch {
	case o.format != "" || o.thumbprint:
	case o.public && len(list) > 1:
		o.format = "jwks" // PEM can hold one key
	case o.public, o.encrypt:
		o.format = "pem"
	}
	switch {
	case o.encrypt && (o.format != "pem" || o.public || o.thumbprint):
		return fault.New(fault.UsageError, "--encrypt", "only writes a private key as PEM")
	case o.newPassphrase != "" && !o.encrypt:
		return fault.New(fault.UsageError, "--new-passphrase", "needs --encrypt")
	case o.thumbprint:
		return printThumbprints(d, list, o, name)
	case o.format == "json" || o.format == "text" || o.format == "":
		if o.format == "" && o.out != "" {
			return fault.New(fault.UsageError, "--out", "needs a --format").WithHint("add --format pem, jwk or jwks")
		}
		return describeKeys(d, list, o, name)
	}
	return writeKeys(ctx, d, list, o, name)
}

// read returns the keys at name, selected by --kid, --alg and --public.
func (o keyOptions) read(d command.Deps, name string) ([]*keys.Key, error) {
	if err := input.CheckKeyID(o.kid); err != nil {
		return nil, err
	}
	k := input.KeyFlags{Files: []string{name}, KeyID: o.kid, Alg: o.alg, Passphrase: o.passphrase}
	list, err := k.Load(d)
	if err != nil {
		return nil, err
	}
	if o.kid != "" {
		if list, err = pickOrRename(list, o.kid); err != nil {
			return nil, err
		}
	}
	if list, err = k.Pin(list); err != nil || !o.public {
		return list, err
	}
	for i := range list {
		if list[i], err = list[i].Public(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// pickOrRename is keys.Pick, except that a single key always gets the ID: when writing a
// key, that is the purpose of the flag.
func pickOrRename(list []*keys.Key, kid string) ([]*keys.Key, error) {
	if len(list) == 1 {
		named, err := list[0].With(keys.Attributes{ID: kid})
		return []*keys.Key{named}, err
	}
	return keys.Pick(list, kid)
}

func printThumbprints(d command.Deps, list []*keys.Key, o keyOptions, name string) error {
	var text strings.Builder
	for _, k := range list {
		thumbprint, err := k.Thumbprint()
		if err != nil {
			return err
		}
		text.WriteString(thumbprint + "\n")
	}
	return d.WriteResult(o.out, []byte(text.String()), files.Shared, []string{name})
}

// writeKeys writes list in another format. Private keys are not written to a terminal
// (S6), and only to files readable by their owner.
func writeKeys(ctx context.Context, d command.Deps, list []*keys.Key, o keyOptions, name string) error {
	text, err := o.encode(d, list)
	if err != nil {
		return err
	}
	private := slices.ContainsFunc(list, func(k *keys.Key) bool { return k.CanSign() && !k.IsRemote() })
	toFile := o.out != "" && o.out != "-"
	switch {
	case !private:
		return d.WriteResult(o.out, text, files.Shared, []string{name})
	case !toFile && d.System.OutTTY:
		return fault.New(fault.UsageError, "key", "refusing to print a private key to a terminal").WithHint("write it to a file with -o FILE, or print the public half with --public")
	case !toFile:
		return d.Print("%s", text)
	case files.Same(name, o.out):
		return fault.New(fault.FileConflict, o.out, "is also the input").WithHint("write to another file")
	}
	if err := files.CheckTarget(o.out, o.force); err != nil {
		return err
	}
	if err := (files.Writer{}).Write(o.out, text, files.Private, o.force); err != nil {
		return err
	}
	d.Info("wrote %s, readable only by you", o.out)
	warnNotIgnored(ctx, d, o.out)
	return nil
}

func (o keyOptions) encode(d command.Deps, list []*keys.Key) ([]byte, error) {
	for _, k := range list {
		if k.IsRemote() {
			return nil, fault.New(fault.KeyNotPrivate, k.Source(), "the private half cannot leave the agent").WithHint("use --public for the public half")
		}
	}
	if o.format != "jwks" && len(list) != 1 {
		return nil, fault.New(fault.UsageError, "--format", "%s can hold one key (got %d)", o.format, len(list)).WithHint("pick one with --kid, or write all with --format jwks")
	}
	switch o.format {
	case "pem":
		if !o.encrypt {
			return list[0].PEM()
		}
		passphrase, err := o.passphraseToWrite(d)
		if err != nil {
			return nil, err
		}
		return list[0].EncryptedPEM(passphrase)
	case "jwk":
		text, err := list[0].JWK()
		return append(text, '\n'), err
	}
	set := struct {
		Keys []json.RawMessage `json:"keys"`
	}{}
	for _, k := range list {
		text, err := k.JWK()
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, text)
	}
	text, err := json.MarshalIndent(set, "", "  ")
	if err != nil {
		return nil, fault.New(fault.Internal, "output", "%w", err)
	}
	return append(text, '\n'), nil
}

func (o keyOptions) passphraseToWrite(d command.Deps) ([]byte, error) {
	if o.newPassphrase == "" {
		return o.passphrase.New(d, o.out)
	}
	passphrase, _, err := input.ReadSecret(d, "--new-passphrase", o.newPassphrase)
	return passphrase, err
}
