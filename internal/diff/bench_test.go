package diff

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// BenchmarkCompare compares policies of 200 and 2,000 methods with a message each, where
// every method has become weaker. ns/message should not grow. Compare runs lint first, on
// both versions.
func BenchmarkCompare(b *testing.B) {
	for _, n := range []int{200, 2000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			source := func(options, claim string) string {
				var s strings.Builder
				fmt.Fprintf(&s, "service S {\n  option (kalix.service).jwt = {validate: BEARER_TOKEN %s};\n", options)
				for i := range n {
					fmt.Fprintf(&s, "  rpc Do%d(M%d) returns (M%d);\n", i, i, i)
				}
				s.WriteString("}\n")
				for i := range n {
					fmt.Fprintf(&s, "message M%d { string tok = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; string a = 2%s; repeated M%d next = 3 [(kalix.field).jwt = {token: true}]; }\n", i, claim, (i+1)%n)
				}
				return s.String()
			}
			const pattern = `static_claim: {claim: "sub" pattern: "[a-z0-9-]{1,20}%s"}`
			before := policytest.Load(b, source(fmt.Sprintf(pattern, ""), " [(kalix.field).jwt = {claim: INCLUDE}]"))
			after := policytest.Load(b, source(fmt.Sprintf(pattern, "x?"), ""))
			b.Run("lint", func(b *testing.B) {
				for b.Loop() {
					if plan.Valid(before) != nil || plan.Valid(after) != nil {
						b.Fatal("not valid")
					}
				}
			})
			b.Run("compare", func(b *testing.B) {
				for b.Loop() {
					if changes, err := Compare(before, after); err != nil || len(changes) < 2*n {
						b.Fatal(len(changes), err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/message")
			})
		})
	}
}
