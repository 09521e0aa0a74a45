package temporalcmd

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

// printVerdict prints a verdict as text.
func printVerdict(d command.Deps, v temporal.Verdict) error {
	s := d.OutStyles()
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s", answerText(s, v), v.API)
	if v.Namespace != "" {
		fmt.Fprintf(&b, ", namespace %s", quote.Printable(v.Namespace))
	}
	fmt.Fprintf(&b, "\n  server %s\n", v.ServerVersion)
	if v.Undecided != "" {
		fmt.Fprintf(&b, "  %s; set it with --namespace\n", v.Undecided)
	}
	if v.RequiredRole != "" {
		fmt.Fprintf(&b, "  needs  %s or more, %s\n", v.RequiredRole, scopeText(v))
		held := "no role that applies here"
		if len(v.HeldRoles) > 0 {
			held = quote.Printable(strings.Join(v.HeldRoles, ", "))
		}
		if len(v.HeldRoles) > 0 || v.Undecided == "" { // the held roles are what the decision depends on
			fmt.Fprintf(&b, "  holds  %s\n", held)
		}
	}
	if len(v.Faults) > 0 {
		fmt.Fprintf(&b, "%s\n", s.Bold("Faults"))
	}
	for _, f := range v.Faults {
		fmt.Fprintf(&b, "  %s: %s\n", f.Code, quote.Printable(f.Reason))
		if f.Log != "" {
			fmt.Fprintf(&b, "    %s\n", s.Dim("server log: "+quote.OneLine(f.Log)))
		}
	}
	if len(v.Notes) > 0 {
		fmt.Fprintf(&b, "%s\n", s.Bold("Notes"))
	}
	for _, n := range v.Notes {
		fmt.Fprintf(&b, "  %s\n", quote.Printable(n))
	}
	if v.Fix != "" {
		fmt.Fprintf(&b, "%s\n", s.Bold("A token that would work"))
	}
	text := d.WrapOut(b.String())
	return d.Print("%s", text+fixCommand(d, v.Fix))
}

// fixCommand returns the command that makes a token which would work.
func fixCommand(d command.Deps, fix string) string {
	if fix == "" {
		return ""
	}
	return d.WrapCommand("  "+quote.Printable(fix)) + "\n"
}

// answerText returns the words for a verdict.
func answerText(s console.Styles, v temporal.Verdict) string {
	switch {
	case v.Allowed:
		return s.Good("Allowed")
	case v.Undecided != "":
		return s.Warn("Undecided")
	}
	return s.Bad("Denied")
}

// detailKeys prints to stderr, with -v, with which key of the server the token's
// signature was verified, or else the keys of set, and their sources.
func detailKeys(d command.Deps, set *temporal.KeySet, calls ...temporal.Verdict) {
	for _, v := range calls {
		if v.Key != nil {
			d.Detail("signature checked by key %s (%s, %s)", quote.Shorten(v.Key.ID), v.Key.Algorithm, v.Key.From)
			return
		}
	}
	if set == nil {
		return
	}
	const most = 20
	list := set.Usable()
	for _, k := range list[:min(len(list), most)] {
		d.Detail("the server has key %s (%s, %s)", quote.Shorten(k.ID), k.Algorithm, k.From)
	}
	if len(list) > most {
		d.Detail("and %d more keys", len(list)-most)
	}
}

// printReport prints the verdicts of a task: each allowed call on one line, the others in
// full, and one token for all of them.
func printReport(d command.Deps, r temporal.Report) error {
	_ = d.Print("Temporal server %s\n", r.ServerVersion)
	for _, v := range r.Calls {
		if v.Allowed {
			_ = d.Print("%s  %s\n", answerText(d.OutStyles(), v), v.API)
			continue
		}
		v.Fix = ""
		if err := printVerdict(d, v); err != nil {
			return err
		}
	}
	if r.Fix == "" {
		return nil
	}
	return d.Print("%s\n%s", d.OutStyles().Bold("A token that would work for all"), fixCommand(d, r.Fix))
}

// printTable prints one line per API.
func printTable(d command.Deps, r temporal.Report) error {
	s := d.OutStyles()
	var b strings.Builder
	var allowed, undecided int
	for _, v := range r.Calls {
		switch {
		case v.Allowed:
			allowed++
		case v.Undecided != "":
			undecided++
		}
		role := cmp.Or(string(v.RequiredRole), "-")
		fmt.Fprintf(&b, "%s%s  %-5s  %-9s  %s\n", answerText(s, v), padding(v), role, v.Scope, v.API)
	}
	fmt.Fprintf(&b, "server %s: %d allowed, %d denied, %d undecided\n", r.ServerVersion, allowed, len(r.Calls)-allowed-undecided, undecided)
	return d.Print("%s", b.String())
}

// padding aligns the answers, which may be colored.
func padding(v temporal.Verdict) string {
	switch {
	case v.Allowed:
		return "  "
	case v.Undecided != "":
		return ""
	}
	return "   "
}

func scopeText(v temporal.Verdict) string {
	if v.Scope == temporal.ScopeNamespace {
		return "in the namespace or the cluster (" + temporal.SystemScope + ")"
	}
	return "in the cluster (" + temporal.SystemScope + ")"
}
