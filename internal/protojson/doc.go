// Package protojson is for tests alone: protobuf's own conformance suite, whose
// runner comes from npm, holds internal/message to what ProtoJSON is. Each case that
// begins with JSON counts. testdata/exceptions.txt names the cases that jwtctl
// decides otherwise on purpose, and why.
//
// make protojson installs the runner and runs the suite; without it the test is
// skipped.
package protojson
