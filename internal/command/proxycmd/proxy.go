// Package proxycmd has the command proxy, which enforces a policy.
package proxycmd

import (
	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/gateway"
)

const proxyText = `Enforce the JWT annotations in front of a gRPC server: refuse calls whose
bearer token or messages are not valid, pass the caller's claims to the server
as metadata, and sign responses. Verdicts are those of jwtctl verify;
everything else passes unchanged.

Methods that are not in the descriptors are refused. Messages of methods
without annotations pass as bytes. authorization is not forwarded where it was
validated, and _kalix-jwt-claim-* metadata from clients never is.

Keys, descriptors, certificates, CAs and jwtctl.yaml are reloaded when they
change and on SIGHUP. A broken version, or one without services, is refused and
the current policy stays in force. A weaker one is logged, change by change,
and refused with --refuse-weaker. Settings under proxy: in jwtctl.yaml are read
at startup only. The first line on stdout is printed once calls are answered;
logs go to stderr. On SIGTERM, open calls may finish.

--web also answers browsers and curl: gRPC-Web, Connect, and REST by the
google.api.http options of the methods. Pages from --web-origin may call it.

--report-only is for trying a policy on live traffic: everything is decided,
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
