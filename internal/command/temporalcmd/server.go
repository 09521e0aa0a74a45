package temporalcmd

import (
	"context"
	"strings"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/serverconfig"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

// serverFlags describe the server's setup.
type serverFlags struct {
	config   []string
	given    func(flag string) bool
	version  string
	jwks     []string
	keys     []string
	network  input.NetworkFlags
	audience string
	claim    string
	regex    string
	header   string

	fromConfig bool // jwks are the server's own URIs
}

// ReadConfig reads a server's setup.
func ReadConfig(names []string) (*serverconfig.Config, error) {
	var inputs []serverconfig.Input
	open := func(name string) ([]byte, error) { return files.Read(name, 1<<20, fault.FileFailed) }
	for _, name := range names {
		text, err := open(name)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, serverconfig.Input{Name: name, Text: text})
	}
	return serverconfig.ReadWith(open, inputs...)
}

// with takes from a server's setup what flags do not set.
func (f serverFlags) with(d command.Deps, c *serverconfig.Config) (serverFlags, temporal.Request) {
	for flag, setting := range map[string]struct {
		to   *string
		from serverconfig.Value
	}{
		"permissions-claim": {&f.claim, c.ClaimName}, "permissions-regex": {&f.regex, c.Regex},
		"audience": {&f.audience, c.Audience}, "auth-header": {&f.header, c.AuthHeader},
	} {
		if setting.from.Text != "" && !f.given(flag) {
			*setting.to = setting.from.Text
		}
	}
	if _, err := temporal.ParseRelease(c.Version.Text); err == nil && c.Version.Text != "" && !f.given("server-version") {
		f.version = c.Version.Text
	}
	if !f.given("jwks") && !f.given("key") {
		f.fromConfig = true
		for _, source := range c.Sources {
			f.jwks = append(f.jwks, source.Text)
		}
	}
	if unset := c.Unset(); len(unset) > 0 {
		d.Warn("the template reads %s, which is not set: add the .env or compose file with another --server-config", strings.Join(unset, ", "))
	}
	return f, temporal.Request{NoAuthorizer: c.Authorizer.Text == "", NoClaimMapper: c.Authorizer.Text != "" && c.ClaimMapper.Text == ""}
}

func (f *serverFlags) register(fs *pflag.FlagSet) {
	f.given = fs.Changed
	fs.StringArrayVar(&f.config, "server-config", nil, "configuration `FILE` of the server: static YAML, Helm values, compose file or .env; repeatable")
	fs.StringVar(&f.version, "server-version", temporal.Newest().Version, "release `V` of the server, such as 1.30 or 1.30.8")
	fs.StringArrayVar(&f.jwks, "jwks", nil, "key set `FILE|URL` of the server; repeatable")
	fs.StringArrayVar(&f.keys, "key", nil, "key `FILE` of the server; repeatable")
	f.network.Register(fs)
	fs.StringVar(&f.audience, "audience", "", "`AUDIENCE` that the server is configured to require (default: none)")
	fs.StringVar(&f.claim, "permissions-claim", temporal.PermissionsClaim, "`NAME` of the claim with the permissions: the server's permissionsClaimName")
	fs.StringVar(&f.regex, "permissions-regex", "", "`PATTERN` with the groups namespace and role: the server's permissionsRegex")
	fs.StringVar(&f.header, "auth-header", temporal.DefaultHeader, "`NAME` of the header that the server reads: its authHeaderName")
	settings.Check(fs, "server-version", func(text string) error {
		_, err := temporal.ParseRelease(text)
		return err
	})
	settings.Paths(fs, "key", "server-config")
	settings.SelectsKeys(fs, "key", "jwks")
}

