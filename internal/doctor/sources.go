package doctor

import (
	"net"
	"net/url"
	"strings"

	"github.com/jwtctl/jwtctl/internal/serverconfig"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

func shownSource(v serverconfig.Value) string {
	v.Text = temporal.RedactSource(v.Text)
	return shown(v)
}

func keySourceUnsupported(x *pass, c *serverconfig.Config) {
	for _, s := range c.Sources {
		if err := x.Release.SourceFailure(s.Text); err != nil {
			x.report(place(s, c), "the key source %s: %v", shownSource(s), err)
		}
	}
}

// fetched yields the key sources that were asked, with their answers.
func (x *pass) fetched(yield func(serverconfig.Value, temporal.Document) bool) {
	for i, d := range x.Sources {
		if i >= len(x.Config.Sources) || x.Release.SourceFailure(d.Source) != nil {
			continue // said already
		}
		if !yield(x.Config.Sources[i], d) {
			return
		}
	}
}

func keySourceUnreachable(x *pass, c *serverconfig.Config) {
	for s, d := range x.fetched {
		switch {
		case d.Failure != nil:
			x.report(place(s, c), "the key source cannot be read from here: %v", d.Failure)
		case d.Status != 0:
			x.report(place(s, c), "the key source answered with status %d; the server ignores the status and reads the body", d.Status)
		}
	}
}

// keySetUnusable and keySkipped look at each source by itself.
func keySetUnusable(x *pass, c *serverconfig.Config) {
	for s, d := range x.fetched {
		if d.Failure != nil {
			continue
		}
		if set := temporal.ReadKeySet(d); len(set.Usable()) == 0 {
			x.report(place(s, c), "no usable key for the server in %s: %s", shownSource(s), strings.Join(set.Notes(), "; "))
		}
	}
}

func keySkipped(x *pass, c *serverconfig.Config) {
	for s, d := range x.fetched {
		if d.Failure != nil {
			continue
		}
		if set := temporal.ReadKeySet(d); len(set.Usable()) > 0 {
			for _, note := range set.Notes() {
				x.report(place(s, c), "%s", note)
			}
		}
	}
}

func keySourceLoopback(x *pass, c *serverconfig.Config) {
	if c.Form == serverconfig.Static {
		return
	}
	for _, s := range c.Sources {
		u, err := url.Parse(s.Text)
		if err != nil {
			continue
		}
		host := u.Hostname()
		if ip := net.ParseIP(host); u.Scheme != "file" && (strings.EqualFold(host, "localhost") || ip != nil && (ip.IsLoopback() || ip.IsUnspecified())) {
			x.report(place(s, c), "the key source %s is the server's container itself", shownSource(s))
		}
	}
}

// shared are issuers whose keys sign tokens for everyone.
func shared() []string {
	return []string{"www.googleapis.com", "login.microsoftonline.com", "token.actions.githubusercontent.com", "gitlab.com", "appleid.apple.com"}
}

func issuerUnchecked(x *pass, c *serverconfig.Config) {
	if strings.TrimSpace(c.Audience.Text) != "" {
		return
	}
	for _, s := range c.Sources {
		u, err := url.Parse(s.Text)
		if err != nil {
			continue
		}
		for _, host := range shared() {
			if u.Hostname() == host {
				x.report(place(s, c), "%s signs tokens for anyone, but no audience is set", host)
			}
		}
	}
}
