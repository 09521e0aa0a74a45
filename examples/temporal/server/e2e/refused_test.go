package e2e

import (
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
)

// testRefused makes tokens that look valid but must be refused. The client always gets the
// same response; whether the cause was the intended one is only in the server's log, where
// a valid token without the permission leaves no line.
func testRefused(t *testing.T, bin programs) {
	here := newPlace(t)
	endpoint, _ := here.serveKeys(t, bin, "gen-and-serve")
	s := startServer(t, endpoint)
	s.mustRegister(t, here.token(t, bin, "--system"), "default", "other")
	kid := onlyKey(t, endpoint).ID
	foreignKid := here.keygen(t, bin, "foreign.priv.pem")
	anHourAgo := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	registerThird := func(c client.Client) error { return register(c, "third") }

	for _, test := range []struct {
		name      string
		token     []string
		namespace string
		allowed   func(client.Client) error // what the same token may do, if anything
		refused   func(client.Client) error
		cause     string
	}{
		{name: "no token", namespace: "default", refused: count},
		{name: "namespace token on another namespace", token: []string{"--namespace", "default"}, namespace: "other", refused: count},
		{name: "namespace token starting a workflow elsewhere", token: []string{"--namespace", "default"}, namespace: "other", refused: startWorkflow},
		{name: "namespace token registering a namespace", token: []string{"--namespace", "default"}, namespace: "default",
			allowed: startWorkflow, refused: registerThird},
		{name: "namespace administrator registering another namespace", token: []string{"--namespace", "fourth", "--role", "admin"}, namespace: "fourth",
			allowed: func(c client.Client) error { return register(c, "fourth") }, refused: registerThird},
		{name: "read-only token starting a workflow", token: []string{"--namespace", "default", "--role", "read"}, namespace: "default",
			allowed: count, refused: startWorkflow},
		{name: "expired token", token: []string{"--namespace", "default", "--at", anHourAgo}, namespace: "default",
			refused: count, cause: "Token is expired"},
		{name: "foreign key, its own kid", token: []string{"--namespace", "default", "--key", "foreign.priv.pem"}, namespace: "default",
			refused: count, cause: "ECDSA key not found for key ID: " + foreignKid},
		{name: "foreign key, the served kid", token: []string{"--namespace", "default", "--key", "foreign.priv.pem", "--kid", kid}, namespace: "default",
			refused: count, cause: "crypto/ecdsa: verification error"},
		{name: "unknown kid", token: []string{"--namespace", "default", "--kid", "nope"}, namespace: "default",
			refused: count, cause: "ECDSA key not found for key ID: nope"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var token authorization
			if test.token != nil {
				token = here.token(t, bin, test.token...)
			}
			c := s.client(t, test.namespace, token)
			before := s.log.mark()
			if test.allowed != nil {
				if err := test.allowed(c); err != nil {
					t.Errorf("the token should allow something: %v", err)
				}
			}
			if err := refused(test.refused(c)); err != nil {
				t.Error(err)
			}
			var want []string
			if test.cause != "" {
				want = []string{test.cause}
			}
			if got := s.log.refusals(before); !slices.Equal(got, want) {
				t.Errorf("causes in the server's log: %q, want %q", got, want)
			}
		})
	}
}
