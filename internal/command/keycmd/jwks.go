package keycmd

import (
	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const jwksText = `Print the public halves of keys as a JWK set (RFC 7517): kty, the key's public
numbers, kid, alg and use. Private numbers never leave; a shared secret is
refused, since it has no public half.`

type jwksOptions struct {
	keys input.KeyFlags
	dir  string
	out  string
}

// JWKS returns the command.
func JWKS(d command.Deps) *cobra.Command {
	var o jwksOptions
	cmd := &cobra.Command{
		Use:        "jwks",
		SuggestFor: []string{"jwk", "public", "publish", "export", "keyset"},
		Short:      "Print the public JWK set of keys",
		Long:       jwksText,
		Example:    "  jwtctl jwks\n  jwtctl jwks --key new.pem --key old.pem -o jwks.json",
		Args:       command.NoArguments,
		RunE:       func(*cobra.Command, []string) error { return runJWKS(d, o) },
	}
	fs := cmd.Flags()
	o.keys.Register(fs)
	fs.StringVar(&o.dir, "key-dir", "", "`DIR` of key files (*.pem, *.jwk, *.json) to take instead of --key")
	fs.StringVarP(&o.out, "out", "o", "", "`FILE` to write instead of stdout")
	settings.Paths(fs, "out", "key-dir")
	settings.NamesKeys(fs, "key-dir")
	settings.Keyed(fs, "jwks")
	return cmd
}

func runJWKS(d command.Deps, o jwksOptions) error {
	source := publishing(d, o.keys, o.dir)
	list, err := source.load()
	if err != nil {
		return err
	}
	set, err := keys.PublicSet(list)
	if err != nil {
		return err
	}
	return d.WriteResult(o.out, append(set, '\n'), files.Shared, source.inputs)
}
