package idp

import (
	"net/http"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// cookieName is the cookie of a browser's session.
const cookieName = "jwtctl_idp_session"

// session returns the session of the browser whose request has these headers.
func (p *Provider) session(header http.Header) (session, bool) {
	r := http.Request{Header: header}
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return session{}, false
	}
	return p.storage.sessions.get(cookie.Value)
}

// loggedIn returns who can log in to r without a page: the user of --auto-login, or of the
// browser's session, unless r requires another user or a new login.
func (p *Provider) loggedIn(header http.Header, r *request) (session, bool) {
	prompt := r.asked.Prompt
	candidate, found := p.session(header)
	now := p.o.Now()
	if auto := p.user(p.o.AutoLogin); auto != nil {
		candidate, found = session{auto, now}, true // logged in now, so that no max_age is too short
	} else if slices.Contains(prompt, oidc.PromptLogin) || slices.Contains(prompt, oidc.PromptSelectAccount) || slices.Contains(prompt, oidc.PromptConsent) {
		return session{}, false
	}
	switch {
	case !found, r.user != nil && r.user != candidate.user, r.asked.IDTokenHint != "" && r.user == nil:
		return session{}, false
	case r.asked.MaxAge != nil && now.Sub(candidate.authTime) > time.Duration(min(*r.asked.MaxAge, 1<<30))*time.Second:
		return session{}, false
	}
	return candidate, true
}

// beginSession logs user in to a browser.
func (p *Provider) beginSession(w http.ResponseWriter, user *User) session {
	s := session{user, p.o.Now().Truncate(time.Second)}
	id := newID()
	p.storage.sessions.put(id, s)
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return s
}

// endSession forgets the session of a request, and removes its cookie by a header in out.
func (p *Provider) endSession(header, out http.Header) {
	r := http.Request{Header: header}
	if cookie, err := r.Cookie(cookieName); err == nil {
		p.storage.sessions.take(cookie.Value)
	}
	gone := http.Cookie{Name: cookieName, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	out.Add("Set-Cookie", gone.String())
}
