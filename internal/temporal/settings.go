package temporal

import (
	"fmt"
	"strings"
)

// Settings returns the Temporal server's settings for keys served at a port of
// this machine under path, in both forms of the user's document: a container's
// variables and a standalone server's file.
func Settings(port int, path string) string {
	return strings.TrimLeft(fmt.Sprintf(`
Temporal server in a container (host.docker.internal is this machine):

  TEMPORAL_JWT_KEY_SOURCE1=http://host.docker.internal:%[1]d%[2]s
  TEMPORAL_AUTH_AUTHORIZER=default
  TEMPORAL_AUTH_CLAIM_MAPPER=default
  USE_INTERNAL_FRONTEND=1
  SERVICES=frontend:history:matching:worker:internal-frontend

Standalone Temporal server (start its internal-frontend service too):

  global:
    authorization:
      jwtKeyProvider:
        keySourceURIs:
        - http://127.0.0.1:%[1]d%[2]s
        refreshInterval: 1m
      authorizer: default
      claimMapper: default
`, port, path), "\n")
}
