package policytest

import (
	"fmt"
	"slices"
	"strings"
)

// imports are those of every random schema.
const imports = ` package t;
import "kalix/annotations.proto"; import "google/protobuf/any.proto"; import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto";
`

// common are the types without annotations that every schema has, by dialect:
// %[1]s is the label of singular fields.
const common = `
message Plain { %[1]s string s = 1; repeated int64 ns = 2; }
message Inner { oneof who { string user = 1; string admin = 2; } %[1]s int32 n = 3; %[1]s Plain plain = 4; }
`

// Bare returns the source without annotations, for readers that need none.
func (s *Schema) Bare() string { return s.render(false) }

func (s *Schema) render(annotated bool) string {
	var b strings.Builder
	b.WriteString(string(s.Dialect))
	b.WriteString(imports)
	label := map[Dialect]string{Proto2: "optional", Proto3: "", Edition2023: ""}[s.Dialect]
	closed := map[Dialect]string{Edition2023: "option features.enum_type = CLOSED; "}[s.Dialect]
	fmt.Fprintf(&b, common, label)
	b.WriteString("enum Color { NONE = 0; RED = 1; BLUE = 2; }\n")
	if s.Dialect != Proto3 {
		fmt.Fprintf(&b, "enum Level { %sROOT = 3; GUEST = 4; }\n", closed)
	}
	validate := "validate: MESSAGE"
	switch {
	case s.Hazard == Unspecified:
		validate = "validate: UNSPECIFIED"
	case s.Bearer:
		validate += " validate: BEARER_TOKEN"
	}
	sign := " sign: MESSAGE"
	if s.Root.UsesBearer && !slices.ContainsFunc(s.Root.Fields, func(f *Field) bool { return f.Token }) {
		sign = ""
	}
	if annotated {
		fmt.Fprintf(&b, "service S { rpc Call(M) returns (M) { option (kalix.method).jwt = {%s%s}; } }\n", validate, sign)
	}
	for _, t := range s.order {
		t.render(&b, annotated)
	}
	return b.String()
}

func (t *Type) render(b *strings.Builder, annotated bool) {
	fmt.Fprintf(b, "message %s {\n", t.Name)
	if t.UsesBearer && annotated {
		b.WriteString("  option (kalix.message).jwt = {validate_bearer_token: true};\n")
	}
	seen := map[string]bool{}
	for _, f := range t.Fields {
		switch {
		case f.Oneof == "":
			fmt.Fprintf(b, "  %s\n", f.render(annotated))
		case !seen[f.Oneof]:
			seen[f.Oneof] = true
			fmt.Fprintf(b, "  oneof %s {\n", f.Oneof)
			for _, member := range t.Fields {
				if member.Oneof == f.Oneof {
					fmt.Fprintf(b, "    %s\n", member.render(annotated))
				}
			}
			b.WriteString("  }\n")
		}
	}
	b.WriteString("}\n")
}

func (f *Field) render(annotated bool) string {
	options := slices.Clone(f.options)
	if jwt := f.jwt(); jwt != "" && annotated {
		options = append(options, "(kalix.field).jwt = {"+jwt+"}")
	}
	var brackets, label string
	if len(options) > 0 {
		brackets = " [" + strings.Join(options, ", ") + "]"
	}
	if f.Label != "" {
		label = f.Label + " "
	}
	if f.Kind == "group" {
		return fmt.Sprintf("%sgroup F%d = %d%s { optional string s = 1; repeated int64 ns = 2; }", label, f.Number, f.Number, brackets)
	}
	return fmt.Sprintf("%s%s %s = %d%s;", label, f.Kind, f.Name, f.Number, brackets)
}

func (f *Field) jwt() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if f.Token {
		add("token: true")
	}
	if f.Claim != "" {
		add("claim: %s", f.Claim)
	}
	if f.Claim != "" && f.ClaimName != "" && f.ClaimName != f.Name {
		add("name: %q", f.ClaimName)
	}
	for _, issuer := range f.Issuers {
		add("issuer: %q", issuer)
	}
	for _, claim := range f.BearerClaims {
		add("include_bearer_token_claim: %q", claim)
	}
	if f.ParentClaims {
		add("include_parent_claims: true")
	}
	if f.Expires != 0 {
		add("expires_seconds: %d", f.Expires)
	}
	for _, s := range f.Static {
		add("static_claim: {claim: %q value: %q}", s[0], s[1])
	}
	return strings.Join(parts, " ")
}
