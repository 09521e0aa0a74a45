// Package grpcauth guards a grpc-go server by a policy of package jwtpolicy, and gives
// clients their bearer tokens.
//
//	server := grpc.NewServer(grpcauth.ServerOptions(policy)...)
//
// A handler is called once its bearer token, and the first message where messages are
// validated, have passed; every further message of a stream is decided about before the
// handler receives it, and every response is signed where the method signs. What fails
// ends the call with the status and words that jwtctl proxy has for it.
//
// A handler finds the claims by jwtpolicy.FromContext, and as incoming metadata
// "_kalix-jwt-claim-…", as behind the proxy. What clients send under such names is removed
// on every method, and authorization on those that require a token.
//
// What grpc-go refuses before an interceptor is asked keeps grpc-go's words: a method that
// the server does not have (UNIMPLEMENTED), bytes that cannot be decoded as their type, and a
// call without a message, or with two, of a method that takes one (INTERNAL).
package grpcauth
