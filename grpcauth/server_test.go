package grpcauth_test

import (
	"testing"

	"github.com/jwtctl/jwtctl/internal/grpctest"
)

// TestCallCases decides every call as the proxy does, with its codes and words, in a
// service of generated code and behind a handler for unknown services. A12, A30-A37, A41,
// A42, A50, S59, S60, S61, S63, S77.
//
// What gRPC itself refuses before an interceptor is asked is refused by its own words: a
// call without a message of a method that takes one, and of a method that the server
// does not have.
func TestCallCases(t *testing.T) { grpctest.HoldCallCases(t) }
