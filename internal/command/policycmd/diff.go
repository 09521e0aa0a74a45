package policycmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/build"
	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/diff"
	"github.com/jwtctl/jwtctl/internal/discover"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/input/policies"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/report"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const diffText = `Compare the JWT policy of two versions of the descriptors, and exit 1 if it
became weaker: a method that no longer validates, one more accepted issuer, a
claim that is no longer compared, a longer expiry, and so on. Each change is
printed with the position of its annotation and what an attacker could gain. A
change that cannot be decided (such as two patterns with no distinguishing
example) counts as weaker.

PATH is the new version, as for lint; the default is the files listed in
jwtctl.yaml or, without any, every file under the current directory that is
annotated in either version. --against is the old version: a directory of .proto
files, a .proto file, a descriptor set or Buf image, or git:REV for the same
paths in that branch, tag or commit.

--format html writes a self-contained page that shows both versions of each
change side by side, the most serious first.

--allow FILE is a JSON array of accepted changes, each with an end date. The
hint printed with a change is its entry, except for reason and until.

  [{"kind": "issuer-added", "subject": "shop.v1.Orders/Place", "what": "partner",
    "reason": "the partner signs orders from July", "until": "2026-12-31"}]`

const diffExample = `  jwtctl diff --against git:origin/main
  jwtctl diff --against released.binpb proto --format github
  jwtctl diff --against git:v1.4.0 --allow policy-changes.json
  jwtctl diff --against git:main --format html -o changes.html`

type diffOptions struct {
	protos  policies.ProtoFlags
	against string
	allow   string
	format  string
	out     string
	rules   bool
}

// Diff returns the command.
func Diff(d command.Deps) *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:     "diff --against FILE|DIR|git:REV [PATH…]",
		Short:   "Report where a policy became weaker between two versions",
		Long:    diffText,
		Example: diffExample,
		Args:    policies.PathArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDiff(cmd.Context(), d, o)
		},
	}
	fs := cmd.Flags()
	o.protos.Register(fs)
	fs.StringVar(&o.against, "against", "", "the old version: `FILE|DIR|git:REV`")
	fs.StringVar(&o.allow, "allow", "", "JSON `FILE` with accepted changes")
	settings.ChoiceVar(fs, &o.format, "format", "text", "output `FORMAT`: "+strings.Join(diffFormats(), ", "), diffFormats()...)
	fs.StringVarP(&o.out, "out", "o", "", "write to `FILE` instead of stdout")
	fs.BoolVar(&o.rules, "rules", false, "list the kinds of changes and exit")
	settings.Paths(fs, "allow")
	settings.Outputs(fs, "out")
	settings.FlagOnly(fs, "rules")
	settings.Keyed(fs, "diff")
	return cmd
}

func runDiff(ctx context.Context, d command.Deps, o diffOptions) error {
	if o.rules {
		return report.Rules(d, diff.Rules(), o.format, o.out)
	}
	if o.against == "" {
		return fault.New(fault.UsageError, "--against", "is required").WithHint("add the old version, such as --against git:origin/main, or its directory or descriptor set")
	}
	allow, err := readAllow(o.allow)
	if err != nil {
		return err
	}
	now, old, err := loadBoth(ctx, d, o)
	if err != nil {
		return err
	}
	changes, err := diff.Compare(policy.Read(old.set), policy.Read(now))
	if err != nil {
		return o.invalid(err, old)
	}
	if old.config != nil {
		changes = diff.WithRules(changes, policies.IssuerRules(old.config), policies.IssuerRules(d.Settings.File))
		changes = diff.WithChecks(changes, policies.ChecksOf(old.config), policies.ChecksOf(d.Settings.File))
	}
	changes, expired, unused := allow.Apply(changes, d.System.Now())
	for _, e := range expired {
		d.Warn("%s: expired on %s: %s", o.allow, e.Until, e)
	}
	for _, e := range unused {
		d.Warn("%s: matches no change; remove it: %s", o.allow, e)
	}
	found := diff.Findings(changes, old.name)
	for i := range found {
		found[i].Pos.File = old.repositoryPath(found[i].Pos.File)
	}
	made := finding.Report{Tool: "jwtctl", Version: build.Version(), Rules: diff.Rules(), Findings: found}
	inputs := append(append(o.protos.Inputs(now), o.allow), o.protos.Inputs(old.set)...)
	if o.format == "html" {
		err = writeDiffPage(d, o, old, now, changes, inputs)
	} else {
		err = report.Write(d, made, o.format, o.out, inputs)
	}
	if err != nil {
		return err
	}
	d.Info("%s", changeSummary(changes))
	if slices.ContainsFunc(changes, diff.Change.Fails) {
		return console.NegativeAnswer{Code: fault.PolicyFaulty}
	}
	return nil
}

