package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// Dial returns the upstream at target, "host:port" or a name that grpc-go resolves
// ("dns:///…", "unix:///…"). It connects at the first call, to all addresses of the name,
// and reconnects soon after a loss. An invalid target is a usage error.
//
// config is called for each connection, so that CAs and certificates may change at run
// time; nil means plaintext.
//
// The system's HTTP proxy settings and service configurations in DNS are ignored: only
// the caller decides where calls go.
func Dial(target string, config func() *tls.Config, l Limits) (*Upstream, error) {
	plain, err := dial(target, config, l)
	if err != nil {
		return nil, err
	}
	exact, err := dial(target, config, l, grpc.WithStatsHandler(rawMetadataStats{}))
	if err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	return &Upstream{plain, exact}, nil
}

func dial(target string, config func() *tls.Config, l Limits, more ...grpc.DialOption) (*grpc.ClientConn, error) {
	l = l.orDefault()
	creds := insecure.NewCredentials()
	if config != nil {
		creds = reloadingCredentials{credentials.NewTLS(config()), config}
	}
	conn, err := grpc.NewClient(target, append(more,
		grpc.WithTransportCredentials(creds),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(l.MessageBytes)),
		grpc.WithMaxHeaderListSize(l.MetadataBytes),
		// Static windows: dynamic ones in grpc-go grow to 16 MiB, and need a ping with
		// each response.
		grpc.WithStaticStreamWindowSize(1<<20),
		grpc.WithStaticConnWindowSize(4<<20),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`),
		grpc.WithDisableServiceConfig(),
		grpc.WithNoProxy(),
		grpc.WithDisableRetry(),
		// Detects a server that vanished; most permit pings every five minutes.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 6 * time.Minute, Timeout: 20 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{
			// grpc-go's default backoff ignores a restarted server for up to two minutes.
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
	)...)
	if err != nil {
		return nil, fault.New(fault.UsageError, "upstream", "%w", err)
	}
	return conn, nil
}

// reloadingCredentials uses the TLS configuration current at each handshake. The embedded one provides
// the rest, in which configurations do not differ.
type reloadingCredentials struct {
	credentials.TransportCredentials
	config func() *tls.Config
}

// ClientHandshake implements credentials.TransportCredentials.
func (r reloadingCredentials) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(r.config()).ClientHandshake(ctx, authority, conn)
}

// Clone implements credentials.TransportCredentials.
func (r reloadingCredentials) Clone() credentials.TransportCredentials {
	return reloadingCredentials{r.TransportCredentials.Clone(), r.config}
}
