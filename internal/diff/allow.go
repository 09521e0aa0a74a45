package diff

import (
	"fmt"
	"strings"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
	"github.com/jwtctl/jwtctl/internal/suggest"
)

// Entry accepts a change that lets more through, for a limited time.
type Entry struct {
	// Kind, Subject and What must equal those of the change exactly: an entry accepts one
	// added issuer, not others.
	Kind, Subject, What string
	// Reason explains the entry to readers of the file.
	Reason string
	// Until is the last day, in UTC, on which the entry is valid: "2026-12-31".
	Until string
}

// expires returns the time at which e becomes invalid.
func (e Entry) expires() time.Time {
	day, _ := time.Parse(time.DateOnly, e.Until)
	return day.AddDate(0, 0, 1)
}

// accepts reports whether e matches c.
func (e Entry) accepts(c Change) bool {
	return e.Kind == c.Kind && e.Subject == c.Subject && e.What == c.What && c.Direction >= Unknown
}

// String returns e as ReadAllow reads it.
func (e Entry) String() string {
	var b strings.Builder
	for i, m := range [][2]string{{"kind", e.Kind}, {"subject", e.Subject}, {"what", e.What}, {"reason", e.Reason}, {"until", e.Until}} {
		if m[0] == "what" && m[1] == "" {
			continue
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s: %s", strictjson.Quote(m[0]), strictjson.Quote(m[1]))
	}
	return "{" + b.String() + "}"
}

// Entry returns the entry that accepts c, without reason and last day.
func (c Change) Entry() Entry { return Entry{Kind: c.Kind, Subject: c.Subject, What: c.What} }

// Allow is the content of an allow file.
type Allow []Entry

// maxDepth is the nesting of an allow file.
const maxDepth = 2

// ReadAllow parses an allow file: a strict JSON array of objects with "kind", "subject",
// "reason", "until" and, if the change has one, "what". The error is config_invalid about
// "entry N", counted from 1, or about the file. An entry without reason or last day, or
// that could not match any change, is invalid.
func ReadAllow(data []byte) (Allow, error) {
	list, err := strictjson.Array(data, maxDepth)
	if err != nil {
		return nil, fault.New(fault.ConfigInvalid, "", "not a valid list of changes: %w", err).
			WithHint(`write [{"kind": "…", "subject": "…", "reason": "…", "until": "2026-12-31"}]`)
	}
	kinds, allow := byID(), Allow{}
	seen := map[Entry]int{}
	for i, value := range list {
		e, err := readEntry(value, kinds)
		if err != nil {
			return nil, err.About(fmt.Sprintf("entry %d", i+1))
		}
		same := Entry{Kind: e.Kind, Subject: e.Subject, What: e.What}
		if first, twice := seen[same]; twice {
			return nil, fault.New(fault.ConfigInvalid, fmt.Sprintf("entry %d", i+1), "accepts the same change as entry %d", first)
		}
		seen[same] = i + 1
		allow = append(allow, e)
	}
	return allow, nil
}

func readEntry(value strictjson.Value, kinds map[string]Kind) (e Entry, _ *fault.Error) {
	invalid := func(format string, args ...any) *fault.Error {
		return fault.New(fault.ConfigInvalid, "", format, args...)
	}
	members, err := strictjson.Object(value, maxDepth-1)
	if err != nil {
		return e, invalid("must be a JSON object of strings: %w", err)
	}
	texts := map[string]*string{"kind": &e.Kind, "subject": &e.Subject, "what": &e.What, "reason": &e.Reason, "until": &e.Until}
	for _, m := range members {
		into, known := texts[m.Name]
		if !known {
			return e, invalid("unknown member %q: an entry has kind, subject, what, reason and until", quote.Shorten(m.Name))
		}
		text, ok := strictjson.String(m.Value)
		if !ok {
			return e, invalid("%s must be a JSON string", m.Name)
		}
		*into = text
	}
	for _, name := range []string{"kind", "subject", "reason", "until"} {
		if strings.TrimSpace(*texts[name]) == "" {
			return e, invalid("it has no %s", name)
		}
	}
	kind, known := kinds[e.Kind]
	switch _, err := time.Parse(time.DateOnly, e.Until); {
	case !known:
		return e, unknownKind(e.Kind, kinds)
	case kind.Direction < Unknown:
		return e, invalid("changes of the kind %s need not be accepted: they are %s", e.Kind, kind.Direction)
	case err != nil:
		return e, invalid("until must be a date such as 2026-12-31 (got %q)", quote.Shorten(e.Until))
	}
	return e, nil
}

func unknownKind(name string, kinds map[string]Kind) *fault.Error {
	var ids []string
	for _, k := range Kinds() {
		if kinds[k.ID].Direction >= Unknown {
			ids = append(ids, k.ID)
		}
	}
	err := fault.New(fault.ConfigInvalid, "", "unknown kind of change %q", quote.Shorten(name))
	if like := suggest.Nearest(name, ids); like != "" {
		return err.WithHint("did you mean %s?", like)
	}
	return err
}

// Apply returns the changes, marking those that an entry accepts at now. expired are the
// entries that are no longer valid, whether or not they match; unused are other entries
// that match no change, which should be removed before such a change comes back.
func (a Allow) Apply(changes []Change, now time.Time) (marked []Change, expired, unused []Entry) {
	marked = append(marked, changes...)
	for _, e := range a {
		if !now.Before(e.expires()) {
			expired = append(expired, e)
			continue
		}
		used := false
		for i := range marked {
			if e.accepts(marked[i]) {
				marked[i].Accepted, used = &e, true
			}
		}
		if !used {
			unused = append(unused, e)
		}
	}
	return marked, expired, unused
}
