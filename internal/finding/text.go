package finding

import (
	"bytes"
	"fmt"
	"io"

	"github.com/jwtctl/jwtctl/internal/quote"
)

// TextOptions configure the text format.
type TextOptions struct {
	// Escape, if not nil, is applied to every external text. Afterwards, remaining
	// characters that a terminal interprets, including line breaks, are written as \uXXXX
	// (S70).
	Escape func(string) string
	// Paint colors the word for the severity; nil means no color (S71).
	Paint func(Severity, string) string
}

// WriteText prints a line for each finding, "f.proto:12:5: error: message (rule-id)",
// followed by its hint, if any. Without findings it prints nothing; a summary is up to
// the caller.
func (r Report) WriteText(w io.Writer, opts TextOptions) error {
	clean := func(text string) string {
		if opts.Escape != nil {
			text = opts.Escape(text)
		}
		return quote.Escape(text, "")
	}
	var b bytes.Buffer
	for _, f := range Sort(r.Findings) {
		if at := f.Pos.String(); at != "" {
			fmt.Fprintf(&b, "%s: ", clean(at))
		}
		word := f.Severity.String()
		if opts.Paint != nil {
			word = opts.Paint(f.Severity, word)
		}
		fmt.Fprintf(&b, "%s: %s", word, clean(f.Message))
		if f.Rule != "" {
			fmt.Fprintf(&b, " (%s)", clean(f.Rule))
		}
		b.WriteByte('\n')
		if f.Hint != "" {
			fmt.Fprintf(&b, "    hint: %s\n", clean(f.Hint))
		}
	}
	_, err := b.WriteTo(w)
	return err
}
