// Package jwtpolicy enforces JWT annotations of protobuf descriptors inside a Go
// program: which methods need a bearer token, from whom and with which claims; which
// messages carry a token of their own that their fields must agree with; which responses
// are signed. It is what jwtctl verify and jwtctl proxy decide by, with the same verdicts.
//
// A Policy is made of annotated descriptors, a Source, and keys:
//
//	policy, err := jwtpolicy.New(ctx, jwtpolicy.Linked(), []jwtpolicy.Key{
//		jwtpolicy.OIDC("https://idp.example.org", jwtpolicy.KeyOptions{}),
//	}, jwtpolicy.Options{})
//
// Linked reads the generated code that is in the program, so nothing is shipped with
// it. Package grpcauth then guards a grpc-go server by it, package connectauth (a module of
// its own) one of Connect; both put the claims into the context, where FromContext finds
// them. Tokens and messages outside of calls are for VerifyBearer, VerifyMessage and
// SignMessage.
//
// It fails closed: a policy that jwtctl lint reports an error of does not start, a method
// that the policy lacks is refused, and keys that cannot be had now make calls
// UNAVAILABLE, never accepted.
//
// The rules have numbers (A30, S59); https://github.com/jwtctl/jwtctl/tree/main/docs/rules
// lists them.
package jwtpolicy
