// Package rotate gives a Temporal SDK client a bearer token that never runs out. Tokens are made here, from the private
// key, and replaced before they expire; the key file is read again each time, so a rotated key reaches a running worker.
//
// The token carries only what a Temporal server needs: permissions, sub and exp. It has no iat, because a server whose
// clock is a little behind would refuse it until it catches up.
package rotate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// MinTTL is the shortest life of a token. exp counts whole seconds, so a shorter one could be gone on arrival.
const MinTTL = 2 * time.Second

// retryAfter spaces the attempts to make a new token while the old one still holds.
const retryAfter = time.Second

// Config says what tokens to make. KeyFile and Permissions are required.
type Config struct {
	// KeyFile is a PKCS#8 PEM file with an EC P-256 or an RSA private key.
	KeyFile string
	// KeyID is the token's kid; empty means the RFC 7638 SHA-256 thumbprint of the key.
	KeyID string
	// Permissions are the token's roles, NAMESPACE:ROLE each.
	Permissions []string
	// Subject is the token's sub, which a Temporal server insists on; empty means "jwtctl-example".
	Subject string
	// TTL is a token's life, at least MinTTL; 0 means 10 minutes.
	TTL time.Duration

	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Renewed, if not nil, is called with every new token. It must not call the Provider.
	Renewed func(keyID string, expires time.Time)
	// Failed, if not nil, is called with the error if a new token could not be made while
	// the old one is still valid.
	Failed func(error)
}

// Provider caches a token and renews it when less than a third of its life is left. It is an SDK
// client.Options.HeadersProvider, safe for concurrent use.
type Provider struct {
	config Config

	mu      sync.Mutex
	token   string
	renew   time.Time // from here on a new token is due
	expires time.Time // from here on the old one is of no use
}

// New returns a Provider that holds its first token already, so that an unusable key is an error here and not later.
func New(config Config) (*Provider, error) {
	if config.Subject == "" {
		config.Subject = "jwtctl-example"
	}
	if config.TTL == 0 {
		config.TTL = 10 * time.Minute
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	switch {
	case config.KeyFile == "":
		return nil, errors.New("no private key file")
	case len(config.Permissions) == 0:
		return nil, errors.New("no permissions: a Temporal server would refuse every call")
	case config.TTL < MinTTL:
		return nil, fmt.Errorf("token life %s: want at least %s", config.TTL, MinTTL)
	}
	p := &Provider{config: config}
	if err := p.makeToken(config.Now()); err != nil {
		return nil, err
	}
	return p, nil
}

// GetHeaders returns the Authorization header of one request. It fails only when there is no valid token any more.
func (p *Provider) GetHeaders(context.Context) (map[string]string, error) {
	token, err := p.current()
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

func (p *Provider) current() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.config.Now()
	if now.Before(p.renew) {
		return p.token, nil
	}
	err := p.makeToken(now)
	switch {
	case err == nil:
		return p.token, nil
	case now.Before(p.expires):
		// The key file may be being replaced just now: the old token still does.
		p.renew = now.Add(retryAfter)
		if p.config.Failed != nil {
			p.config.Failed(err)
		}
		return p.token, nil
	default:
		return "", fmt.Errorf("token expired, and making a new one failed: %w", err)
	}
}

// makeToken reads the key and replaces the token, or leaves all as it is.
func (p *Provider) makeToken(now time.Time) error {
	key, err := loadKey(p.config.KeyFile, p.config.KeyID)
	if err != nil {
		return err
	}
	expires := now.Add(p.config.TTL).Truncate(time.Second)
	token := jwt.NewWithClaims(key.method, jwt.MapClaims{
		"permissions": p.config.Permissions,
		"sub":         p.config.Subject,
		"exp":         expires.Unix(),
	})
	token.Header["kid"] = key.keyID
	signed, err := token.SignedString(key.private)
	if err != nil {
		return fmt.Errorf("sign token: %w", err)
	}
	p.token, p.expires = signed, expires
	p.renew = expires.Add(-expires.Sub(now) / 3)
	if p.config.Renewed != nil {
		p.config.Renewed(key.keyID, expires)
	}
	return nil
}
