package finding

import (
	"bytes"
	"fmt"
	"io"

	"github.com/jwtctl/jwtctl/internal/quote"
)

// TextOptions shape the text for its reader.
type TextOptions struct {
	// Escape is applied to every text from outside, before what it leaves of
	// characters that a terminal acts on, line breaks among them, is written as
	// \uXXXX (S70). Nil changes nothing before that.
	Escape func(string) string
	// Paint colours the word of the severity; nil means without colour (S71).
	Paint func(Severity, string) string
}

// WriteText prints a line for each finding, "f.proto:12:5: error: message
// (rule-id)", and below it its hint if it has one. Without findings it prints
// nothing: a summary is for the caller to write, and elsewhere.
func (r Report) WriteText(w io.Writer, opts TextOptions) error {
	clean := func(text string) string {
		if opts.Escape != nil {
			text = opts.Escape(text)
		}
		return quote.Escape(text, "")
	}
	var b bytes.Buffer
	for _, f := range Sort(r.Findings) {
		if at := f.At.String(); at != "" {
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
