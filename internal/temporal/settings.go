package temporal

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Endpoint is where the keys of a Temporal server are served.
type Endpoint struct {
	// IP is the address listened on; nil or unspecified means all addresses.
	IP net.IP
	// Port and Path complete the URL; Path starts with a slash.
	Port int
	Path string
}

// Settings returns the settings of a Temporal server that fetches its keys from the
// endpoint, in each form in which servers are configured: a container's environment, a
// standalone server's file and Helm chart values.
func (e Endpoint) Settings() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Temporal server in a container%s:\n\n%s\n", e.containerNote(), indent(e.Container()))
	fmt.Fprintf(&b, "SERVICES is for images up to 1.29, TEMPORAL_SERVICES for those since 1.30.\nSetting both serves every image.\n\n")
	fmt.Fprintf(&b, "Standalone Temporal server (start its internal-frontend service too):\n\n%s", indent(e.Standalone()))
	if since := fileSourcesSince(); since != "" {
		fmt.Fprintf(&b, "\nSince %s it also reads a file, such as file:///etc/temporal/jwks.json,\nwhich jwtctl jwks -o writes.\n", since)
	}
	fmt.Fprintf(&b, "\nValues of Temporal's Helm chart%s:\n\n%s", e.podNote(), indent(e.Helm()))
	return b.String()
}

// Container returns the variables of a container's environment, one per line. Images up
// to 1.29 read SERVICES, later ones TEMPORAL_SERVICES (temporal.md section 6).
func (e Endpoint) Container() string {
	return fmt.Sprintf(`TEMPORAL_JWT_KEY_SOURCE1=%s
TEMPORAL_AUTH_AUTHORIZER=default
TEMPORAL_AUTH_CLAIM_MAPPER=default
USE_INTERNAL_FRONTEND=1
SERVICES=frontend:history:matching:worker:internal-frontend
TEMPORAL_SERVICES=frontend,internal-frontend,history,matching,worker
`, e.containerURL())
}

// Standalone returns the section of a server's static configuration.
func (e Endpoint) Standalone() string {
	return "global:\n" + indent(authorization(e.localURL()))
}

// Helm returns values for the Helm chart.
func (e Endpoint) Helm() string {
	return "server:\n  internalFrontend:\n    enabled: true\n  config:\n" + indent(indent(authorization(e.containerURL())))
}

func authorization(url string) string {
	return fmt.Sprintf(`authorization:
  jwtKeyProvider:
    keySourceURIs:
    - %s
    refreshInterval: 1m
  authorizer: default
  claimMapper: default
`, url)
}

// localURL returns the URL for programs on this machine.
func (e Endpoint) localURL() string {
	if e.onAllInterfaces() {
		return e.url("127.0.0.1")
	}
	return e.url(e.IP.String())
}

// containerURL returns the URL for containers on this machine.
func (e Endpoint) containerURL() string {
	if e.onAllInterfaces() || e.IP.IsLoopback() {
		return e.url("host.docker.internal")
	}
	return e.url(e.IP.String())
}

func (e Endpoint) containerNote() string {
	switch {
	case e.onAllInterfaces():
		return " (host.docker.internal is this machine;\non Linux only with --add-host=host.docker.internal:host-gateway)"
	case e.IP.IsLoopback():
		return " (it cannot reach " + e.IP.String() + " of this machine\nunless Docker Desktop forwards it: listen on :" + strconv.Itoa(e.Port) + " for all interfaces)"
	}
	return ""
}

func (e Endpoint) podNote() string {
	if e.onAllInterfaces() || e.IP.IsLoopback() {
		return " (use a name that pods can reach)"
	}
	return ""
}

func (e Endpoint) onAllInterfaces() bool { return e.IP == nil || e.IP.IsUnspecified() }

func (e Endpoint) url(host string) string {
	return "http://" + net.JoinHostPort(host, strconv.Itoa(e.Port)) + e.Path
}

// fileSourcesSince returns the first release that supports file:// key sources.
func fileSourcesSince() string {
	for _, r := range Releases() {
		if r.FileSources {
			return r.Version
		}
	}
	return ""
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}
