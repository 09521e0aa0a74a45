package proxy

import (
	"regexp"
	"strings"
	"testing"
)

const (
	aTrace  = "0af7651916cd43dd8448eb211c80319c"
	aSpan   = "b7ad6b7169203331"
	aParent = "00-" + aTrace + "-" + aSpan + "-01"
)

// TestTraceParent: exactly what W3C Trace Context defines as valid is accepted.
func TestTraceParent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"valid":                    {aParent, true},
		"not sampled":              {aParent[:53] + "00", true},
		"later version":            {"01" + aParent[2:], true},
		"later version, longer":    {"cc" + aParent[2:] + "-what.ever", true},
		"later version, no hyphen": {"cc" + aParent[2:] + ".what", false},
		"version 00, longer":       {aParent + "-x", false},
		"version ff":               {"ff" + aParent[2:], false},
		"version not hex":          {"0x" + aParent[2:], false},
		"upper case":               {strings.ToUpper(aParent), false},
		"no trace":                 {"00-" + strings.Repeat("0", 32) + "-" + aSpan + "-01", false},
		"no span":                  {"00-" + aTrace + "-" + strings.Repeat("0", 16) + "-01", false},
		"trace not hex":            {"00-" + strings.Repeat("x", 32) + "-" + aSpan + "-01", false},
		"span not hex":             {"00-" + aTrace + "-" + strings.Repeat("\x1b", 16) + "-01", false},
		"flags not hex":            {aParent[:53] + "0g", false},
		"no hyphens":               {strings.ReplaceAll(aParent, "-", "0"), false},
		"short":                    {aParent[:54], false},
		"empty":                    {"", false},
	} {
		trace, span, ok := parseTraceParent(c.text)
		if ok != c.ok || ok && (trace != aTrace || span != aSpan) || !ok && trace+span != "" {
			t.Errorf("%s: got %q, %q, %v, want %v", name, trace, span, ok, c.ok)
		}
	}
}

// FuzzTraceParent: an accepted value yields two IDs, whatever surrounds them.
func FuzzTraceParent(f *testing.F) {
	for _, seed := range []string{aParent, "cc" + aParent[2:] + "-more", aParent + "\n", strings.Repeat("-", 55)} {
		f.Add(seed)
	}
	trace, span := regexp.MustCompile(`^[0-9a-f]{32}$`), regexp.MustCompile(`^[0-9a-f]{16}$`)
	f.Fuzz(func(t *testing.T, text string) {
		if a, b, ok := parseTraceParent(text); ok && (!trace.MatchString(a) || !span.MatchString(b)) {
			t.Errorf("%q: got %q, %q", text, a, b)
		}
	})
}