// invalid returns the error for versions that cannot be compared.
func (o diffOptions) invalid(err error, old *oldVersion) error {
	var invalid *diff.InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	if !invalid.Old {
		return invalid.Err
	}
	return fault.Map(invalid.Err, func(f *fault.Error) error {
		return &fault.Error{Code: f.Code, What: "--against " + o.against, Reason: "the old version has lint errors, so it never ran: " + old.withRevision(f.Error()), Hint: "compare with a version without errors"}
	})
}

func readAllow(path string) (diff.Allow, error) {
	if path == "" {
		return nil, nil
	}
	data, err := files.Read(path, config.MaxBytes, fault.ConfigInvalid)
	if err != nil {
		return nil, err
	}
	allow, err := diff.ReadAllow(data)
	if f, ok := errors.AsType[*fault.Error](err); ok {
		what := path
		if f.What != "" {
			what += ": " + f.What
		}
		return nil, f.About(what)
	}
	return allow, err
}

// oldVersion is the version given by --against.
type oldVersion struct {
	set *descset.Set
	// dir is the folder into which it was extracted, or ""; source is what to call it,
	// and top the folder whose content it is.
	dir, source, top string
	// names are the declared names in its annotated files, and annotated their paths;
	// only if no paths were given.
	names, annotated []string
	// found is what was read of a folder; only if no paths were given.
	found discover.Selection
	// missingModules are the submodules whose commits git does not have.
	missingModules []string
	// config is its jwtctl.yaml, or nil if it is missing or unreadable.
	config *config.File
}

// readConfig reads the old version's jwtctl.yaml at path, if it exists. If it cannot be
// read, it is not compared.
func (v *oldVersion) readConfig(d command.Deps, path string) {
	if _, err := os.Stat(path); err != nil || d.Settings.Path == "" {
		return
	}
	f, err := config.Read(path, false)
	if err != nil {
		d.Warn("%s of the old version cannot be read, so its rules for issuers are not compared: %s", filepath.Base(path), quote.Printable(v.withRevision(err.Error())))
		return
	}
	v.config = f
}

// withRevision replaces the folder into which a revision was extracted by the revision.
func (v *oldVersion) withRevision(text string) string {
	if v.dir == "" {
		return text
	}
	return strings.ReplaceAll(text, v.dir+string(os.PathSeparator), v.source+":")
}

func (v *oldVersion) name(at descset.Position) string { return v.withRevision(at.String()) }

// repositoryPath returns the path in the repository of a file of the old version, for reports.
func (v *oldVersion) repositoryPath(path string) string {
	inside, ok := strings.CutPrefix(path, v.dir+string(os.PathSeparator))
	if v.dir == "" || !ok {
		return path
	}
	return filepath.Join(v.top, inside)
}

// changeSummary returns the number of changes in words.
func changeSummary(changes []diff.Change) string {
	counts, accepted := map[diff.Direction]int{}, 0
	for _, c := range changes {
		if c.Accepted != nil {
			accepted++
			continue
		}
		counts[c.Direction]++
	}
	var parts []string
	for _, d := range []diff.Direction{diff.Weaker, diff.Unknown, diff.Stronger, diff.Neutral} {
		if counts[d] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[d], d))
		}
	}
	if accepted > 0 {
		parts = append(parts, fmt.Sprintf("%d accepted", accepted))
	}
	if parts == nil {
		return "no policy changes"
	}
	return strings.Join(parts, ", ")
}
