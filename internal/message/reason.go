package message

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// subject is at fault in every error; callers that know the file use About.
const subject = "message"

func malformed(format string, args ...any) *fault.Error {
	return fault.New(fault.MessageMalformed, subject, format, args...)
}

func (c *Codec) tooManyAnys() *fault.Error {
	return fault.New(fault.LimitExceeded, subject, `objects with "@type" are nested more than %d levels deep`, c.limits.AnyDepth)
}

func unknownType(url string) *fault.Error {
	return malformed("%s", unknownTypeText(strconv.Quote(quote.Shorten(url))))
}

func unknownTypeText(quoted string) string {
	return "the descriptors have no type " + quoted + ", which an Any names"
}

// position is formatted as "line:column", both from 1.
type position struct{ line, column int }

func (p position) String() string { return fmt.Sprintf("%d:%d", p.line, p.column) }

// reason returns protojson's reason without the values that it quotes: one of them could
// be a token (S69).
func reason(err error) string {
	text := strings.TrimLeftFunc(strings.TrimPrefix(err.Error(), "proto:"), unicode.IsSpace)
	where := ""
	if _, rest, found := strings.Cut(text, "(line "); found {
		if at, why, found := strings.Cut(rest, "): "); found {
			where, text = "line "+at+": ", why
		}
	}
	return where + withoutValues(text)
}

func withoutValues(text string) string {
	for _, harmless := range []string{"unknown field ", "duplicate ", "missing ", "required field "} {
		if name, found := strings.CutPrefix(text, harmless); found {
			return harmless + quote.Shorten(name)
		}
	}
	if quoted, found := strings.CutPrefix(text, "unable to resolve "); found {
		quoted, _, _ = strings.Cut(quoted, `: "`)
		return unknownTypeText(quote.Shorten(quoted))
	}
	if _, oneof, found := strings.Cut(text, ", oneof "); found {
		return "oneof " + quote.Shorten(oneof)
	}
	plain, _, found := strings.Cut(text, `"`)
	if plain = strings.TrimRight(plain, ": "); found {
		plain += " (a string)"
	}
	return shortenTail(plain)
}

// shortenTail keeps the names of types and fields, which come from the schema, and
// shortens the text after them.
func shortenTail(text string) string {
	head, tail, found := strings.Cut(text, ": ")
	if !found {
		return head
	}
	return head + ": " + quote.Shorten(tail)
}
