package keycmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/rotate"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const rotateText = `Take every rotation step that is due for a directory of keys. Run it as often as
you like, for example from cron: it does nothing until a step is due.

A new key is published first, and signs only after --publish-wait, once every
server has fetched it. The old key is then retired: it stays published for
--max-token-life, until the last token that it signed has expired, and is then
removed. jwtctl serve --key-dir publishes the keys, and jwtctl token --key-dir
signs with the active one. The file rotation.json, next to the keys, records
which key is active.

Keys in an agent, certificates and public keys cannot be rotated: jwtctl cannot
make or remove them. Make the new key where the old one is, pass both to jwtctl
serve with --key, and drop the old one when its last token has expired.`

type rotateOptions struct {
	dir          string
	alg          string
	every        time.Duration
	publishWait  time.Duration
	maxTokenLife time.Duration
	force        bool
	at           string
	format       string
}

// Rotate returns the command.
func Rotate(d command.Deps) *cobra.Command {
	var o rotateOptions
	cmd := &cobra.Command{
		Use:     "rotate --key-dir DIR",
		Short:   "Rotate the keys in a directory, one safe step at a time",
		Long:    rotateText,
		Example: "  jwtctl rotate --key-dir keys\n  jwtctl rotate --key-dir keys --now --publish-wait 5m",
		Args:    command.NoArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runRotate(cmd.Context(), d, o) },
	}
	fs := cmd.Flags()
	fs.StringVar(&o.dir, "key-dir", "", "`DIR` with the keys; created if missing")
	fs.StringVar(&o.alg, "alg", "ES256", "`ALGORITHM` of new keys")
	fs.DurationVar(&o.every, "every", 30*24*time.Hour, "age of the active key at which a new one is made; 0s for never")
	fs.DurationVar(&o.publishWait, "publish-wait", 10*time.Minute, "how long a new key is published before it signs; must exceed the servers' refresh interval")
	fs.DurationVar(&o.maxTokenLife, "max-token-life", 24*time.Hour, "how long a retired key stays published; at least the longest --ttl of any token")
	fs.BoolVar(&o.force, "now", false, "make a new key now, regardless of the age of the active key")
	settings.ChoiceVar(fs, &o.format, "format", "text", "report `FORMAT`: text or json", "text", "json")
	command.AtFlag(fs, &o.at)
	settings.Paths(fs, "key-dir")
	settings.FlagOnly(fs, "now", "at")
	settings.Keyed(fs, "rotate")
	return cmd
}

func runRotate(ctx context.Context, d command.Deps, o rotateOptions) error {
	now, err := d.Clock(o.at)
	if err != nil {
		return err
	}
	alg, err := input.ParseAlgorithm(o.alg)
	if err != nil {
		return err
	}
	switch {
	case o.dir == "":
		return fault.New(fault.UsageError, "--key-dir", "is required").WithHint("name the directory, such as --key-dir keys")
	}
	policy := rotate.Policy{Every: o.every, PublishWait: o.publishWait, MaxTokenLife: o.maxTokenLife, Force: o.force}
	if err := policy.Check(); err != nil {
		return err
	}
	if isSecret(alg) {
		return fault.New(fault.UsageError, "--alg", "%s makes a shared secret, which is never published", alg).WithHint("use --alg ES256 for a key pair")
	}
	if err := files.MakeFolder(o.dir); err != nil {
		return err
	}
	r := rotate.Rotation{
		Folder:    o.dir,
		Policy:    policy,
		Algorithm: alg,
		Make:      func(alg keys.Algorithm) (*keys.Key, error) { return keygen.Generate(keygen.Request{Algorithm: alg}) },
		Now:       now,
	}
	steps, state, err := r.Run()
	for _, step := range steps {
		if step.Action == rotate.Make {
			warnNotIgnoredBy(ctx, d, r.FileOf(step.KeyID), "/"+rotate.KeyFiles)
		}
	}
	if err != nil {
		return err
	}
	return renderRotate(d, o, steps, state)
}

// renderRotate prints what was done and what comes next.
func renderRotate(d command.Deps, o rotateOptions, steps []rotate.Step, s rotate.State) error {
	if o.format == "json" {
		type action struct {
			Action string `json:"action"`
			KeyID  string `json:"kid"`
		}
		report := struct {
			Actions []action     `json:"actions"`
			State   rotate.State `json:"state"`
		}{Actions: []action{}, State: s}
		for _, step := range steps {
			report.Actions = append(report.Actions, action{string(step.Action), step.KeyID})
		}
		return d.PrintJSON(report)
	}
	for _, step := range steps {
		_ = d.Print("%-9s %s\n", step.Action, step.KeyID)
	}
	if s.Active != nil {
		_ = d.Print("active    %s since %s\n", s.Active.KeyID, formatTime(s.Active.Since))
	}
	if s.Next != nil && s.Next.SignsFrom != nil {
		_ = d.Print("next      %s from %s\n", s.Next.KeyID, formatTime(*s.Next.SignsFrom))
	}
	for _, old := range s.Retired {
		_ = d.Print("retired   %s until %s\n", old.KeyID, formatTime(old.RemoveAfter))
	}
	return nil
}

// formatTime formats a time for scripts and people.
func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
