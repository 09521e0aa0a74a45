// Package authzcmd has the command authz, which decides about calls for other proxies.
package authzcmd

import (
	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/gateway"
)

const authzText = `Authorize calls for other proxies: Envoy over gRPC (ext_authz, ext_proc); nginx,
Caddy, Traefik, HAProxy and others over HTTP (forward-auth, --http). authz
decides as jwtctl proxy does, with the same codes and messages.

An accepted call gets the caller's claims as _kalix-jwt-claim-* headers, which
replace any that the client sent; the authorization header is removed where it
was validated. A refused gRPC call gets a gRPC status, any other call an HTTP
status and WWW-Authenticate.

With ext_proc, Envoy also sends messages: requests are validated and filled in,
responses are signed, and each message of a stream is handled on its own. If the
proxy sends only headers, methods that validate or sign messages are refused,
unless --bearer-only declares that something else checks the messages, such as
jwtctl proxy next to the service.

Keys, descriptors, certificates, CAs and jwtctl.yaml are reloaded when they
change and on SIGHUP, as in jwtctl proxy. The first line on stdout appears once
the server is ready; logs go to stderr.

Configure the proxy in front to refuse calls while it cannot reach this server.
docs/authz.md has the settings for each proxy.`

const authzExample = `  jwtctl authz --listen 127.0.0.1:9001 --proto "proto/**/*.proto" --jwks https://example.com/jwks.json
  jwtctl authz --listen unix:/run/jwtctl/authz.sock --descriptor-set api.binpb --key public.pem
  jwtctl authz --listen 127.0.0.1:9001 --http 127.0.0.1:9002 --proto proto`

// Authz returns the command.
func Authz(d command.Deps) *cobra.Command {
	var o gateway.AuthzOptions
	cmd := &cobra.Command{
		Use:     "authz",
		Short:   "Authorize calls for Envoy, nginx, HAProxy and other proxies",
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
