package verify_test

import (
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// TestA38_WhatATokenFillsInIsReadAlike: a token never fills in a value that a closed enum
// does not have, at any depth, and JSON with one is refused.
func TestA38_WhatATokenFillsInIsReadAlike(t *testing.T) {
	w := policytest.New(t, `syntax = "proto2"; package t; import "kalix/annotations.proto"; import "google/protobuf/any.proto";
enum E { ZERO = 0; ONE = 1; }
message In { optional E e = 1; repeated E es = 2; }
message M {
  optional string tok = 1 [(kalix.field).jwt = {token: true}];
  optional In in = 2 [(kalix.field).jwt = {claim: EXTRACT}];
  map<string, In> raw = 3 [(kalix.field).jwt = {claim: RAW}];
  optional google.protobuf.Any any = 4 [(kalix.field).jwt = {claim: EXTRACT}];
  optional In free = 5;
}`, policytest.Setup{})
	check(t, w, map[string]row{
		"by name":        {in: `{"tok":$({"in":{"e":"ONE"}})}`, want: `{"tok":"…","in":{"e":"ONE"},"raw":{"in":{"e":"ONE"}}}`},
		"by number":      {in: `{"tok":$({"in":{"e":1}})}`, want: `{"tok":"…","in":{"e":"ONE"},"raw":{"in":{"e":"ONE"}}}`},
		"EXTRACT":        {in: `{"tok":$({"in":{"e":9}})}`, code: fault.ClaimMismatch, path: "in"},
		"EXTRACT, list":  {in: `{"tok":$({"in":{"es":[0,9]}})}`, code: fault.ClaimMismatch, path: "in"},
		"EXTRACT, Any":   {in: `{"tok":$({"any":{"@type":"x/t.In","e":9}})}`, code: fault.ClaimMismatch, path: "any"},
		"RAW":            {in: `{"tok":$({"x":{"e":9},"y":{"e":1}})}`, want: `{"tok":"…","raw":{"y":{"e":"ONE"}}}`},
		"in the message": {in: `{"tok":$({}),"free":{"e":9}}`, code: fault.MessageMalformed, path: "t.In.e"},
		"in both, equal": {in: `{"tok":$({"in":{"e":9}}),"in":{"e":9}}`, code: fault.MessageMalformed, path: "t.In.e"},
	})
}
