package cli

import (
	"strings"
	"testing"
)

// TestS69_WithoutSecrets: no spelling of a private key gets through a message.
func TestS69_WithoutSecrets(t *testing.T) {
	t.Parallel()
	const body = "MIGHAgEAMBMGByqGSM49"
	for name, text := range map[string]string{
		"whole":     "-----BEGIN PRIVATE KEY-----\n" + body + "\n-----END PRIVATE KEY-----: no such file",
		"crlf":      "-----BEGIN RSA PRIVATE KEY-----\r\n" + body + "\r\n-----END RSA PRIVATE KEY-----",
		"shortened": "-----BEGIN EC PRIVATE KEY-----\\u000a" + body + "…",
		"escaped":   `"-----BEGIN PRIVATE KEY-----\n` + body + `\n-----END PRIVATE KEY-----\n" is wrong`,
		"jwk":       `{"kty":"oct","k":"` + body + `"} is wrong`,
		"quoted":    `"{\"kty\":\"EC\",\"d\": \"` + body + `\"}" is wrong`,
		"cut":       `{"kty":"oct","k":"` + body,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := withoutSecrets(text); strings.Contains(got, body[:4]) || !strings.Contains(got, "…") {
				t.Errorf("%q", got)
			}
		})
	}
	for _, text := range []string{"key.pem: no such file", `"a" is none of "k", "d"`, `keys: no key has the id "d"`} {
		if got := withoutSecrets(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// TestDurationHint: durations as other tools write them lead to ours.
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
