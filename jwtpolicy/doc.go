// Package jwtpolicy enforces the JWT annotations of protobuf descriptors inside a Go
// program. The annotations name the methods that need a bearer token, its issuers and
// claims; the messages whose fields must match a token in them; and the responses to sign.
// jwtctl verify and jwtctl proxy use the same engine and reach the same verdicts.
//
// A Policy is made from annotated descriptors (a Source) and keys:
//
//	policy, err := jwtpolicy.New(ctx, jwtpolicy.Linked(), []jwtpolicy.Key{
//		jwtpolicy.OIDC("https://idp.example.org", jwtpolicy.KeyOptions{}),
//	}, jwtpolicy.Options{})
//
// Linked reads the generated code in the program, so no other files are needed. Package
// grpcauth enforces the policy on a grpc-go server, and package connectauth (a separate
// module) on a Connect server. Both put the claims into the context: see FromContext. For
// tokens and messages outside of calls, use VerifyBearer, VerifyMessage and SignMessage.
//
// The package fails closed: a policy for which jwtctl lint reports an error does not
// load, a method that is not in the policy is refused, and a call whose keys cannot be
// fetched fails as UNAVAILABLE.
//
// Numbers such as A30 and S59 are rules, listed in
// https://github.com/jwtctl/jwtctl/tree/main/docs/rules.
package jwtpolicy
