package config

import (
	"strings"
	"testing"
)

// TestDurationHint: durations in other tools' formats get a hint.
func TestDurationHint(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"60": "60s, 60m or 60h", "1d": "24h", "30d": "720h", "2 weeks": "336h", "1w": "168h",
		"": "", "soon": "", "1h": "", "-5": "", "9999999d": "",
	} {
		if got := durationHint(value); !strings.HasSuffix(got, want) || want == "" && got != "" {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}
