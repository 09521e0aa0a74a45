package temporal

import (
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// Client is a kind of program that reads a token from an environment variable
// (temporal.md section 3).
type Client string

// The clients, by the variable that they read.
const (
	TCTL   Client = "tctl"
	CLI    Client = "temporal"
	APIKey Client = "api-key"
)

// Clients returns every Client, in the order to list them.
func Clients() []Client { return []Client{TCTL, CLI, APIKey} }

// ParseClient returns the client called name, or a usage error.
func ParseClient(name string) (Client, error) {
	if c := Client(name); slices.Contains(Clients(), c) {
		return c, nil
	}
	var names []string
	for _, c := range Clients() {
		names = append(names, string(c))
	}
	return "", fault.New(fault.UsageError, "for", "%q is not one of %s", name, strings.Join(names, ", "))
}

// Variable returns the environment variable that the client reads a token from.
func (c Client) Variable() string {
	switch c {
	case CLI:
		return "TEMPORAL_GRPC_META_AUTHORIZATION"
	case APIKey:
		return "TEMPORAL_API_KEY"
	}
	return "TEMPORAL_CLI_AUTH"
}

// Value returns the variable's value for token: an API key is the token itself, all
// others are a header value (RFC 6750 section 2.1).
func (c Client) Value(token string) string {
	if c == APIKey {
		return token
	}
	return Header(token)
}

// Header returns the value of the authorization header for token.
func Header(token string) string { return "Bearer " + token }

// Note returns a note for users of the client, or "".
func (c Client) Note() string {
	if c == APIKey {
		return "with TEMPORAL_API_KEY set, the temporal CLI uses TLS; for a server without TLS, set TEMPORAL_TLS=false"
	}
	return ""
}
