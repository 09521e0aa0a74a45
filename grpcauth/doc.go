// Package grpcauth enforces a policy of package jwtpolicy on a grpc-go server, and sends
// the bearer tokens of clients.
//
//	server := grpc.NewServer(grpcauth.ServerOptions(policy)...)
//
// A handler is called after its bearer token has been accepted and, if messages are
// validated, its first message too. Each further message of a stream is checked before
// the handler receives it, and each response is signed if the method signs. A refusal
// ends the call with the same status and message as in jwtctl proxy.
//
// Handlers get the claims from jwtpolicy.FromContext, and as incoming metadata
// "_kalix-jwt-claim-…", as behind the proxy. Metadata that clients send under such names
// is removed on every method, and authorization on those that require a token.
//
// Some calls are refused by grpc-go before it calls an interceptor, with its own
// messages: methods that the server does not have (UNIMPLEMENTED), bytes that cannot be
// decoded as their type, and calls with no message, or with two, of a method that takes
// one (INTERNAL).
package grpcauth
