package temporalcmd

import (
	"context"
	"strings"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

// serverFlags say how the server is set up.
type serverFlags struct {
	version  string
	jwks     []string
	keys     []string
	network  input.NetworkFlags
	audience string
	claim    string
	regex    string
	header   string
}

func (f *serverFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.version, "server-version", temporal.Newest().Version, "release `V` of the server, such as 1.30 or 1.30.8")
	fs.StringArrayVar(&f.jwks, "jwks", nil, "key set that the server reads, `FILE|URL`; repeatable")
	fs.StringArrayVar(&f.keys, "key", nil, "key `FILE` that the server would have; repeatable")
	f.network.Register(fs)
	fs.StringVar(&f.audience, "audience", "", "the server's configured audience, none by default")
	fs.StringVar(&f.claim, "permissions-claim", temporal.PermissionsClaim, "the server's permissionsClaimName")
	fs.StringVar(&f.regex, "permissions-regex", "", "the server's permissionsRegex, `PATTERN` with the groups namespace and role")
	fs.StringVar(&f.header, "auth-header", temporal.DefaultHeader, "the server's authHeaderName, `NAME` of the header that it reads")
	settings.Paths(fs, "key")
	settings.NamesKeys(fs, "key", "jwks")
}

// request returns the server's part of a request.
func (f serverFlags) request(ctx context.Context, d command.Deps) (temporal.Request, error) {
	release, err := temporal.ParseRelease(f.version)
	if err != nil {
		return temporal.Request{}, command.AsUsage(err, "--server-version")
	}
	format := temporal.ReadPermissionFormat(f.regex)
	if format.Problem != "" {
		d.Warn("--permissions-regex: %s; the server logs so at its start, and reads NAMESPACE:ROLE", format.Problem)
	}
	held, err := f.serverKeys(ctx, d, release)
	if err != nil {
		return temporal.Request{}, err
	}
	r := temporal.Request{Release: release, HeaderName: f.header, Keys: held, Audience: f.audience, Claim: f.claim, Format: format}
	if held != nil {
		r.Signers = signersAtHand(d, f.keys)
	}
	return r, nil
}

// serverKeys returns the keys that the server would have, nil if they are not
// given. If only some sources can be read, the server has none, which is an
// answer; if none can, there is no answer.
func (f serverFlags) serverKeys(ctx context.Context, d command.Deps, release temporal.Release) (*temporal.KeySet, error) {
	var documents []temporal.Document
	var failure error
	for _, location := range f.jwks {
		doc := temporal.Document{Source: location}
		if strings.HasPrefix(location, "file://") {
			doc.Failure = release.SourceFailure(location)
		}
		if doc.Failure == nil {
			if doc.Body, doc.Failure = f.network.Read(ctx, d, location); doc.Failure != nil && failure == nil {
				failure = doc.Failure
			}
		}
		documents = append(documents, doc)
	}
	unread := 0
	for _, doc := range documents {
		if doc.Failure != nil {
			unread++
		}
	}
	if failure != nil && unread == len(documents) {
		return nil, failure
	}
	if len(f.keys) > 0 {
		list, err := input.ReadKeys(d, f.keys, false)
		if err != nil {
			return nil, input.WithKeyFileHint(err)
		}
		set, err := keys.PublicSet(list)
		if err != nil {
			return nil, err
		}
		documents = append(documents, temporal.Document{Source: strings.Join(f.keys, ", "), Body: set})
	}
	if documents == nil {
		return nil, nil
	}
	return temporal.ReadKeySet(documents...), nil
}

// signersAtHand returns the key that jwtctl token would sign with, and those of
// files that can sign. What cannot be read is not available.
func signersAtHand(d command.Deps, files []string) []temporal.Signer {
	var signers []temporal.Signer
	for _, p := range input.PlacesOf(d.Settings.Keys) {
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
