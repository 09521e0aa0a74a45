package idpcmd

import (
	"context"
	"strings"
	"time"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/idp"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/rotate"
	"github.com/jwtctl/jwtctl/internal/strictjson"
	"github.com/jwtctl/jwtctl/internal/temporal"
	"github.com/jwtctl/jwtctl/internal/token"
)

// provider returns the options from flags and jwtctl.yaml, without keys and issuer.
func (o options) provider(d command.Deps) (idp.Options, error) {
	if err := o.check(); err != nil {
		return idp.Options{}, err
	}
	made := idp.Options{
		AutoLogin: o.autoLogin, Audience: o.audiences, TTL: o.ttl, RefreshLeeway: o.reuse, Now: d.System.Now, Log: d.Logger(), Wait: wait,
	}
	var err error
	if made.Like, err = idp.ParseLike(o.like); err != nil {
		return made, err
	}
	if made.Users, err = o.allUsers(d.Settings.File); err != nil {
		return made, err
	}
	if made.Clients, err = o.allClients(d.Settings.File); err != nil {
		return made, err
	}
	if len(made.Users) == 0 {
		return made, fault.New(fault.UsageError, "--user", "no user is configured").WithHint("add --user NAME, or users under idp: in jwtctl.yaml")
	}
	for _, text := range o.faults {
		if err := addFault(&made, text); err != nil {
			return made, err
		}
	}
	return made, nil
}

// wait returns after t, or when ctx ends.
func wait(ctx context.Context, t time.Duration) error {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// addFault parses FAULT or CLIENT:FAULT.
func addFault(made *idp.Options, text string) error {
	i := strings.LastIndexByte(text, ':')
	f, err := idp.ParseFault(text[i+1:])
	if err != nil {
		return err
	}
	if i < 0 {
		made.Faults = append(made.Faults, f)
		return nil
	}
	for j := range made.Clients {
		if c := &made.Clients[j]; c.ID == text[:i] {
			c.Faults = append(c.Faults, f)
			return nil
		}
	}
	return fault.New(fault.UsageError, "--fault", "unknown client %q", quote.Shorten(text[:i]))
}

// allUsers returns the users of the flags, then those of the file.
func (o options) allUsers(file *config.File) ([]idp.User, error) {
	claims, err := o.userClaims()
	if err != nil {
		return nil, err
	}
	if len(o.users) != 1 && len(o.permissions)+len(claims) > 0 {
		flag := "--claim"
		if len(o.permissions) > 0 {
			flag = "--permission"
		}
		return nil, fault.New(fault.UsageError, flag, "needs exactly one --user (got %d)", len(o.users)).
			WithHint("with several users, set the claims and permissions of each under idp: in jwtctl.yaml")
	}
	var list []idp.User
	for _, name := range o.users {
		if strings.TrimSpace(name) == "" {
			return nil, fault.New(fault.UsageError, "--user", "must not be empty")
		}
		granted, err := permissions(o.permissions)
		if err != nil {
			return nil, command.AsUsage(err, "--permission")
		}
		list = append(list, idp.User{Name: name, Claims: append(granted, claims...)})
	}
	for i, e := range file.Users {
		granted, err := permissions(e.Permissions)
		if err != nil {
			return nil, config.AsFault(command.AsUsage(err, "permissions"), file.UserPosition(i))
		}
		list = append(list, idp.User{Name: e.Name, Claims: append(granted, e.Claims...), Roles: e.Roles, Groups: e.Groups})
	}
	return list, nil
}

// userClaims returns those of --claim and --claim-json.
func (o options) userClaims() (list []token.Claim, err error) {
	for _, of := range []struct {
		flag   string
		values []string
		parse  func(name, value string) (token.Claim, error)
	}{{"--claim", o.claims, token.TextClaim}, {"--claim-json", o.jsonClaims, token.ParseClaim}} {
		claims, err := input.NamedClaims(of.flag, of.values, of.parse)
		if err != nil {
			return nil, command.AsUsage(err, of.flag)
		}
		list = append(list, claims...)
	}
	return list, nil
}

// permissions returns the claim that a Temporal server reads, or none for an empty list.
func permissions(list []string) ([]token.Claim, error) {
	if len(list) == 0 {
		return nil, nil
	}
	text := strings.Builder{}
	for i, one := range list {
		p, err := temporal.ParsePermission(one)
		if err != nil {
			return nil, err
		}
		text.WriteString(map[bool]string{true: "[", false: ","}[i == 0])
		text.Write(strictjson.Quote(p.String()))
	}
	c, err := token.ParseClaim(temporal.PermissionsClaim, text.String()+"]")
	return []token.Claim{c}, err
}

// allClients returns the clients of the flags, which share --redirect, then
// those of the file.
func (o options) allClients(file *config.File) ([]idp.Client, error) {
	if len(o.redirects) > 0 && len(o.clients) == 0 {
		return nil, fault.New(fault.UsageError, "--redirect", "needs a --client")
	}
	var list []idp.Client
	for _, text := range o.clients {
		id, secret, found := strings.Cut(text, ":")
		if found && secret == "" {
			return nil, fault.New(fault.UsageError, "--client", "the secret of %q is empty", quote.Shorten(id)).
				WithHint("for a client without a secret, leave out the colon")
		}
		list = append(list, idp.Client{ID: id, Secret: secret, Redirects: o.redirects})
	}
	for i, e := range file.Clients {
		c := idp.Client{ID: e.ID, Secret: e.Secret, Redirects: e.Redirects, Audience: e.Audiences}
		granted, err := permissions(e.Permissions)
		if err != nil {
			return nil, config.AsFault(command.AsUsage(err, "permissions"), file.ClientPosition(i))
		}
		c.Claims = append(granted, e.Claims...)
		for _, name := range e.Faults {
			f, err := idp.ParseFault(name)
			if err != nil {
				return nil, config.AsFault(err, file.ClientPosition(i))
			}
			c.Faults = append(c.Faults, f)
		}
		list = append(list, c)
	}
	return list, nil
}

// ring returns the keys to sign with: the given ones, or else a new one. inputs are the
// files read.
func (o options) ring(d command.Deps) (ring *idp.KeyRing, inputs []string, err error) {
	var active func() (*keys.Key, error)
	var source input.SetSource
	switch {
	case o.dir == "" && !o.keys.Named() && len(d.Settings.ConfiguredKeys()) == 0:
		alg := keys.RS256 // the one that every client of OpenID Connect knows
		if o.keys.Alg != "" {
			if alg, err = input.ParseAlgorithm(o.keys.Alg); err != nil {
				return nil, nil, err
			}
		}
		key, err := keygen.Generate(keygen.Request{Algorithm: alg, ID: o.keys.KeyID})
		if err != nil {
			return nil, nil, err
		}
		source.Load = func() ([]*keys.Key, error) { return []*keys.Key{key}, nil }
	default:
		source = input.NewSetSource(d, o.keys, o.dir)
	}
	if o.dir != "" && !o.keys.Named() {
		active = func() (*keys.Key, error) {
			key, err := rotate.Signer(o.dir)
			if err != nil {
				return nil, err
			}
			list, err := o.keys.Pin([]*keys.Key{key})
			if err != nil {
				return nil, err
			}
			return list[0], nil
		}
	}
	var load jwks.Load = source.Load
	ring, err = idp.NewKeyRing(load, active, d.Logger(), d.System.Now)
	return ring, source.Inputs, err
}
