// Package standalone makes a whole Temporal server in this process: all five services on loopback, SQLite behind them,
// and Temporal's own default authorizer and claim mapper in front. It adds no authorization logic of its own: what such
// a server accepts is what any Temporal server with this configuration accepts.
package standalone

import (
	"fmt"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	_ "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite" // registers pluginName: sqlite (pure Go)
	"go.temporal.io/server/temporal"
)

// New makes a server; its Start returns once all services run, its Stop once they have stopped. It fetches the key set
// before it returns. The cause of a refusal reaches only the logger, never the client. More options come last.
func New(cfg *config.Config, logger log.Logger, more ...temporal.ServerOption) (temporal.Server, error) {
	auth := &cfg.Global.Authorization
	authorizer, err := authorization.GetAuthorizerFromConfig(auth)
	if err != nil {
		return nil, fmt.Errorf("authorizer: %w", err)
	}
	claimMapper, err := authorization.GetClaimMapperFromConfig(auth, logger)
	if err != nil {
		return nil, fmt.Errorf("claim mapper: %w", err)
	}
	audience, err := authorization.GetAudienceMapperFromConfig(auth)
	if err != nil {
		return nil, fmt.Errorf("audience: %w", err)
	}
	server, err := temporal.NewServer(append([]temporal.ServerOption{
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.Services), // all five: the default leaves internal-frontend out
		temporal.WithLogger(logger),
		temporal.WithDynamicConfigClient(dynamicConfig()),
		temporal.WithAuthorizer(authorizer),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return claimMapper }),
		temporal.WithAudienceGetter(func(*config.Config) authorization.JWTAudienceMapper { return audience }),
	}, more...)...)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	return server, nil
}

// dynamicConfig leaves every setting at its default except the one that would report to a host outside.
func dynamicConfig() dynamicconfig.Client {
	return dynamicconfig.StaticClient{dynamicconfig.EnableServerVersionCheck.Key(): false}
}
