package finding

import (
	"bytes"
	"testing"
)

// sample has a finding of each severity, two that differ only in their position, a
// duplicate, and some with few details.
func sample() Report {
	ref := Finding{
		Severity: Error, Rule: "claim-cycle", Message: "A holds B holds A (shop/v1/order.proto:40:3)",
		Hint: "break the cycle with NONE", Pos: Position{"shop/v1/order.proto", 12, 5}, Subject: "shop.v1.Order.parent",
	}
	moved := ref
	moved.Pos.Line = 9
	return Report{
		Tool: "jwtctl lint", Version: "1.2.3",
		Rules: []Rule{
			{ID: "secret-name", Severity: Note, Purpose: "lists the variables that ${NAME} reads"},
			{ID: "claim-cycle", Severity: Error, Purpose: "finds claims that hold themselves", Refs: []string{"A100", "A101"}},
			{ID: "iss-as-static-claim", Severity: Warning, Purpose: "finds iss among static claims", Refs: []string{"A73"}},
		},
		Findings: []Finding{
			{Severity: Note, Rule: "secret-name", Message: "needs ${PARTNER_SECRET}", Pos: Position{"shop/v1/order.proto", 30, 0}, Subject: "shop.v1.Order"},
			ref,
			{Severity: Warning, Rule: "iss-as-static-claim", Message: `iss is a static claim: "a" & <b>`, Pos: Position{"auth/a b.proto", 3, 1}, Subject: "auth.S.Do"},
			moved,
			ref,
			{Severity: Error, Rule: "unlisted-rule", Message: "no source info, see [the guide](1)", Pos: Position{File: "build/api.binpb"}},
			{Severity: Error, Message: "nothing known"},
		},
	}
}

// render prints r in format, as it must succeed.
func render(t testing.TB, r Report, format string) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b, format, TextOptions{}); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return b.String()
}
