// Package authzcmd has the command authz, which decides about calls for other proxies.
package authzcmd

import (
	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/gateway"
)

const authzText = `Decide for other proxies: Envoy asks over gRPC (ext_authz, ext_proc), and nginx,
Caddy, Traefik, HAProxy and others over HTTP (forward-auth, --http). Verdicts, codes
and texts are those of jwtctl proxy.

A call that passes gets the caller's claims as _kalix-jwt-claim-* headers in place of
any that the client sent, and loses authorization where it was validated. A call that
does not pass is refused in gRPC's form if it is one of gRPC, and else with an HTTP
status and WWW-Authenticate.

By ext_proc, Envoy sends messages as well: requests are validated and filled in,
responses signed, each message of a stream on its own. Where only headers are seen,
a method that validates or signs messages is refused, unless --bearer-only says that
something else does that part, such as jwtctl proxy next to the service.

Keys, descriptors, certificates, CAs and jwtctl.yaml are read again when they change,
and at SIGHUP, by the rules of jwtctl proxy. The first line on stdout is printed when
questions are answered; logs go to stderr.

The proxy in front must refuse calls while this server cannot be reached.
docs/authz.md has the settings of each.`

const authzExample = `  jwtctl authz --listen 127.0.0.1:9001 --proto "proto/**/*.proto" --jwks https://example.com/jwks.json
  jwtctl authz --listen unix:/run/jwtctl/authz.sock --descriptor-set api.binpb --key public.pem
  jwtctl authz --listen 127.0.0.1:9001 --http 127.0.0.1:9002 --proto proto`

// Authz returns the command.
func Authz(d command.Deps) *cobra.Command {
	var o gateway.AuthzOptions
	cmd := &cobra.Command{
		Use:     "authz",
		Short:   "Decide for Envoy, nginx, Caddy, Traefik, HAProxy and others",
		Long:    authzText,
		Example: authzExample,
		Args:    command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return gateway.RunAuthz(cmd.Context(), d, o)
		},
	}
	o.Register(cmd.Flags())
	return cmd
}
