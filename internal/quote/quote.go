// Package quote makes external text safe to show: it cannot act on a terminal (S70), fill
// the screen (S35), or leak a credential (S69).
package quote

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// maxShown is the maximum number of characters after Shorten.
const maxShown = 64

// Shorten shortens text to 64 characters and escapes those that a terminal interprets
// (S35, S70).
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

// Cut returns at most this number of bytes of text, followed by "…" if text was longer.
func Cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// Escape writes each character that is not simply displayed as \uXXXX, except those in
// keep: control, format and bidirectional characters, line breaks of every kind, and
// invalid characters (S70). The spelling is JSON's, so that the value of a JSON string
// does not change.
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

// EscapeControls is Escape except for line breaks and tabs.
func EscapeControls(text string) string { return Escape(text, "\n\t") }

// Printable is EscapeControls, and leaves only the start of a token's header (S69).
func Printable(text string) string {
	if slices.ContainsFunc([]string{"eyJ", "eyA", "ew0", "ewk", "ewo"}, func(start string) bool { return strings.Contains(text, start) }) {
		text = regexp.MustCompile(`(`+tokenStart+`[A-Za-z0-9_-]{8,40})[A-Za-z0-9_-]*\.[A-Za-z0-9_.-]*`).ReplaceAllString(text, "$1…")
	}
	return EscapeControls(text)
}

// tokenStart matches the start of a token: base64url of {" and a letter, with or without
// white space after the brace. Some programs write the header on several lines.
const tokenStart = `e(?:yJ|(?:yA|w[0ko])[giJKN])`

// IsToken reports whether text begins like a token.
func IsToken(text string) bool { return regexp.MustCompile(`^` + tokenStart).MatchString(text) }

// OneLine is Printable, and escapes line breaks and tabs too.
func OneLine(text string) string {
	return strings.NewReplacer("\n", `\u000a`, "\t", `\u0009`).Replace(Printable(text))
}

// Message is Printable, and removes private keys that ended up in the wrong place (S69).
func Message(text string) string { return Printable(withoutSecrets(text)) }

// secretText matches what a message must never show (S69): the body of a private key in
// PEM, the private members of a JWK.
func secretText() *regexp.Regexp {
	return regexp.MustCompile(`(-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----)[A-Za-z0-9+/=\s\\]*(?:-----END [A-Z0-9 ]*-----)?` +
		`|(\\?"(?:k|d|p|q|dp|dq|qi|priv)\\?"\s*:\s*\\?")[A-Za-z0-9_-]+`)
}

// withoutSecrets removes private keys from the text of a message.
func withoutSecrets(text string) string {
	if !strings.Contains(text, "PRIVATE KEY") && !strings.Contains(text, `"`) {
		return text
	}
	return secretText().ReplaceAllString(text, "$1$2…")
}
