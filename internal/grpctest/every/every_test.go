package every

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/policytest"
)

// TestGeneratedFromEveryField: the generated code is that of policytest.EveryField, in the
// spelling of package jwtctl.v1.
func TestGeneratedFromEveryField(t *testing.T) {
	source, err := os.ReadFile("every.proto")
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`\(kalix\.(\w+)\)\.jwt`).ReplaceAllString(policytest.EveryField, "(jwtctl.v1.$1)")
	if _, got, _ := strings.Cut(string(source), "every\";\n"); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("every.proto has\n%s, want\n%s", got, want)
	}
	if n := File_every_proto.Messages().ByName("All").Fields().Len(); n != 25 { // after every.proto was changed: go generate
		t.Errorf("the generated code has %d fields, want 25", n)
	}
}
