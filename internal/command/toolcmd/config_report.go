package toolcmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// configReport is the result of the check, and its JSON form.
type configReport struct {
	File     string           `json:"file"`
	OK       bool             `json:"ok"`
	Keys     []configKey      `json:"keys"`
	KeySets  []configSet      `json:"key_sets"`
	Protos   *configProtos    `json:"protos,omitempty"`
	Messages []configMessages `json:"messages"`
	Problems []configProblem  `json:"problems"`
	faults   []error
}

type configKey struct {
	ID        string `json:"id"`
	Algorithm string `json:"alg"`
	Issuer    string `json:"issuer,omitempty"`
	From      string `json:"from"`
	Signs     bool   `json:"signs"`
	// Rules are nil if there are none.
	Rules *keys.Rules `json:"rules,omitempty"`
}

type configSet struct {
	Issuer string `json:"issuer,omitempty"`
	From   string `json:"from"`
	// Keys is the number of keys; nil if it was not fetched.
	Keys  *int        `json:"keys,omitempty"`
	Rules *keys.Rules `json:"rules,omitempty"`
}

type configProtos struct {
	Files    int `json:"files"`
	Methods  int `json:"methods"`
	Guarded  int `json:"guarded"`
	Messages int `json:"messages_with_tokens"`
}

type configMessages struct {
	Files   string `json:"files"`
	Method  string `json:"method,omitempty"`
	Type    string `json:"type,omitempty"`
	Matched int    `json:"matched"`
}

type configProblem struct {
	Code   fault.Code `json:"code"`
	Where  string     `json:"where"`
	Reason string     `json:"reason"`
	Hint   string     `json:"hint,omitempty"`
}

// fail records an error at a position of the file.
func (r *configReport) fail(where string, err error) {
	for _, one := range fault.All(err) {
		var f *fault.Error
		if !errors.As(one, &f) {
			f = fault.New(fault.ConfigInvalid, where, "%w", one)
		} else if where != "" && !strings.HasPrefix(f.What, r.File) {
			f = &fault.Error{Code: f.Code, What: where, Reason: f.Error(), Hint: f.Hint, Cause: f}
		}
		r.faults = append(r.faults, f)
		r.Problems = append(r.Problems, configProblem{f.Code, f.What, f.Reason, f.Hint})
	}
}

// printConfigReport prints one line for each thing found.
func printConfigReport(d command.Deps, r *configReport) error {
	s := d.OutStyles()
	line := func(kind, format string, args ...any) {
		_ = d.Print("%s %s\n", s.Dim(fmt.Sprintf("%-9s", kind)), quote.Printable(fmt.Sprintf(format, args...)))
	}
	for _, k := range r.Keys {
		use := "verifies"
		if k.Signs {
			use = "signs and verifies"
		}
		line("key", "%s (%s, from %s) %s%s%s", quote.Shorten(k.ID), k.Algorithm, k.From, use, issuerSuffix(k.Issuer), rulesSuffix(k.Rules))
	}
	for _, k := range r.KeySets {
		held := "not fetched (use --online)"
		if k.Keys != nil {
			held = console.Count(*k.Keys, "key", "keys")
		}
		line("key set", "%s%s (%s)%s", k.From, issuerSuffix(k.Issuer), held, rulesSuffix(k.Rules))
	}
	if p := r.Protos; p != nil {
		line("protos", "%s; methods that validate something: %d of %d; message types with tokens: %d", console.Count(p.Files, "file", "files"), p.Guarded, p.Methods, p.Messages)
	}
	for _, m := range r.Messages {
		line("messages", "%s: %s%s (%s)", m.Files, m.Method, m.Type, console.Count(m.Matched, "file", "files"))
	}
	if r.OK {
		return d.Print("%s\n", s.Good(quote.Printable(r.File)+" is valid"))
	}
	return nil
}

func issuerSuffix(issuer string) string {
	if issuer == "" {
		return ""
	}
	return " for issuer " + quote.Shorten(issuer)
}

// rulesSuffix adds the rules for tokens to a line.
func rulesSuffix(r *keys.Rules) string {
	if r == nil {
		return ""
	}
	return "; " + strings.Join(r.Words(), ", ")
}
