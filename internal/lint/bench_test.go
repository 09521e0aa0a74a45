package lint

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

// large returns a policy of n annotated messages without findings, in files of 1,000:
// services whose methods validate messages that nest and descend into others.
func large(t testing.TB, n int) *policy.Policy {
	t.Helper()
	files := map[string]string{}
	for first := 0; first < n; first += 1000 {
		var b strings.Builder
		for i := first; i < min(first+1000, n); i += 4 {
			fmt.Fprintf(&b, `
service S%[1]d { rpc Do(A%[1]d) returns (A%[1]d) { option (kalix.method).jwt = {validate: BEARER_TOKEN validate: MESSAGE sign: MESSAGE}; } }
message A%[1]d {
  string token = 1 [(kalix.field).jwt = {token: true issuer: "me" include_bearer_token_claim: "sub" static_claim: {claim: "role" pattern: "a|b"}}];
  B%[1]d b = 2 [(kalix.field).jwt = {claim: DESCEND}];
  repeated C%[1]d c = 3 [(kalix.field).jwt = {claim: NEST}];
  D%[1]d d = 4 [(kalix.field).jwt = {token: true}];
}
message B%[1]d { int64 exp = 1 [(kalix.field).jwt = {claim: EXTRACT}]; string role = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }
message C%[1]d { string x = 1 [(kalix.field).jwt = {claim: INCLUDE name: "y"}]; map<string, string> raw = 2 [(kalix.field).jwt = {claim: RAW}]; }
message D%[1]d { bytes token = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; string x = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }
`, i)
		}
		files[fmt.Sprintf("f%05d.proto", first)] = b.String()
	}
	return protokit.Read(t, sources(t, files))
}

// BenchmarkCheck: time grows linearly with the number of messages.
func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{200, 2000, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := large(b, n)
			if found := Check(p, Options{}); len(found) > 0 {
				b.Fatalf("%d findings, the first %+v", len(found), found[0])
			}
			b.ReportAllocs()
			for b.Loop() {
				finding.Count(Check(p, Options{}))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/message")
		})
	}
}
