// Package proxycmd has the command proxy, which enforces a policy.
package proxycmd

import (
	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/gateway"
)

const proxyText = `Enforce the JWT annotations in front of a gRPC server: refuse calls whose bearer
token or messages are not valid, pass the caller's claims to the server as
metadata, and sign responses. Verdicts are those of jwtctl verify; everything
else passes unchanged.

Methods that no descriptor has are refused. Messages of methods without
annotations pass as bytes. authorization is not forwarded where it was
validated, and _kalix-jwt-claim-* metadata of clients never is.

Keys, descriptors, certificates, CAs and jwtctl.yaml are read again when they
change, and at SIGHUP. A broken version, or one without any service, is refused,
and the current policy stays in force; a weaker one is logged, change by change, and
refused with --refuse-weaker. Settings under proxy: in jwtctl.yaml are read at
startup only. The first line on stdout is printed when calls are answered; logs
go to stderr. SIGTERM lets open calls finish.

--web answers browsers and curl as well: gRPC-Web, Connect, and REST by the
google.api.http options of the methods. Pages of the origins that --web-origin
names may call it.

--report-only is for putting a policy in front of live traffic: everything is
decided, claims are sent and responses signed, and no call is refused.`

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
