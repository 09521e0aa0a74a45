package grpcauth_test

import (
	"testing"

	"github.com/jwtctl/jwtctl/internal/grpctest"
)

// TestCallCases: every call gets the same verdict, code and message as in the proxy, both
// with generated code and behind a handler for unknown services. A12, A30-A37, A41, A42,
// A50, S59, S60, S61, S63, S77.
//
// Calls that gRPC refuses before it calls an interceptor get gRPC's own message: a call
// without a message to a method that takes one, and a call to an unknown method.
func TestCallCases(t *testing.T) { grpctest.HoldCallCases(t) }
