package cli

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/settings"
)

type configCheckOptions struct {
	format string
	online bool
}

func (a *app) runConfigCheck(cmd *cobra.Command, o *configCheckOptions, args []string) error {
	path, found, err := a.Settings.Find(cmd)
	if len(args) == 1 {
		path, found, err = args[0], false, nil
	}
	if err != nil {
		return err
	}
	if path == "" {
		return fault.New(fault.UsageError, settings.Name, "is neither in the working folder nor above it").WithHint("jwtctl init writes one")
	}
	file, wrong := settings.Read(path, found)
	if wrong != nil {
		file = &settings.File{}
	}
	if err := a.Settings.Apply(cmd, file); err != nil {
		return err
	}
	r := &configReport{File: path, Keys: []configKey{}, KeySets: []configSet{}, Messages: []configMessages{}, Problems: []configProblem{}}
	if wrong != nil {
		r.fail("", wrong)
	} else {
		a.checkConfig(cmd.Context(), r, o.online)
	}
	r.OK = len(r.faults) == 0
	if o.format == "json" {
		return errors.Join(a.PrintJSON(r), answered(r.faults))
	}
	return errors.Join(a.printConfigReport(r), errors.Join(r.faults...))
}

// answered is the exit code of faults that the answer itself has told: that of
// the gravest.
func answered(faults []error) error {
	var gravest error
	for _, f := range faults {
		if gravest == nil || fault.ClassOf(f) > fault.ClassOf(gravest) {
			gravest = f
		}
	}
	if gravest == nil {
		return nil
	}
	return console.AnsweredNo{Code: fault.CodeOf(gravest)}
}

// checkConfig opens all that a.config names.
func (a *app) checkConfig(ctx context.Context, r *configReport, online bool) {
	a.checkConfigLeeway(r)
	a.checkConfigKeys(ctx, r, online)
	p := a.checkConfigPolicy(ctx, r)
	for i, e := range a.Settings.Messages {
		where := a.Settings.MessageAt(i)
		m := configMessages{Files: e.Files, Method: e.Method, Type: e.Type}
		if _, err := os.Stat(e.Files); err == nil {
			m.Matched = 1
		} else if files.IsPattern(e.Files) {
			base, pattern := files.SplitPattern(e.Files)
			found, passed, _ := files.FindAll(base, pattern, fault.FileFailed)
			a.warnPassed(e.Files, passed)
			m.Matched = len(found)
		}
		r.Messages = append(r.Messages, m)
		if m.Matched == 0 {
			a.Warn("%s: %s matches no file", where, e.Files)
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
		var f *fault.Error
		if errors.As(err, &f) { // of a flag that nobody gave
			r.fail(where, fault.New(fault.ConfigInvalid, where, "%s", f.Why).WithHint("%s", f.Hint))
		}
	}
}

func (a *app) checkConfigKeys(ctx context.Context, r *configReport, online bool) {
	var all []*keys.Key
	for i, place := range (&keyFlags{}).places(a) {
		if len(a.Settings.Keys) == 0 {
			break // the default key is not the file's
		}
		e := a.Settings.Keys[i]
		where := a.Settings.KeyAt(i)
		if place.secret != nil {
			if text, set := a.System.Getenv(e.Secret); !set || text == "" {
				a.Warn("%s: the variable %s is not set here: this key is not checked", where, e.Secret)
				continue
			}
		}
		list, err := place.read(a, false)
		if err != nil {
			r.fail(where, err)
			continue
		}
		all = append(all, list...)
		for _, k := range list {
			r.Keys = append(r.Keys, configKey{k.ID(), string(k.Algorithm()), k.Issuer(), k.Source(), k.CanSign()})
		}
	}
	if _, err := keys.NewRing(all); err != nil {
		r.fail(a.Settings.Path+": keys", err)
	}
	flags := &setFlags{}
	for i, e := range a.Settings.KeySets {
		where := a.Settings.KeySetAt(i)
		set, err := flags.open(a, e)
		if err != nil {
			r.fail(where, asConfigFault(err, where))
			continue
		}
		found := configSet{Issuer: e.Issuer, From: e.JWKS}
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
