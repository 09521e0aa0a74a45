package plan_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/protofile"
)

// BenchmarkLoad measures the part of starting sign or verify that depends on the size of
// the policy: compiling sources, reading annotations, linting for errors, compiling the
// plan.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{200, 2_000, 20_000} {
		b.Run(fmt.Sprint(n, " messages"), func(b *testing.B) {
			dir := b.TempDir()
			const perFile = 1_000
			for first := 0; first < n; first += perFile {
				name := fmt.Sprintf("f%d.proto", first/perFile)
				if err := os.WriteFile(filepath.Join(dir, name), source(first, min(n, first+perFile)), 0o600); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				set, err := protofile.Load(context.Background(), protofile.Sources{Protos: []string{dir}})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := plan.Compile(policy.Read(set), os.LookupEnv); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/message")
		})
	}
}

// source returns a file of annotated messages, each with a method that validates it.
func source(from, to int) []byte {
	var text strings.Builder
	fmt.Fprintf(&text, "syntax = \"proto3\"; package p%d; import \"kalix/annotations.proto\";\n", from)
	fmt.Fprintf(&text, "service S { option (kalix.service).jwt = {validate: BEARER_TOKEN bearer_token_issuer: \"me\"};\n")
	for i := from; i < to; i++ {
		fmt.Fprintf(&text, "  rpc Do%d(M%d) returns (M%d) { option (kalix.method).jwt = {validate: BEARER_TOKEN validate: MESSAGE bearer_token_issuer: \"me\"}; }\n", i, i, i)
	}
	text.WriteString("}\n")
	for i := from; i < to; i++ {
		fmt.Fprintf(&text, `message M%d {
  string token = 1 [(kalix.field).jwt = {token: true issuer: "me" static_claim: {claim: "role" pattern: "a|b"}}];
  string user = 2 [(kalix.field).jwt = {claim: INCLUDE}];
  int64 amount = 3 [(kalix.field).jwt = {claim: EXTRACT name: "sum"}];
}
`, i)
	}
	return []byte(text.String())
}
