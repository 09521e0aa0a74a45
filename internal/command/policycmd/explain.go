package policycmd

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/explain"
	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/input/policies"
	"github.com/jwtctl/jwtctl/internal/lint"
	"github.com/jwtctl/jwtctl/internal/page"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const explainText = `Show the effective policy that the JWT annotations define: for each method, what
it requires of the bearer token and which messages it validates or signs; for
each message, its tokens, their claims, and the field of each claim. Each fact
comes with the position of its annotation, as file:line:column.

A policy with lint errors is explained too, with its cycles marked. --format
mermaid and dot draw how claims flow from fields into tokens; html writes a
self-contained page with the findings of lint and the keys of each issuer.`

const explainExample = `  jwtctl explain
  jwtctl explain shop.Shop/Buy shop.Order
  jwtctl explain --proto proto --format mermaid >policy.mmd
  jwtctl explain --format dot | dot -Tsvg -o policy.svg
  jwtctl explain --format html -o policy.html`

type explainOptions struct {
	protos policies.ProtoFlags
	format string
	out    string
}

// Explain returns the command.
func Explain(d command.Deps) *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:     "explain [METHOD | SERVICE | TYPE…]",
		Short:   "Show the policy that JWT annotations define, and where",
		Long:    explainText,
		Example: explainExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runExplain(cmd.Context(), d, args, o)
		},
	}
	fs := cmd.Flags()
	o.protos.Register(fs)
	settings.ChoiceVar(fs, &o.format, "format", "text", "output `FORMAT`: "+strings.Join(explainFormats(), ", "), explainFormats()...)
	fs.StringVarP(&o.out, "out", "o", "", "write to `FILE` instead of stdout")
	settings.Outputs(fs, "out")
	settings.Keyed(fs, "explain")
	return cmd
}

// declaredNames returns the names of services and messages in arguments.
func declaredNames(arguments []string) (names []string) {
	for _, name := range arguments {
		name, _, _ = strings.Cut(name, "/")
		names = append(names, regexp.QuoteMeta(name[strings.LastIndexByte(name, '.')+1:]))
	}
	return names
}

func explainFormats() []string { return []string{"text", "json", "mermaid", "dot", "html"} }

func runExplain(ctx context.Context, d command.Deps, names []string, o explainOptions) error {
	set, err := o.protos.LoadOrFind(ctx, d, declaredNames(names))
	if err != nil {
		return err
	}
	p := policy.Read(set)
	view, err := explain.New(p, names, configuredKeys(d))
	if err != nil {
		return err
	}
	if n, _, _ := finding.Count(lint.Errors(p)); n > 0 {
		d.Warn("the policy is invalid, so sign, verify and proxy refuse it: jwtctl lint lists its errors (%d)", n)
	}
	var text bytes.Buffer
	switch o.format {
	case "json":
		var data []byte
		data, err = view.JSON()
		text.Write(data)
	case "mermaid":
		err = view.WriteMermaid(&text)
	case "dot":
		err = view.WriteDOT(&text)
	case "html":
		err = page.Explain(&text, view, page.Options{Findings: lint.Check(p, ruleOptions(d, false)), Line: sourceLines(set)})
	default:
		err = view.WriteText(&text, textOptions(d, o.out == "" || o.out == "-"))
	}
	if err != nil {
		return err
	}
	return d.WriteResult(o.out, text.Bytes(), 0o644, o.protos.Inputs(set))
}

// configuredKeys returns the configured keys. It reads whether a file has a public key;
// an unreadable file counts as what it should be.
func configuredKeys(d command.Deps) explain.Options {
	o := explain.Options{HaveKeys: len(d.Settings.Keys)+len(d.Settings.KeySets) > 0}
	for _, k := range d.Settings.Keys {
		source := k.File
		if k.Secret != "" {
			source = "variable " + k.Secret
		}
		o.Keys = append(o.Keys, explain.Key{ID: k.ID, Algorithm: string(k.Algorithm), Issuer: k.Issuer, Source: source, CanSign: k.Secret != "" || !console.IsPublic(k.File), Rules: k.Rules.OrNil()})
	}
	for _, s := range d.Settings.KeySets {
		source := s.Shown()
		if s.OIDCDiscovery {
			source = fmt.Sprintf("discovery at %s", s.Issuer)
		}
		o.Keys = append(o.Keys, explain.Key{Issuer: s.Issuer, Source: source, Rules: s.Rules.OrNil()})
	}
	return o
}

func textOptions(d command.Deps, onStdout bool) explain.TextOptions {
	o := explain.TextOptions{Escape: quote.Printable}
	if onStdout {
		s := d.OutStyles()
		paint := map[string]func(string) string{
			explain.StyleHeading: s.Bold, explain.StylePlace: s.Dim, explain.StyleDim: s.Dim,
			explain.StyleGood: s.Good, explain.StyleWarn: s.Warn, explain.StyleBad: s.Bad,
		}
		o.Paint = func(style, text string) string {
			if p := paint[style]; p != nil {
				return p(text)
			}
			return text
		}
	}
	return o
}
