package jwtpolicy_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/jwtpolicy"
)

// TestRefusesValuesThatCheckNothing: a computed value, or one read from an unset variable,
// never disables a check. S37, S87.
func TestRefusesValuesThatCheckNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for name, o := range map[string]jwtpolicy.KeyOptions{
		"empty audience":           {Audiences: []string{"api", ""}},
		"empty list of audiences":  {Audiences: []string{}},
		"empty list of algorithms": {Algorithms: []string{}},
		"negative age":             {MaxAge: -time.Second},
		"negative lifetime":        {MaxLifetime: -time.Second},
	} {
		for where, key := range map[string]jwtpolicy.Key{
			"file": jwtpolicy.KeyBytes(l.key, o), "set": jwtpolicy.KeySet("https://127.0.0.1:1/keys", o), "issuer": jwtpolicy.OIDC("https://127.0.0.1:1", o),
		} {
			_, err := jwtpolicy.New(t.Context(), l.source(), []jwtpolicy.Key{key}, jwtpolicy.Options{})
			var e *jwtpolicy.Error
			if !errors.As(err, &e) || e.Code != string(fault.UsageError) {
				t.Errorf("%s of %s: %v", name, where, err)
			}
		}
	}
	if _, err := jwtpolicy.New(t.Context(), nil, l.keys(), jwtpolicy.Options{}); !errors.Is(err, &jwtpolicy.Error{Code: string(fault.UsageError)}) {
		t.Errorf("no source: %v", err)
	}
}

// TestMessagesThatAreNil: nil messages are refused, since a panic would end the program.
// S74.
func TestMessagesThatAreNil(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	p := l.policy(l.source(), jwtpolicy.Options{})
	for name, m := range map[string]proto.Message{"nil": nil, "nil pointer": (*emptypb.Empty)(nil)} {
		for what, err := range map[string]error{"verify": p.VerifyMessage(t.Context(), m, jwtpolicy.Claims{}), "sign": p.SignMessage(m, jwtpolicy.Claims{})} {
			if !errors.Is(err, &jwtpolicy.Error{Code: "message_malformed"}) {
				t.Errorf("%s %s: %v", what, name, err)
			}
		}
	}
}

// TestWarnsOfResponsesThatNoKeySigns: a missing signing key is logged at startup, not when
// the first call fails after the service has done its work. A23.
func TestWarnsOfResponsesThatNoKeySigns(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for name, warns := range map[string]bool{"test": false, "other": true} {
		var log testkit.Buffer
		l.policy(l.source(), jwtpolicy.Options{SigningKeyID: name, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if got := strings.Contains(log.String(), `msg="no key can sign the responses of a method: every call to it fails" method=t.S/`); got != warns {
			t.Errorf("%s: %s", name, log.String())
		}
	}
}
