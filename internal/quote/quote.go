// Package quote makes text from outside fit to be shown: it can neither act on
// a terminal (S70), nor fill a screen (S35), nor leak a credential (S69).
package quote

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// maxShown is how many characters Shorten leaves.
const maxShown = 64

// Shorten cuts text to at most 64 characters and escapes those that a terminal
// would act on (S35, S70).
func Shorten(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n == maxShown {
			b.WriteString("…")
			break
		}
		n++
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String()
}

// Cut returns at most so many bytes of text, and "…" behind them where there were more.
func Cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// Escape writes each character that does something other than show itself as
// \uXXXX, but those of keep: control, format and bidirectional characters, line
// breaks of every kind, and what is not a character (S70). The spelling is
// JSON's, so that within a JSON string the value stays the same.
func Escape(text, keep string) string {
	acts := func(r rune) bool { return !unicode.IsPrint(r) && !strings.ContainsRune(keep, r) }
	if utf8.ValidString(text) && strings.IndexFunc(text, acts) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if !acts(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// EscapeControls is Escape that keeps line breaks and tabs.
func EscapeControls(text string) string { return Escape(text, "\n\t") }

// Printable is EscapeControls that leaves of a token only the start of its
// header (S69).
func Printable(text string) string {
	if strings.Contains(text, "eyJ") {
		text = regexp.MustCompile(`(eyJ[A-Za-z0-9_-]{8,40})[A-Za-z0-9_-]*\.[A-Za-z0-9_.-]*`).ReplaceAllString(text, "$1…")
	}
	return EscapeControls(text)
}

// OneLine is Printable that escapes line breaks and tabs too.
func OneLine(text string) string {
	return strings.NewReplacer("\n", `\u000a`, "\t", `\u0009`).Replace(Printable(text))
}

// Message is Printable without private keys that ended up in the wrong place
// (S69).
func Message(text string) string { return Printable(withoutSecrets(text)) }

// secretText matches what a message must not show (S69), however it came
// there: the body of a private key in PEM, the private members of a JWK.
func secretText() *regexp.Regexp {
	return regexp.MustCompile(`(-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----)[A-Za-z0-9+/=\s\\]*(?:-----END [A-Z0-9 ]*-----)?` +
		`|(\\?"(?:k|d|p|q|dp|dq|qi)\\?"\s*:\s*\\?")[A-Za-z0-9_-]+`)
}

// withoutSecrets cuts private keys out of the text of a message.
func withoutSecrets(text string) string {
	if !strings.Contains(text, "PRIVATE KEY") && !strings.Contains(text, `"`) {
		return text
	}
	return secretText().ReplaceAllString(text, "$1$2…")
}
