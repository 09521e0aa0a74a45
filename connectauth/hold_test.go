package connectauth_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/jwtctl/jwtctl/internal/grpctest"
	"github.com/jwtctl/jwtctl/internal/grpctest/every"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

func start(t *testing.T, setup grpctest.Setup) *grpctest.Target {
	s := serve(t, setup)
	return &grpctest.Target{
		World: s.World, URL: s.url, Client: s.client, Stop: s.stop, Undecoded: codes.InvalidArgument,
		State: func() (calls, got int, last string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.calls, s.got, s.last
		},
	}
}

func TestS59_BadTokensReachNoHandler(t *testing.T)        { grpctest.HoldBadTokens(t, start) }
func TestS59_CallsAreUnavailableWithoutKeys(t *testing.T) { grpctest.HoldKeysDown(t, start) }
func TestS77_NoMessageNoCall(t *testing.T)                { grpctest.HoldNoMessage(t, start) }
func TestS82_OtherWireTypesReachNoHandler(t *testing.T)   { every.HoldWireTypes(t, start) }
func TestS88_FirstMessageMayNotComeLate(t *testing.T)     { grpctest.HoldLateFirstMessage(t, start) }
func TestA102_DeepMessagesAreRefused(t *testing.T)        { grpctest.HoldDepth(t, start) }

// TestConnectAnswersItself checks what docs/in-process.md says about calls that Connect
// answers itself or that are decided differently from grpc-go.
func TestConnectAnswersItself(t *testing.T) {
	s := start(t, grpctest.Setup{Source: policytest.CallSource})
	token, message := s.Token(policytest.GoodClaims), grpctest.Frame([]byte("\x0a\x01x"))
	for name, row := range map[string]struct {
		method string
		body   []byte
		code   codes.Code
		text   string
	}{
		"unknown method":                {"Nope", message, codes.Unimplemented, ""},
		"malformed message":             {"Who", grpctest.Frame([]byte("\x0a\x7f")), codes.InvalidArgument, "unmarshal"},
		"malformed message in a stream": {"WhoBidi", grpctest.Frame([]byte("\x0a\x7f")), codes.InvalidArgument, "unmarshal"},
		"no message":                    {"Who", nil, codes.Unimplemented, "Method takes exactly one request message"},
		"two messages":                  {"Who", slices.Concat(message, message), codes.Unimplemented, "unary request has multiple messages"},
		"valid message":                 {"Who", message, codes.OK, ""},
	} {
		_, before, _ := s.State()
		got, err := s.Post(t.Context(), row.method, token, bytes.NewReader(row.body))
		if err != nil || got.Code != row.code || !strings.Contains(got.Text, row.text) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
		if _, requests, _ := s.State(); (requests > before) != (row.code == codes.OK) {
			t.Errorf("%s: the handler got %d requests", name, requests-before)
		}
	}
}
