package keycmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const jwksText = `Print the public halves of keys as a JWK set (RFC 7517) with kty, the public
values, kid, alg and use. Private values are never printed. A shared secret has
no public half and is refused.

--jwks reads existing key sets and merges them, without the keys that
verification would skip; --kid picks a single key. --explain reports instead
whether each key is used and, if not, why.`

type jwksOptions struct {
	keys    input.KeyFlags
	dir     string
	out     string
	sets    []string
	network input.NetworkFlags
	explain bool
	format  string
}

// JWKS returns the command.
func JWKS(d command.Deps) *cobra.Command {
	var o jwksOptions
	cmd := &cobra.Command{
		Use:        "jwks",
		SuggestFor: []string{"jwk", "public", "publish", "export", "keyset"},
		Short:      "Print the public halves of keys as a JWK set",
		Long:       jwksText,
		Example:    "  jwtctl jwks\n  jwtctl jwks --key new.pem --key old.pem -o jwks.json\n  jwtctl jwks --jwks https://idp.example.com/jwks.json --explain",
		Args:       command.NoArguments,
		RunE:       func(cmd *cobra.Command, _ []string) error { return runJWKS(cmd.Context(), d, o) },
	}
	fs := cmd.Flags()
	o.keys.Register(fs)
	fs.StringVar(&o.dir, "key-dir", "", "`DIR` with key files (*.pem, *.jwk, *.json), instead of --key")
	fs.StringVarP(&o.out, "out", "o", "", "write to `FILE` instead of stdout")
	fs.StringArrayVar(&o.sets, "jwks", nil, "key set `FILE|URL` to merge, or - for stdin; repeatable")
	o.network.Register(fs)
	fs.BoolVar(&o.explain, "explain", false, "report whether each key of --jwks is used and, if not, why")
	settings.ChoiceVar(fs, &o.format, "format", "text", "`FORMAT` of --explain: text or json", "text", "json")
	settings.Paths(fs, "key-dir")
	settings.Outputs(fs, "out")
	settings.SelectsKeys(fs, "key-dir")
	settings.FlagOnly(fs, "jwks") // a variable for verifying does not apply here
	settings.Keyed(fs, "jwks")
	return cmd
}

func runJWKS(ctx context.Context, d command.Deps, o jwksOptions) error {
	if len(o.sets) == 0 {
		if o.explain {
			return fault.New(fault.UsageError, "--explain", "needs a key set: add --jwks FILE or URL")
		}
		source := input.NewSetSource(d, o.keys, o.dir)
		list, err := source.Load()
		if err != nil {
			return err
		}
		return printSet(d, o.out, list, source.Inputs)
	}
	if o.keys.Named() || o.dir != "" || o.keys.Alg != "" {
		return fault.New(fault.UsageError, "--jwks", "cannot be combined with --key, --secret, --key-dir or --alg")
	}
	used, all, failed := readSets(ctx, d, o)
	if failed == nil && o.keys.KeyID != "" {
		used, failed = keys.PickEntries(used, o.keys.KeyID)
	}
	if o.explain && all != nil {
		return errors.Join(explainSets(d, o, all, used), failed)
	}
	if failed != nil {
		return failed
	}
	set, err := keys.MergeSets(used)
	if err != nil {
		return err
	}
	return d.WriteResult(o.out, append(set, '\n'), files.Shared, o.sets)
}

func printSet(d command.Deps, out string, list []*keys.Key, inputs []string) error {
	set, err := keys.PublicSet(list)
	if err != nil {
		return err
	}
	return d.WriteResult(out, append(set, '\n'), files.Shared, inputs)
}
