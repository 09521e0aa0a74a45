package tokencmd

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

// tokenForm configures how a token is printed.
type tokenForm struct {
	format   string
	audience string // --for
	variable string
	export   bool
}

func (f *tokenForm) register(fs *pflag.FlagSet) {
	settings.ChoiceVar(fs, &f.format, "format", "env", "output `FORMAT`: env (NAME=VALUE), token, header (Authorization: Bearer …) or json", "env", "token", "header", "json")
	var clients []string
	for _, c := range temporal.Clients() {
		clients = append(clients, string(c))
	}
	settings.ChoiceVar(fs, &f.audience, "for", string(temporal.TCTL), "`CLIENT` that reads the variable: tctl, temporal (CLI and SDKs) or api-key", clients...)
	fs.StringVar(&f.variable, "env-var", "", "`NAME` of the variable to set (default: depends on --for)")
	settings.Check(fs, "env-var", checkVariable)
	fs.BoolVar(&f.export, "export", false, "print a line for eval: export NAME='VALUE'")
}

// check refuses invalid formats and combinations.
func (f tokenForm) check() error {
	if _, err := temporal.ParseClient(f.audience); err != nil {
		return err
	}
	if f.export && f.format != "env" {
		return fault.New(fault.UsageError, "--export", "needs --format env, not %s", f.format)
	}
	return nil
}

func checkVariable(name string) error {
	if !input.IsVariableName(name) {
		return fault.New(fault.UsageError, "--env-var", "%q is not a valid variable name", quote.Shorten(name)).WithHint("use letters, digits and _, and do not begin with a digit")
	}
	return nil
}

func (f tokenForm) client() temporal.Client { return temporal.Client(f.audience) }

// wantsVariable reports whether the output includes the variable's name.
func (f tokenForm) wantsVariable() bool { return f.format == "env" || f.format == "json" }

// name returns the variable's name.
func (f tokenForm) name() string {
	if f.variable != "" {
		return f.variable
	}
	return f.client().Variable()
}

// tokenReport is the JSON form.
type tokenReport struct {
	Token     string          `json:"token"`
	KeyID     string          `json:"kid"`
	Algorithm string          `json:"alg"`
	Claims    json.RawMessage `json:"claims"`
	Expires   string          `json:"expires_at,omitempty"`
	Variable  string          `json:"variable"`
	Value     string          `json:"value"`
}

// render returns the line, or the JSON object, to print.
func (f tokenForm) render(m minted) ([]byte, error) {
	value := f.client().Value(m.compact)
	switch f.format {
	case "token":
		return fmt.Appendf(nil, "%s\n", m.compact), nil
	case "header":
		return fmt.Appendf(nil, "Authorization: %s\n", temporal.Header(m.compact)), nil
	case "json":
		report := tokenReport{
			Token: m.compact, KeyID: m.key.ID(), Algorithm: string(m.key.Algorithm()),
			Claims: m.claims, Variable: f.name(), Value: value,
		}
		if !m.expires.IsZero() {
			report.Expires = m.expires.UTC().Format(time.RFC3339)
		}
		text, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return nil, fault.New(fault.Internal, "output", "%w", err)
		}
		return append(text, '\n'), nil
	}
	if f.export { // neither a variable's name nor a token contains quotes
		return fmt.Appendf(nil, "export %s='%s'\n", f.name(), value), nil
	}
	return fmt.Appendf(nil, "%s=%s\n", f.name(), value), nil
}
