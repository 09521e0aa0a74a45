package keycmd

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// keyReport is the JSON description of a key, without its numbers.
type keyReport struct {
	Kind       string   `json:"kind"` // private, public, secret, certificate, remote
	Type       string   `json:"kty"`
	Size       string   `json:"description"`
	Algorithms []string `json:"algorithms"`
	KeyID      string   `json:"kid"`
	OwnID      bool     `json:"kid_chosen"`
	Thumbprint string   `json:"thumbprint"`
}

func reportKey(k *keys.Key) (keyReport, error) {
	thumbprint, err := k.Thumbprint()
	if err != nil {
		return keyReport{}, err
	}
	r := keyReport{
		Kind: k.Kind(), Type: string(k.Type()), Size: k.Material(),
		KeyID: k.ID(), OwnID: k.HasExplicitID(), Thumbprint: thumbprint,
	}
	for _, alg := range keys.Algorithms() {
		if k.Allows(alg) {
			r.Algorithms = append(r.Algorithms, string(alg))
		}
	}
	if i := slices.Index(r.Algorithms, string(k.Algorithm())); i > 0 { // list the one to sign with first
		r.Algorithms = slices.Insert(slices.Delete(r.Algorithms, i, i+1), 0, string(k.Algorithm()))
	}
	return r, nil
}

func describeKeys(d command.Deps, list []*keys.Key, o keyOptions, name string) error {
	var reports []keyReport
	for _, k := range list {
		r, err := reportKey(k)
		if err != nil {
			return err
		}
		reports = append(reports, r)
	}
	if o.format == "json" {
		text, err := json.MarshalIndent(struct {
			Keys []keyReport `json:"keys"`
		}{reports}, "", "  ")
		if err != nil {
			return fault.New(fault.Internal, "output", "%w", err)
		}
		return d.WriteResult(o.out, append([]byte(quote.EscapeControls(string(text))), '\n'), files.Shared, []string{name})
	}
	var text strings.Builder
	for i, r := range reports {
		if i > 0 {
			text.WriteString("\n")
		}
		own := " (its thumbprint)"
		if r.OwnID {
			own = ""
		}
		fmt.Fprintf(&text, "%s: %s\n", r.Kind, r.Size)
		fmt.Fprintf(&text, "  algorithms  %s\n", strings.Join(r.Algorithms, ", "))
		fmt.Fprintf(&text, "  id          %s%s\n", quote.Printable(r.KeyID), own)
		fmt.Fprintf(&text, "  thumbprint  %s\n", r.Thumbprint)
	}
	return d.WriteResult(o.out, []byte(text.String()), files.Shared, []string{name})
}
