package quote

import (
	"encoding/base64"
	"strings"
	"testing"
)

// TestS69_WithoutSecrets: no spelling of a private key passes into a message.
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
		"AKP":       `{"kty":"AKP","priv":"` + body + `"} is wrong`,
		"cut":       `{"kty":"oct","k":"` + body,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := withoutSecrets(text); strings.Contains(got, body[:4]) || !strings.Contains(got, "…") {
				t.Errorf("got %q, want %q in it", got, "…")
			}
		})
	}
	for _, text := range []string{"key.pem: no such file", `"a" is not one of "k", "d"`, `keys: no key has the id "d"`} {
		if got := withoutSecrets(text); got != text {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

// TestS69_NoTokenInMessages: of a token only the start of its header is printed, however
// its header is written.
func TestS69_NoTokenInMessages(t *testing.T) {
	for _, header := range []string{`{"alg":"none"}`, `{"typ":"JWT"}`, `{ "alg":"none"}`, "{\n  \"alg\":\"none\"}", "{\r\n\t\"alg\":\"none\"}", "{\t\"alg\":\"none\"}", "{\n\"alg\":\"none\"}", "{ \r\n\"alg\":\"none\"}"} {
		text := base64.RawURLEncoding.EncodeToString([]byte(header)) + ".e30.c2VjcmV0"
		if got := Printable("open " + text + ": no such file"); strings.Contains(got, ".e30") || !strings.Contains(got, "…: no such file") {
			t.Errorf("%q: got %q", header, got)
		}
		if !IsToken(text) {
			t.Errorf("%q: not recognized", header)
		}
	}
	for _, text := range []string{"key.priv.pem", "https://eyes.example.com/survey.Answers", "ewoks.and.ewes", "newkey.signing.example.com", "keyAccess.service.example"} {
		if got := Printable(text); got != text || IsToken(text) {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// TestS70_Shorten: at most 64 characters, and none that a terminal interprets.
func TestS70_Shorten(t *testing.T) {
	long := strings.Repeat("é", 65)
	for text, want := range map[string]string{
		"":                         "",
		"plain text":               "plain text",
		"é 世界 😀":                   "é 世界 😀",
		"\x1b[31m":                 `\u001b[31m`,
		"\x1b]52;c;AAAA\a":         `\u001b]52;c;AAAA\u0007`,
		"a\rb\nc\td\x00e\x7f":      `a\u000db\u000ac\u0009d\u0000e\u007f`,
		"\u202e\u2066\u200b\ufeff": `\u202e\u2066\u200b\ufeff`,
		"\u0085\u009b31m":          `\u0085\u009b31m`,
		"\u00a0\u2028":             `\u00a0\u2028`,
		"\xff\xfe":                 "��",
		long:                       long[:128] + "…",
		long[:128]:                 long[:128],
	} {
		if got := Shorten(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
