package toolcmd

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/keys"
)

type configCheckOptions struct {
	format string
	online bool
}

func runConfigCheck(cmd *cobra.Command, d command.Deps, o *configCheckOptions, args []string) error {
	path, found, err := d.Settings.Find(cmd)
	if len(args) == 1 {
		path, found, err = args[0], false, nil
	}
	if err != nil {
		return err
	}
	if path == "" {
		return fault.New(fault.UsageError, config.Name, "not found in this or a parent directory").WithHint("create one with jwtctl init")
	}
	file, wrong := config.Read(path, found)
	if wrong != nil {
		file = &config.File{}
	}
	if err := d.Settings.Apply(cmd, file); err != nil {
		return err
	}
	r := &configReport{File: path, Keys: []configKey{}, KeySets: []configSet{}, Messages: []configMessages{}, Problems: []configProblem{}}
	if wrong != nil {
		r.fail("", wrong)
	} else {
		checkConfig(cmd.Context(), d, r, o.online)
	}
	r.OK = len(r.faults) == 0
	if o.format == "json" {
		return errors.Join(d.PrintJSON(r), exitError(r.faults))
	}
	return errors.Join(printConfigReport(d, r), errors.Join(r.faults...))
}

// exitError returns the exit code for faults that were already printed: that of the most
// severe.
func exitError(faults []error) error {
	var gravest error
	for _, f := range faults {
		if gravest == nil || fault.ClassOf(f) > fault.ClassOf(gravest) {
			gravest = f
		}
	}
	if gravest == nil {
		return nil
	}
	return console.NegativeAnswer{Code: fault.CodeOf(gravest)}
}

// checkConfig opens everything that a.config names.
func checkConfig(ctx context.Context, d command.Deps, r *configReport, online bool) {
	checkConfigLeeway(d, r)
	checkConfigKeys(ctx, d, r, online)
	p := checkConfigPolicy(ctx, d, r)
	for i, e := range d.Settings.Messages {
		where := d.Settings.MessagePosition(i)
		m := configMessages{Files: e.Files, Method: e.Method, Type: e.Type}
		if _, err := os.Stat(e.Files); err == nil {
			m.Matched = 1
		} else if files.IsPattern(e.Files) {
			base, pattern := files.SplitPattern(e.Files)
			found, passed, _ := files.FindAll(base, pattern, fault.FileFailed)
			input.WarnPassed(d, e.Files, passed)
			m.Matched = len(found)
		}
		r.Messages = append(r.Messages, m)
		if m.Matched == 0 {
			d.Warn("%s: %s matches no file", where, e.Files)
		}
		if p == nil {
			continue
		}
		var err error
		if e.Method != "" {
			_, err = p.Method(e.Method)
		} else {
			_, err = p.Message(e.Type)
		}
		if f, ok := errors.AsType[*fault.Error](err); ok { // about a flag that was not set
			r.fail(where, fault.New(fault.ConfigInvalid, where, "%s", f.Reason).WithHint("%s", f.Hint))
		}
	}
}

func checkConfigKeys(ctx context.Context, d command.Deps, r *configReport, online bool) {
	var all []*keys.Key
	for i, place := range (&input.KeyFlags{}).Sources(d) {
		if len(d.Settings.Keys) == 0 {
			break // the default key is not named in the file
		}
		e := d.Settings.Keys[i]
		where := d.Settings.KeyPosition(i)
		if place.Secret != nil {
			if text, set := d.System.Getenv(e.Secret); !set || text == "" {
				d.Warn("%s: variable %s is not set, so this key was not checked", where, e.Secret)
				continue
			}
		}
		list, err := place.Read(d, false)
		if err != nil {
			r.fail(where, err)
			continue
		}
		all = append(all, list...)
		for _, k := range list {
			r.Keys = append(r.Keys, configKey{k.ID(), string(k.Algorithm()), k.Issuer(), k.Source(), k.CanSign(), k.Rules().OrNil()})
		}
	}
	if _, err := keys.NewRing(all); err != nil {
		r.fail(d.Settings.Path+": keys", err)
	}
	flags := &input.SetFlags{}
	for i, e := range d.Settings.KeySets {
		where := d.Settings.KeySetPosition(i)
		set, err := flags.Open(d, e, nil)
		if err != nil {
			r.fail(where, config.AsFault(err, where))
			continue
		}
		found := configSet{Issuer: e.Issuer, From: e.Shown(), Rules: e.Rules.OrNil()}
		if e.OIDCDiscovery {
			found.From = "OpenID configuration of " + e.Issuer
		}
		if !e.IsRemote() || online {
			held, err := set.Keys(ctx, "")
			if err != nil {
				r.fail(where, err)
			}
			n := len(held)
			found.Keys = &n
		}
		r.KeySets = append(r.KeySets, found)
	}
}
