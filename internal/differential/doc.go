// Package differential is for tests alone: messages that passed verification are
// read by other implementations of protobuf, which must see in them what Go does
// (security.md S82). It holds no code of jwtctl.
//
// A reader is one long-lived process that takes a line for each schema and
// message, and answers with the message in a form that all of them share:
// JSON objects by field number, every scalar as text, nothing that is zero. What
// is in an Any of a known type is such an object too.
//
// The readers of Node (protobufjs, as examples/proxy has it) and protoc are part
// of make test; those of Python (upb) and Java are in make differential-all.
package differential
