package policytest

import (
	"fmt"
	"strings"
)

// MethodKinds are the four kinds of method, as formats of a name and two types.
var MethodKinds = map[string]string{"Unary": "rpc %s(%s) returns (%s)", "Client": "rpc %s(stream %s) returns (%s)", "Server": "rpc %s(%s) returns (stream %s)", "Bidi": "rpc %s(stream %s) returns (stream %s)"}

// GuardedSource is a service with a method of each kind, validating its messages in
// each way, signing and not.
func GuardedSource() string {
	var b strings.Builder
	b.WriteString(`
message Own { string user = 1 [(kalix.field).jwt = {claim: INCLUDE}]; string tok = 2 [(kalix.field).jwt = {token: true}]; }
message Mine { option (kalix.message).jwt = {validate_bearer_token: true}; string sub = 1 [(kalix.field).jwt = {claim: EXTRACT}]; }
message Out { string user = 1 [(kalix.field).jwt = {claim: INCLUDE}]; string tok = 2 [(kalix.field).jwt = {token: true}]; }
service S {
`)
	for kind, form := range MethodKinds {
		for name, mode := range map[string][2]string{
			"M": {"Own", "validate: MESSAGE"}, "BM": {"Own", "validate: BEARER_TOKEN, validate: MESSAGE"}, "BMMine": {"Mine", "validate: BEARER_TOKEN, validate: MESSAGE"},
		} {
			for suffix, sign := range map[string]string{"": "", "Sign": ", sign: MESSAGE"} {
				fmt.Fprintf(&b, form+" { option (kalix.method).jwt = {%s%s}; }\n", kind+name+suffix, mode[0], "Out", mode[1], sign)
			}
		}
	}
	return b.String() + "}\n"
}
