package tokencmd

import (
	"time"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/rotate"
	"github.com/jwtctl/jwtctl/internal/temporal"
	"github.com/jwtctl/jwtctl/internal/token"
)

// signer returns the key to sign with: the active one of --key-dir, or the one selected
// by the key flags.
func (o tokenOptions) signer(d command.Deps) (*keys.Key, error) {
	if o.dir == "" {
		key, err := o.keys.Signer(d, o.issuer)
		return key, input.HintForDefaultKey(err, o.keyHint())
	}
	if o.keys.Named() || o.keys.KeyID != "" {
		return nil, fault.New(fault.UsageError, "--key-dir", "cannot be combined with --key or --kid: the active key of the directory signs")
	}
	key, err := rotate.Signer(o.dir)
	if err != nil {
		return nil, err
	}
	pinned, err := o.keys.Pin([]*keys.Key{key})
	if err != nil {
		return nil, err
	}
	return pinned[0], nil
}

// keyHint returns how to name the key if there is none: servers would not know a new one.
func (o tokenOptions) keyHint() string {
	who := "a Temporal server accepts"
	if o.plain {
		who = "a service accepts"
	}
	return who + " only tokens signed by a key of its key set: pass that key with --key FILE, such as the " + input.DefaultKeyFile +
		" in the directory where jwtctl serve runs. If you have no key yet, run jwtctl keygen, then jwtctl serve for the server to read it"
}

// minted is a token with related facts.
type minted struct {
	compact string
	claims  []byte
	key     *keys.Key
	// expires is zero for never, notBefore for at once.
	expires, notBefore time.Time
}

// parts returns what the token consists of, or the error of a flag. It reads nothing.
func (o tokenOptions) parts(d command.Deps, now time.Time) (token.Request, jws.HeaderOptions, error) {
	request, err := o.request(d.Settings, now)
	if err != nil {
		return request, jws.HeaderOptions{}, err
	}
	header, err := o.header()
	if err != nil {
		return request, header, err
	}
	return request, header, o.tokenForm.check()
}

// mint makes a token with the current keys.
func mint(d command.Deps, o tokenOptions, now time.Time) (minted, error) {
	request, header, err := o.parts(d, now)
	if err != nil {
		return minted{}, err
	}
	claims, err := token.Claims(request)
	if err != nil {
		return minted{}, o.withLifetime(withFlags(err))
	}
	made, err := jws.CheckClaims(claims)
	if err != nil {
		return minted{}, err
	}
	if o.methodToken != nil {
		if err := o.methodToken.Check(made); err != nil {
			return minted{}, err
		}
	}
	if iss, err := made.Issuer(); err == nil && iss != nil {
		o.issuer = *iss // whatever set it, it selects the key (S89)
	}
	key, err := o.signer(d)
	if err != nil {
		return minted{}, err
	}
	if rules := key.Rules(); o.methodToken != nil && !o.rulesApplied && !rules.IsZero() {
		return mint(d, o.withRules(rules, made), now)
	}
	if !o.plain {
		if err := temporal.CheckAlgorithm(key.Algorithm()); err != nil {
			return minted{}, command.AsUsage(err, "--key")
		}
	}
	compact, err := jws.SignHeader(key, claims, header)
	if err != nil {
		return minted{}, err
	}
	if err := o.checkRules(compact, key, now); err != nil {
		return minted{}, err
	}
	m := minted{compact: compact, claims: claims, key: key}
	if m.notBefore, err = made.NotBefore(); err != nil {
		return minted{}, err
	}
	m.expires, err = made.Expiry()
	return m, err
}
