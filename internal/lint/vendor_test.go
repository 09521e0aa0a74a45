package lint_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/lint"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/protofile"
	"github.com/jwtctl/jwtctl/internal/vendortest"
)

// TestA2_VendorSamples: with the vendor's schema on the import path, the examples of its
// documentation have no false errors; nor do the vendor's own files. Its published schema
// has no static claims and service options yet, so examples with those are linted with
// jwtctl's schema only.
func TestA2_VendorSamples(t *testing.T) {
	const fixtures = "../../testdata/proto"
	vendor := vendortest.Protos(t)
	all, err := filepath.Glob(fixtures + "/*.proto")
	if err != nil {
		t.Fatal(err)
	}
	newer := []string{"mixed.proto", "service.proto", "static_claim.proto"}
	published := slices.DeleteFunc(slices.Clone(all), func(path string) bool { return slices.Contains(newer, filepath.Base(path)) })
	tests := map[string]protofile.Sources{
		"our schema":         {ImportPaths: []string{fixtures}, Protos: all},
		"vendor's schema":    {ImportPaths: []string{fixtures, vendor}, Protos: published},
		"vendor's own files": {ImportPaths: []string{vendor}, Protos: []string{vendor}},
	}
	for name, src := range tests {
		t.Run(name, func(t *testing.T) {
			set, err := protofile.Load(context.Background(), src)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range lint.Check(policy.Read(set), lint.Options{}) {
				// The examples have no findings except for a request that is accepted
				// without a token (A49).
				if f.Severity > finding.Note && f.Rule != "every-token-optional" {
					t.Errorf("%s: %s: %s (%s)", f.Pos, f.Severity, f.Message, f.Rule)
				}
			}
		})
	}
}