// request returns the server's part of a request.
func (f serverFlags) request(ctx context.Context, d command.Deps) (temporal.Request, error) {
	var r temporal.Request
	if len(f.config) > 0 {
		c, err := ReadConfig(f.config)
		if err != nil {
			return r, err
		}
		if c.Problem != nil {
			return r, fault.New(fault.FileFailed, c.Pos.String(), "the server would not start: %v", c.Problem)
		}
		f, r = f.with(d, c)
	}
	release, err := temporal.ParseRelease(f.version)
	if err != nil {
		return r, command.AsUsage(err, "--server-version")
	}
	format := temporal.ReadPermissionFormat(f.regex)
	if format.Problem != "" {
		d.Warn("--permissions-regex: %s; the server logs this at startup and falls back to NAMESPACE:ROLE", format.Problem)
	}
	f.set(&r, release)
	return r, f.setKeys(d, &r, f.fetch(ctx, d, release))
}

// set sets what needs no reading in r.
func (f serverFlags) set(r *temporal.Request, release temporal.Release) {
	r.Release, r.HeaderName, r.Audience, r.Claim, r.Format = release, f.header, f.audience, f.claim, temporal.ReadPermissionFormat(f.regex)
}

// fetch reads the key sets of --jwks, or the key sources in the server's setup.
func (f serverFlags) fetch(ctx context.Context, d command.Deps, release temporal.Release) []temporal.Document {
	var documents []temporal.Document
	for _, location := range f.jwks {
		doc := temporal.Document{Source: location, Failure: f.unsupported(release, location)}
		if doc.Failure == nil {
			doc = f.read(ctx, d, location)
		}
		documents = append(documents, doc)
	}
	return documents
}

// read returns the response of a key source. A server ignores the HTTP status: it drops all
// its keys for an error that is a JSON object, and keeps them for one that is not.
func (f serverFlags) read(ctx context.Context, d command.Deps, location string) temporal.Document {
	body, status, err := f.network.ReadWithErrors(ctx, d, location)
	doc := temporal.Document{Source: location, Body: body, Failure: err}
	if err != nil && status != 0 && doc.ReplacesKeys() {
		doc.Failure, doc.Status = nil, status
	}
	return doc
}

// unsupported returns why the server cannot read location, wherever it is.
func (f serverFlags) unsupported(release temporal.Release, location string) error {
	if f.fromConfig || strings.HasPrefix(location, "file:") {
		return release.SourceFailure(location)
	}
	return nil
}

// setKeys sets the keys that the server would have, nil if they are not given, and those
// to sign with. If only some sources can be read, the server has no keys, which is an
// answer; if none can, there is no answer.
func (f serverFlags) setKeys(d command.Deps, r *temporal.Request, documents []temporal.Document) error {
	var failure error
	unread := 0
	for _, doc := range documents {
		if doc.Failure == nil {
			continue
		}
		unread++
		if failure == nil && f.unsupported(r.Release, doc.Source) == nil {
			failure = doc.Failure
		}
	}
	if failure != nil && unread == len(documents) {
		return failure
	}
	if len(f.keys) > 0 {
		list, err := input.ReadKeys(d, f.keys, false)
		if err != nil {
			return input.WithKeyFileHint(err)
		}
		set, err := keys.PublicSet(list)
		if err != nil {
			return err
		}
		names := map[string]string{}
		for _, k := range list {
			names[k.ID()] = k.Source()
		}
		documents = append(documents, temporal.Document{Source: strings.Join(f.keys, ", "), Body: set, KeyNames: names})
	}
	if documents != nil || f.fromConfig {
		r.Keys, r.Signers = temporal.ReadKeySet(documents...), signersAtHand(d, f.keys)
	}
	return nil
}

// signersAtHand returns the key that jwtctl token would sign with, and those of files
// that can sign. Unreadable files are skipped.
func signersAtHand(d command.Deps, files []string) []temporal.Signer {
	var signers []temporal.Signer
	for _, p := range input.KeySourcesOf(d.Settings.Keys) {
		list, err := p.Read(d, false)
		if err != nil {
			continue
		}
		for _, k := range list {
			if k.CanSign() && len(signers) == 0 {
				signers = append(signers, temporal.Signer{Key: k})
			}
		}
	}
	for _, name := range files {
		list, err := input.ReadKeys(d, []string{name}, false)
		if err != nil {
			continue
		}
		for _, k := range list {
			if k.CanSign() {
				signers = append(signers, temporal.Signer{Key: k, Flags: []string{"--key", name}})
			}
		}
	}
	return signers
}
