package grpcauth_test

import (
	"testing"

	"github.com/jwtctl/jwtctl/internal/grpctest"
	"github.com/jwtctl/jwtctl/internal/grpctest/every"
)

// hold checks law with generated code, and behind a handler for unknown services.
func hold(t *testing.T, law func(*testing.T, grpctest.Start)) {
	t.Helper()
	for name, unknown := range map[string]bool{"generated service": false, "handler for unknown services": true} {
		t.Run(name, func(t *testing.T) { law(t, grpctest.GRPC(unknown)) })
	}
}

func TestS59_BadTokensReachNoHandler(t *testing.T)        { hold(t, grpctest.HoldBadTokens) }
func TestS59_CallsAreUnavailableWithoutKeys(t *testing.T) { hold(t, grpctest.HoldKeysDown) }
func TestS77_NoMessageNoCall(t *testing.T)                { hold(t, grpctest.HoldNoMessage) }
func TestS82_OtherWireTypesReachNoHandler(t *testing.T)   { hold(t, every.HoldWireTypes) }
func TestS88_FirstMessageMayNotComeLate(t *testing.T)     { hold(t, grpctest.HoldLateFirstMessage) }
func TestA102_DeepMessagesAreRefused(t *testing.T)        { hold(t, grpctest.HoldDepth) }
