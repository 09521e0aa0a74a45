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

// Dial returns the upstream at target, "host:port" or any name
// that grpc-go resolves ("dns:///…", "unix:///…"). It connects with the first
// call, to every address that the name has, and again soon after it was lost.
// A target that is not a name is a usage error.
//
// config is called for each connection, so that CAs and certificates may change
// while the proxy runs; nil is plaintext.
//
// The machine's HTTP proxy settings and service configurations in the DNS are
// not followed: where calls go is for the caller to say.
func Dial(target string, config func() *tls.Config, l Limits) (*Upstream, error) {
	plain, err := dial(target, config, l)
	if err != nil {
		return nil, err
	}
	exact, err := dial(target, config, l, grpc.WithStatsHandler(exactStats{}))
	if err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	return &Upstream{plain, exact}, nil
}

func dial(target string, config func() *tls.Config, l Limits, more ...grpc.DialOption) (*grpc.ClientConn, error) {
	l = l.orDefault()
	creds := insecure.NewCredentials()
	if config != nil {
		creds = renewed{credentials.NewTLS(config()), config}
	}
	conn, err := grpc.NewClient(target, append(more,
		grpc.WithTransportCredentials(creds),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(l.MessageBytes)),
		grpc.WithMaxHeaderListSize(l.MetadataBytes),
		// Windows that do not grow, where grpc-go's own grow to 16 MiB by a ping with each answer.
		grpc.WithStaticStreamWindowSize(1<<20),
		grpc.WithStaticConnWindowSize(4<<20),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`),
		grpc.WithDisableServiceConfig(),
		grpc.WithNoProxy(),
		grpc.WithDisableRetry(),
		// A server gone without a word is noticed; most let clients ping every five minutes.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 6 * time.Minute, Timeout: 20 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{
			// grpc-go's own backoff leaves a server that is back alone for two minutes.
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
	)...)
	if err != nil {
		return nil, fault.New(fault.UsageError, "upstream", "%w", err)
	}
	return conn, nil
}

// renewed speaks TLS by the configuration of the time of each handshake. What it
// embeds answers for the rest, which configurations do not differ in.
type renewed struct {
	credentials.TransportCredentials
	config func() *tls.Config
}

// ClientHandshake is that of credentials.TransportCredentials.
func (r renewed) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(r.config()).ClientHandshake(ctx, authority, conn)
}

// Clone is that of credentials.TransportCredentials.
func (r renewed) Clone() credentials.TransportCredentials {
	return renewed{r.TransportCredentials.Clone(), r.config}
}
