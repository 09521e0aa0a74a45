//go:build server130

package e2e

import (
	auth "go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
)

// newInterceptor returns the server's authorization by itself; its arguments differ between releases.
func newInterceptor(mapper auth.ClaimMapper, logger log.Logger) *auth.Interceptor {
	no := func() bool { return false }
	return auth.NewInterceptor(mapper, auth.NewDefaultAuthorizer(), metrics.NoopMetricsHandler, logger, anyNamespace{}, nil, "", "", no, no, no)
}
