// Package connect is what the worker and the starter share: their flags, and the client those lead to. Its tokens allow
// reading and writing the namespace "default" and nothing else, whatever namespace the client asks for.
package connect

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/jwtctl/jwtctl/examples/temporal/rotate"
)

// Flags say which server to talk to and with which tokens.
type Flags struct {
	Address   string
	Namespace string
	KeyFile   string
	KeyID     string
	TokenTTL  time.Duration
}

// Register binds the flags to a flag set.
func (f *Flags) Register(flags *flag.FlagSet) {
	flags.StringVar(&f.Address, "address", client.DefaultHostPort, "`HOST:PORT` of the Temporal frontend")
	flags.StringVar(&f.Namespace, "namespace", client.DefaultNamespace, "namespace to use; the tokens are only valid for default")
	flags.StringVar(&f.KeyFile, "key", "key.priv.pem", "private key `FILE` (PKCS#8 PEM, EC P-256 or RSA)")
	flags.StringVar(&f.KeyID, "kid", "", "key `ID` of the tokens (default: the key's RFC 7638 thumbprint)")
	flags.DurationVar(&f.TokenTTL, "token-ttl", 10*time.Minute, "token lifetime; a new token is made when a third of it is left")
}

// Dial returns a client whose every request carries a fresh token. New tokens are reported to the logger, without the
// token itself.
func (f *Flags) Dial(ctx context.Context, logger *slog.Logger) (client.Client, error) {
	tokens, err := rotate.New(rotate.Config{
		KeyFile:     f.KeyFile,
		KeyID:       f.KeyID,
		Permissions: []string{"default:read", "default:write"},
		TTL:         f.TokenTTL,
		Renewed: func(keyID string, expires time.Time) {
			logger.Info("new token", "kid", keyID, "expires", expires.Format(time.RFC3339))
		},
		Failed: func(err error) { logger.Warn("making a new token failed, keeping the old one", "error", err) },
	})
	if err != nil {
		return nil, fmt.Errorf("%w\nhint: set --key to the file that jwtctl gen-and-serve or keygen wrote", err)
	}
	c, err := client.DialContext(ctx, client.Options{
		HostPort:        f.Address,
		Namespace:       f.Namespace,
		HeadersProvider: tokens,
		Logger:          log.NewStructuredLogger(logger),
	})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", f.Address, err)
	}
	return c, nil
}
