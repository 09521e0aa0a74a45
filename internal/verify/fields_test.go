package verify_test

import (
	"context"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

const nests = `
message C { string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; string e = 2 [(kalix.field).jwt = {claim: EXTRACT}]; map<string,string> raw = 3 [(kalix.field).jwt = {claim: RAW}]; D d = 4 [(kalix.field).jwt = {claim: DESCEND}]; string plain = 5; }
message D { string y = 1 [(kalix.field).jwt = {claim: INCLUDE}]; string f = 2 [(kalix.field).jwt = {claim: EXTRACT}]; }
message O { string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }
message Descend { string tok = 1 [(kalix.field).jwt = {token: true}]; D c = 2 [(kalix.field).jwt = {claim: DESCEND}]; oneof one { O o = 3 [(kalix.field).jwt = {claim: DESCEND}]; D d = 4; } }
message DescendRaw { string tok = 1 [(kalix.field).jwt = {token: true}]; C c = 2 [(kalix.field).jwt = {claim: DESCEND}]; }
message Nest { string tok = 1 [(kalix.field).jwt = {token: true}]; C c = 2 [(kalix.field).jwt = {claim: NEST}]; C named = 3 [(kalix.field).jwt = {claim: NEST name: "other"}]; }
message List { string tok = 1 [(kalix.field).jwt = {token: true}]; repeated C cs = 2 [(kalix.field).jwt = {claim: NEST}]; repeated O os = 3 [(kalix.field).jwt = {claim: NEST}]; }
message OneOf { string tok = 1 [(kalix.field).jwt = {token: true}]; oneof one { C c = 2 [(kalix.field).jwt = {claim: NEST}]; string s = 3; } }
`

func TestA45_Descend(t *testing.T) {
	check(t, policytest.New(t, nests, policytest.Setup{}), map[string]row{
		"top-level claims":                 {of: "Descend", in: `{"tok":$({"y":"1"}),"c":{"y":"1"}}`, want: `{"tok":"…","c":{"y":"1"}}`},
		"not an object":                    {of: "Descend", in: `{"tok":$({"c":{"y":"1"}}),"c":{"y":"1"}}`, code: fault.ClaimMissing, path: "c.y"},
		"wrong value":                      {of: "Descend", in: `{"tok":$({"y":"1"}),"c":{"y":"2"}}`, code: fault.ClaimMismatch, path: "c.y"},
		"two levels":                       {of: "DescendRaw", in: `{"tok":$({"y":"1"}),"c":{"d":{"y":"1"}}}`, want: `{"tok":"…","c":{"raw":{"y":"1"},"d":{"y":"1"}}}`},
		"two levels, wrong value":          {of: "DescendRaw", in: `{"tok":$({"y":"1"}),"c":{"d":{"y":"2"}}}`, code: fault.ClaimMismatch, path: "c.d.y"},
		"not set, INCLUDE":                 {of: "Descend", in: `{"tok":$({"y":"1"})}`, want: `{"tok":"…"}`},
		"not set, EXTRACT":                 {of: "Descend", in: `{"tok":$({"y":"1","f":"2"})}`, want: `{"tok":"…","c":{"f":"2"}}`},
		"not set, EXTRACT of ''":           {of: "Descend", in: `{"tok":$({"f":""})}`, want: `{"tok":"…"}`},
		"not set, claim of wrong type":     {of: "Descend", in: `{"tok":$({"f":2})}`, code: fault.ClaimMismatch, path: "c.f"},
		"not set, RAW":                     {of: "DescendRaw", in: `{"tok":$({"q":"1"})}`, want: `{"tok":"…","c":{"raw":{"q":"1"}}}`},
		"not set, no matching claims":      {of: "DescendRaw", in: `{"tok":$({"q":1})}`, want: `{"tok":"…"}`},
		"not set, two levels":              {of: "DescendRaw", in: `{"tok":$({"f":"2","n":1})}`, want: `{"tok":"…","c":{"raw":{"f":"2"},"d":{"f":"2"}}}`},
		"set and filled":                   {of: "Descend", in: `{"tok":$({"y":"1","f":"2"}),"c":{"y":"1"}}`, want: `{"tok":"…","c":{"y":"1","f":"2"}}`},
		"in a oneof":                       {of: "Descend", in: `{"tok":$({"x":"1"}),"o":{"x":"1"}}`, want: `{"tok":"…","o":{"x":"1"}}`},
		"S47 in a oneof, other member set": {of: "Descend", in: `{"tok":$({"x":"1"}),"o":{"x":"2"}}`, code: fault.ClaimMismatch, path: "o.x"},
		"claim of another field":           {of: "Descend", in: `{"tok":$({"x":"1"}),"d":{"y":"2"}}`, want: `{"tok":"…","d":{"y":"2"}}`},
	})
}

func TestA46_Nest(t *testing.T) {
	check(t, policytest.New(t, nests, policytest.Setup{}), map[string]row{
		"object":                        {of: "Nest", in: `{"tok":$({"c":{"x":"1"}}),"c":{"x":"1"}}`, want: `{"tok":"…","c":{"x":"1","raw":{"x":"1"}}}`},
		"wrong value":                   {of: "Nest", in: `{"tok":$({"c":{"x":"1"}}),"c":{"x":"2"}}`, code: fault.ClaimMismatch, path: "c.x"},
		"top-level claims":              {of: "Nest", in: `{"tok":$({"x":"1"}),"c":{"x":"1"}}`, code: fault.ClaimMissing, path: "c.x"},
		"not an object":                 {of: "Nest", in: `{"tok":$({"c":"1"}),"c":{"x":"1"}}`, code: fault.ClaimMismatch, path: "c"},
		"not an object, field empty":    {of: "Nest", in: `{"tok":$({"c":["1"]}),"c":{}}`, code: fault.ClaimMismatch, path: "c"},
		"null":                          {of: "Nest", in: `{"tok":$({"c":null}),"c":{"x":"1"}}`, code: fault.ClaimMismatch, path: "c"},
		"A48 name":                      {of: "Nest", in: `{"tok":$({"other":{"x":"1"}}),"named":{"x":"1"}}`, want: `{"tok":"…","named":{"x":"1","raw":{"x":"1"}}}`},
		"A48 not the field's name":      {of: "Nest", in: `{"tok":$({"named":{"x":"1"}}),"named":{"x":"1"}}`, code: fault.ClaimMissing, path: "named.x"},
		"additional members":            {of: "Nest", in: `{"tok":$({"c":{"x":"1","z":2}}),"c":{"x":"1","plain":"p"}}`, want: `{"tok":"…","c":{"x":"1","raw":{"x":"1"},"plain":"p"}}`},
		"DESCEND inside":                {of: "Nest", in: `{"tok":$({"c":{"y":"1"}}),"c":{"d":{"y":"2"}}}`, code: fault.ClaimMismatch, path: "c.d.y"},
		"set, without claims":           {of: "Nest", in: `{"tok":$({}),"c":{"plain":"p"}}`, want: `{"tok":"…","c":{"plain":"p"}}`},
		"not set, claim present":        {of: "Nest", in: `{"tok":$({"c":{"e":"1"}})}`, want: `{"tok":"…","c":{"e":"1","raw":{"e":"1"}}}`},
		"not set, claim of wrong type":  {of: "Nest", in: `{"tok":$({"c":{"e":1}})}`, code: fault.ClaimMismatch, path: "c.e"},
		"not set, claim not an object":  {of: "Nest", in: `{"tok":$({"c":"1"})}`, code: fault.ClaimMismatch, path: "c"},
		"not set, nothing to fill":      {of: "Nest", in: `{"tok":$({"c":{"n":1}})}`, want: `{"tok":"…"}`},
		"over a set oneof":              {of: "OneOf", in: `{"tok":$({"c":{"e":"1"}}),"s":"s"}`, code: fault.ClaimMismatch, path: "c"},
		"only RAW, next to a set oneof": {of: "OneOf", in: `{"tok":$({"c":{"k":"v"}}),"s":"s"}`, want: `{"tok":"…","s":"s"}`},
		"next to a set oneof":           {of: "OneOf", in: `{"tok":$({"c":{"n":1}}),"s":"s"}`, want: `{"tok":"…","s":"s"}`},
		"oneof":                         {of: "OneOf", in: `{"tok":$({"c":{"e":"1"}}),"c":{}}`, want: `{"tok":"…","c":{"e":"1","raw":{"e":"1"}}}`},
	})
}

func TestA46_NestRepeated(t *testing.T) {
	check(t, policytest.New(t, nests, policytest.Setup{}), map[string]row{
		"array":                            {of: "List", in: `{"tok":$({"os":[{"x":"1"},{"x":"2"}]}),"os":[{"x":"1"},{"x":"2"}]}`, want: `{"tok":"…","os":[{"x":"1"},{"x":"2"}]}`},
		"other order":                      {of: "List", in: `{"tok":$({"os":[{"x":"1"},{"x":"2"}]}),"os":[{"x":"2"},{"x":"1"}]}`, code: fault.ClaimMismatch, path: "os[0].x"},
		"one element differs":              {of: "List", in: `{"tok":$({"os":[{"x":"1"},{"x":"2"}]}),"os":[{"x":"1"},{"x":"3"}]}`, code: fault.ClaimMismatch, path: "os[1].x"},
		"one element empty":                {of: "List", in: `{"tok":$({"os":[{"x":"1"},{}]}),"os":[{"x":"1"},{}]}`, want: `{"tok":"…","os":[{"x":"1"},{}]}`},
		"fewer":                            {of: "List", in: `{"tok":$({"os":[{"x":"1"},{"x":"2"}]}),"os":[{"x":"1"}]}`, code: fault.ClaimMismatch, path: "os"},
		"additional empty elements":        {of: "List", in: `{"tok":$({"os":[{"x":"1"}]}),"os":[{"x":"1"},{}]}`, code: fault.ClaimMismatch, path: "os"},
		"object":                           {of: "List", in: `{"tok":$({"os":{"x":"1"}}),"os":[{"x":"1"}]}`, code: fault.ClaimMismatch, path: "os"},
		"array of strings":                 {of: "List", in: `{"tok":$({"os":["1"]}),"os":[{"x":"1"}]}`, code: fault.ClaimMismatch, path: "os"},
		"no claim":                         {of: "List", in: `{"tok":$({}),"os":[{}]}`, code: fault.ClaimMissing, path: "os"},
		"empty, nothing checked":           {of: "List", in: `{"tok":$({"os":[{"x":"1"}]}),"os":[]}`, want: `{"tok":"…"}`},
		"each filled":                      {of: "List", in: `{"tok":$({"cs":[{"e":"1"},{"e":"2"}]}),"cs":[{"plain":"p"},{"e":"2"}]}`, want: `{"tok":"…","cs":[{"e":"1","raw":{"e":"1"},"plain":"p"},{"e":"2","raw":{"e":"2"}}]}`},
		"empty, filled":                    {of: "List", in: `{"tok":$({"cs":[{"n":1},{"e":"2"}]})}`, want: `{"tok":"…","cs":[{},{"e":"2","raw":{"e":"2"}}]}`},
		"empty, claim of wrong type":       {of: "List", in: `{"tok":$({"cs":[{"n":1},{}]})}`, want: `{"tok":"…"}`},
		"empty, one element invalid":       {of: "List", in: `{"tok":$({"cs":[{"e":"1"},{"e":2}]})}`, code: fault.ClaimMismatch, path: "cs[1].e"},
		"empty, one element not an object": {of: "List", in: `{"tok":$({"cs":[{"e":"1"},2]})}`, code: fault.ClaimMismatch, path: "cs"},
		"empty, first element filled":      {of: "List", in: `{"tok":$({"cs":[{"e":"2"},{"n":1}]})}`, want: `{"tok":"…","cs":[{"e":"2","raw":{"e":"2"}},{}]}`},
		"empty, nothing to fill":           {of: "List", in: `{"tok":$({"os":"1"})}`, want: `{"tok":"…"}`},
		"empty, claim not an array":        {of: "List", in: `{"tok":$({"cs":{"e":"1"}})}`, code: fault.ClaimMismatch, path: "cs"},
	})
}

func TestA47_Raw(t *testing.T) {
	w := policytest.New(t, `
enum Color { NONE = 0; RED = 1; }
message P { string s = 1; }
message M {
  string tok = 1 [(kalix.field).jwt = {token: true}];
  string user = 2 [(kalix.field).jwt = {claim: INCLUDE}];
  map<string,string> texts = 3 [(kalix.field).jwt = {claim: RAW}];
  map<string,bool> bools = 4 [(kalix.field).jwt = {claim: RAW}];
  map<string,int32> ints = 5 [(kalix.field).jwt = {claim: RAW}];
  map<string,double> doubles = 6 [(kalix.field).jwt = {claim: RAW}];
  map<string,Color> colors = 7 [(kalix.field).jwt = {claim: RAW}];
  map<string,P> messages = 8 [(kalix.field).jwt = {claim: RAW}];
}
message Bytes { string tok = 1 [(kalix.field).jwt = {token: true}]; map<string,bytes> raw = 2 [(kalix.field).jwt = {claim: RAW}]; }
message Nested { map<string,string> raw = 1 [(kalix.field).jwt = {claim: RAW}]; string tok = 2 [(kalix.field).jwt = {token: true}]; }
message Around { repeated Nested all = 1 [(kalix.field).jwt = {token: true}]; map<string,string> raw = 2 [(kalix.field).jwt = {claim: RAW}]; Deep deep = 3 [(kalix.field).jwt = {claim: NEST}]; repeated Deep deeps = 4 [(kalix.field).jwt = {claim: NEST}]; }
message Deep { map<string,string> raw = 1 [(kalix.field).jwt = {claim: RAW}]; }
message Owner { string tok = 1 [(kalix.field).jwt = {token: true}]; Deep deep = 2 [(kalix.field).jwt = {claim: NEST}]; }
`, policytest.Setup{})
	check(t, w, map[string]row{
		"separate entries": {in: `{"tok":$({"sub":"s","b":true,"n":1,"f":1.5,"c":"RED","o":{"s":"x"},"a":["x"],"z":null})}`,
			want: `{"tok":"…","texts":{"c":"RED","sub":"s"},"bools":{"b":true},"ints":{"n":1},"doubles":{"f":1.5,"n":1},"colors":{"c":"RED"},"messages":{"o":{"s":"x"}}}`},
		"received entries are dropped":   {in: `{"tok":$({"k":"token"}),"texts":{"k":"body","admin":"true"},"bools":{"admin":true}}`, want: `{"tok":"…","texts":{"k":"token"}}`},
		"with INCLUDE":                   {in: `{"tok":$({"user":"a"}),"user":"b"}`, code: fault.ClaimMismatch, path: "user"},
		"S48 out of range, not integral": {in: `{"tok":$({"n":3000000000,"m":1.5,"k":1.0}) }`, want: `{"tok":"…","ints":{"k":1},"doubles":{"k":1,"m":1.5,"n":3000000000}}`},
		"base64":                         {of: "Bytes", in: `{"tok":$({"a":"aGk=","b":"!","c":1})}`, want: `{"tok":"…","raw":{"a":"aGk="}}`},
		"only the own level":             {of: "Owner", in: `{"tok":$({"top":"1","deep":{"in":"2"}}),"deep":{"raw":{"x":"body"}}}`, want: `{"tok":"…","deep":{"raw":{"in":"2"}}}`},
		"dropped without an object":      {of: "Owner", in: `{"tok":$({}),"deep":{"raw":{"x":"body"}}}`, want: `{"tok":"…","deep":{}}`},
		"in nested tokens":               {of: "Around", in: `{"all":[{"tok":$({"a":"1"}),"raw":{"x":"body"}}]}`, want: `{"all":[{"raw":{"a":"1"},"tok":"…"}]}`},
		"dropped without a token":        {of: "Around", in: `{"raw":{"x":"body"},"deep":{"raw":{"x":"body"}},"deeps":[{"raw":{"x":"body"}}]}`, want: `{"deep":{},"deeps":[{}]}`},
	})
}

// TestA41_NothingWrittenBeforeAllHasPassed: a message is checked completely before
// anything is written into it: after a refusal, the caller's message is unchanged.
func TestA41_NothingWrittenBeforeAllHasPassed(t *testing.T) {
	w := policytest.New(t, `
message M { string tok = 1 [(kalix.field).jwt = {token: true}]; string user = 2 [(kalix.field).jwt = {claim: EXTRACT}]; repeated M ms = 3 [(kalix.field).jwt = {token: true}]; map<string,string> raw = 4 [(kalix.field).jwt = {claim: RAW}]; }
`, policytest.Setup{})
	p, m := w.Message("M", `{"tok":"`+w.Token(`{"user":"a"}`)+`","raw":{"k":"v"},"ms":[{"tok":"`+w.Token(`{"user":"b"}`)+`"},{"tok":"`+tampered(w.Token(`{}`))+`"}]}`)
	before := w.JSON(m)
	tokens, err := w.Verifier.Message(context.Background(), p, m, nil)
	refused(t, err, fault.SignatureInvalid, "ms[1].tok")
	if tokens != nil {
		t.Error("tokens of a refused message")
	}
	if after := w.JSON(m); after != before {
		t.Errorf("got %[2]s\nwant %[1]s", before, after)
	}
}
