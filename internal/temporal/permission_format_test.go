package temporal

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const roleFirst = `^(?P<role>\w+):(?P<namespace>\w+)$`

// TestExplainReadsPermissionsByPattern checks how permissionsRegex changes the parsing of
// permissions (temporal.md section 6).
func TestExplainReadsPermissionsByPattern(t *testing.T) {
	for name, row := range map[string]struct {
		pattern, permission string
		allowed             bool
		reason              string
	}{
		"none":                        {"", "default:write", true, ""},
		"role first":                  {roleFirst, "write:default", true, ""},
		"role first, namespace first": {roleFirst, "default:write", false, ""},
		"no match":                    {roleFirst, "default/write", false, "permissionsRegex"},
		"cluster":                     {`(?P<role>\w+)@(?P<namespace>.*)`, "admin@temporal-system", true, ""},
		"anywhere in the text":        {`(?P<namespace>\w+)/(?P<role>\w+)`, "x-default/WRITE", true, ""},
		"no groups falls back":        {`^(\w+):(\w+)$`, "default:write", true, ""},
		"one group falls back":        {`^(?P<role>\w+):(\w+)$`, "default:write", true, ""},
		"not a pattern falls back":    {`(`, "default:write", true, ""},
		"last group of a name":        {`(?P<role>\w+)-(?P<role>\w+):(?P<namespace>\w+)`, "read-write:default", true, ""},
		".NET syntax of groups":       {`(?<role>\w+)!(?<namespace>\w+)`, "write!default", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := ReadPermissionFormat(row.pattern)
			v := explain(t, Header(es256(map[string]any{"permissions": []string{row.permission}})), func(r *Request) { r.Format = f })
			if v.Allowed != row.allowed {
				t.Errorf("got %+v", v)
			}
			if row.reason != "" && !strings.Contains(v.Faults[len(v.Faults)-1].Reason, row.reason) {
				t.Errorf("want %q in %+v", row.reason, v.Faults)
			}
			if strings.Contains(name, "falls back") != (f.Problem != "") {
				t.Errorf("problem %q", f.Problem)
			}
		})
	}
}

// TestPermissionFormatWritesWhatItReads: Write returns a text that parses as the same
// permission, or an error.
func TestPermissionFormatWritesWhatItReads(t *testing.T) {
	patterns := []string{
		"", roleFirst, `^(?P<namespace>[^:]+):(?P<role>[a-z]+)$`, `temporal/(?P<namespace>.+)/(?P<role>read|write|admin|worker)`, `(?P<namespace>a+)(?P<role>b)`,
		`^TEMPORAL_(?P<role>READ|WRITE|ADMIN|WORKER)_(?P<namespace>.*)$`, `(?i)^[0-9]{2,}\.(x(?P<role>\w+)y)?-(?P<namespace>\S+?)(#.*)?$`, `(?:a|(?P<namespace>.*)=(?P<role>.*))`,
	}
	for _, pattern := range patterns {
		_, err := ReadPermissionFormat(pattern).Write(Permission{Scope: "default", Role: RoleRead})
		if impossible := strings.Contains(pattern, "a+"); impossible != (err != nil) {
			t.Errorf("%q: %v", pattern, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.SampledFrom(patterns).Draw(t, "pattern")
		p := Permission{Scope: rapid.OneOf(rapid.SampledFrom([]string{"default", SystemScope}), rapid.String()).Draw(t, "scope"), Role: rapid.SampledFrom(Roles()).Draw(t, "role")}
		f := ReadPermissionFormat(pattern)
		text, err := f.Write(p)
		if err != nil {
			return
		}
		scope, role, found := f.split(text)
		if pattern != "" && (!found || scope != p.Scope || Role(strings.ToLower(role)) != p.Role) {
			t.Fatalf("%q: parsing %q: got %q, %q", pattern, text, scope, role)
		}
	})
}
