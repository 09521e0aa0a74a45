package inspectcmd

import (
	"fmt"
	"strings"
	"time"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

// tokenParts is what the text format shows of a token.
type tokenParts struct {
	header []strictjson.Member
	claims *jws.Claims // nil for none
}

// view is how a token is shown.
type view struct {
	now    time.Time
	format temporal.PermissionFormat // of the server for which the permissions are
}

// text returns the token as text with the styles s.
func (t tokenParts) text(s console.Styles, v view) string {
	text := s.Bold("Header") + "\n" + rows(t.header, s, nil)
	if t.claims == nil {
		return text
	}
	text += s.Bold("Claims") + "\n" + rows(t.claims.Members(), s, func(name string) string { return describeTime(t.claims, name, v.now) })
	if lines := permissionLines(t.claims, v.format); lines != "" {
		text += s.Bold("Temporal permissions") + "\n" + lines
	}
	return text
}

// showUnverified prints the content of a refused token to stderr, marked as unverified
// (S40): its claims often explain the refusal. A payload that is not a claims set is
// omitted.
func showUnverified(d command.Deps, compact string, v view) {
	t, err := jws.Decode(compact, jws.Limits{})
	if err != nil || len(t.Header) == 0 {
		return
	}
	d.Unverified("the token was refused; anyone could have written what follows",
		tokenParts{header: t.Header, claims: t.Claims}.text(console.Plain(), v))
}

// rows formats members as aligned lines. note describes values.
func rows(members []strictjson.Member, s console.Styles, note func(name string) string) string {
	width := 0
	for _, m := range members {
		width = max(width, len([]rune(quote.Printable(m.Name))))
	}
	var b strings.Builder
	for _, m := range members {
		name := quote.Printable(m.Name)
		value, isText := strictjson.String(m.Value)
		if !isText {
			value = string(m.Value)
		}
		fmt.Fprintf(&b, "  %s%s  %s", name, strings.Repeat(" ", width-len([]rune(name))), quote.OneLine(value))
		if note != nil {
			if text := note(m.Name); text != "" {
				b.WriteString("  " + s.Dim(text))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// describeTime describes a registered time: in local time, and relative to now.
func describeTime(c *jws.Claims, name string, now time.Time) string {
	read := map[string]func() (time.Time, error){"exp": c.Expiry, "nbf": c.NotBefore, "iat": c.IssuedAt}[name]
	if read == nil {
		return ""
	}
	at, err := read()
	if err != nil || at.IsZero() {
		return ""
	}
	away := at.Sub(now).Round(time.Second)
	distance := quote.Distance(max(away, -away))
	text := at.Local().Format("2006-01-02 15:04:05 MST")
	switch {
	case name == "exp" && away <= 0:
		return fmt.Sprintf("%s, expired %s ago", text, distance)
	case away < 0:
		return fmt.Sprintf("%s, %s ago", text, distance)
	default:
		return fmt.Sprintf("%s, in %s", text, distance)
	}
}

// permissionLines describes the permissions of a Temporal token, including those that a
// server would ignore.
func permissionLines(c *jws.Claims, format temporal.PermissionFormat) string {
	value, has := c.Get(temporal.PermissionsClaim)
	if !has {
		return ""
	}
	list, err := strictjson.Array(value, jws.MaxDepth)
	if err != nil {
		return "  none: the claim is not an array, so a server ignores it\n"
	}
	var b strings.Builder
	for _, entry := range list {
		text, isText := strictjson.String(entry)
		if !isText {
			fmt.Fprintf(&b, "  %s  ignored by a server: not a string\n", quote.OneLine(string(entry)))
			continue
		}
		p, err := format.Parse(text)
		if err != nil {
			fmt.Fprintf(&b, "  %s  has no effect: %s\n", quote.OneLine(text), quote.Printable(err.Error()))
			continue
		}
		fmt.Fprintf(&b, "  %s  %s\n", quote.OneLine(text), quote.OneLine(temporal.Explanation(p)))
	}
	return b.String()
}
