// Package proxycmd has the command proxy, which enforces a policy.
package proxycmd

import (
	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/gateway"
)

const proxyText = `Enforce the JWT annotations in front of a gRPC server: refuse calls whose bearer
token or messages are not valid, pass the caller's claims to the server as
metadata, and sign responses. The proxy decides as jwtctl verify does, and
passes everything else unchanged.

Calls to methods that are not in the descriptors are refused. Messages of
methods without annotations pass as bytes. The authorization header is not
forwarded where it was validated, and _kalix-jwt-claim-* metadata from clients
never is.

Keys, descriptors, certificates, CAs and jwtctl.yaml are reloaded when they
change and on SIGHUP. A version that is broken or has no services is refused,
and the current policy stays in force. A weaker version is logged, change by
change, and refused with --refuse-weaker. Settings under proxy: in jwtctl.yaml
are read at startup only.

The first line on stdout appears once the proxy is ready; logs go to stderr. On
SIGTERM, open calls may finish, for at most --drain-timeout.

--web also serves browsers and curl: gRPC-Web, Connect, and REST as the
google.api.http options of the methods define it. --web-origin lets web pages
call it.

--report-only is for trying a policy on live traffic: everything is checked,
claims are sent and responses signed, but no call is refused.`

const proxyExample = `  jwtctl proxy --upstream 127.0.0.1:9000 --listen 127.0.0.1:8080 --proto "proto/**/*.proto"
  jwtctl proxy --upstream shop:9000 --upstream-tls --listen :8443 --tls-cert tls.crt --tls-key tls.key \
    --descriptor-set api.binpb --jwks https://example.com/jwks.json --metrics :9090
  jwtctl proxy --upstream 127.0.0.1:9000 --web 127.0.0.1:8081 --web-origin http://localhost:3000 --proto proto`

// Proxy returns the command.
func Proxy(d command.Deps) *cobra.Command {
	var o gateway.Options
	cmd := &cobra.Command{
		Use:     "proxy --upstream ADDRESS",
		Short:   "Enforce annotations in front of a gRPC server",
		Long:    proxyText,
		Example: proxyExample,
		Args:    command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return gateway.Run(cmd.Context(), d, o)
		},
	}
	o.Register(cmd.Flags())
	return cmd
}
