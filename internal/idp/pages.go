package idp

import (
	"html"
	"net/http"
	"net/url"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// loginEnded is the text for a login that cannot continue.
const loginEnded = "This login has ended or took too long. Start again in the application."

// page is the content of a page.
type page struct {
	Title, Problem, Done string
	// Action is where its form is sent; "" for none. ID is that of a login, UserCode that
	// of a device, Hint the user that the application suggests.
	Action, ID, UserCode, Hint string
	Users                      []User
}

// style is that of all pages.
const style = `body{font:1rem/1.5 system-ui,sans-serif;max-width:28rem;margin:3rem auto;padding:0 1rem}
h1,button{overflow-wrap:anywhere}
button{font:inherit;display:block;width:100%;margin:.5rem 0;padding:.6rem 1rem;text-align:left}
input{font:inherit;padding:.4rem;width:100%;box-sizing:border-box;letter-spacing:.1em}
.note{border:1px solid;padding:.5rem 1rem}
[role=alert]{font-weight:bold}`

// html returns the page. Everything that is not a constant here is escaped. It does not
// use a template, see library.
func (p page) html() string {
	var b strings.Builder
	line := func(parts ...string) {
		for i, part := range parts {
			if i%2 == 1 {
				part = html.EscapeString(part)
			}
			b.WriteString(part)
		}
		b.WriteByte('\n')
	}
	line(`<!doctype html><html lang="en"><head><meta charset="utf-8">`)
	line(`<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">`)
	line(`<title>`, p.Title, `</title><style>`+style+`</style></head><body><main><h1>`, p.Title, `</h1>`)
	line(`<p class="note">For development: there is no password. Anyone who can reach this page can log in as any user.</p>`)
	if p.Problem != "" {
		line(`<p role="alert">`, p.Problem, `</p>`)
	}
	if p.Done != "" {
		line(`<p role="status">`, p.Done, `</p>`)
	}
	if p.Action != "" {
		line(`<form method="post" action="`, p.Action, `">`)
		if p.ID != "" {
			line(`<input type="hidden" name="id" value="`, p.ID, `">`)
		} else {
			line(`<p><label for="user_code">Code shown on the device</label> <input id="user_code" name="user_code" value="`,
				p.UserCode, `" autocomplete="off" autocapitalize="characters" spellcheck="false" required></p>`)
		}
		line(`<fieldset><legend>Continue as</legend>`)
		for _, u := range p.Users {
			focus := ""
			if u.Name == p.Hint {
				focus = " autofocus"
			}
			line(`<button name="user" value="`, u.Name, `"`+focus+`>`, u.Name, `</button>`)
		}
		line(`</fieldset><button name="cancel" value="1">Cancel</button></form>`)
	}
	line(`</main></body></html>`)
	return b.String()
}

// show writes a page that loads nothing and cannot be framed by other sites. Its form is
// sent to this provider, which redirects to the client: form-action would prevent that in
// some browsers, so it is not restricted.
func (p *Provider) show(w http.ResponseWriter, status int, with page) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(with.html()))
}

// form returns the form of a request from a page of this provider.
func (p *Provider) form(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if r.Method == http.MethodPost {
		r.URL.RawQuery = ""
	}
	foreign := r.Method == http.MethodPost && http.NewCrossOriginProtection().Check(r) != nil
	if err := r.ParseForm(); err != nil || foreign {
		p.show(w, http.StatusBadRequest, page{Title: "Cannot log in", Problem: "The form was not sent from a page of this provider."})
		return nil, false
	}
	return r.Form, true
}

// serveLogin shows the page to choose a user, and handles the choice.
func (p *Provider) serveLogin(w http.ResponseWriter, r *http.Request) {
	form, ok := p.form(w, r)
	if !ok {
		return
	}
	id := form.Get("id")
	login, found := p.storage.requests.get(id)
	if !found || login.done {
		p.show(w, http.StatusBadRequest, page{Title: "Cannot log in", Problem: loginEnded})
		return
	}
	shown := page{Title: "Log in to " + login.client.ID, Action: loginPath, Users: p.o.Users, ID: id, Hint: login.asked.LoginHint}
	if login.user != nil { // the user of an id_token_hint
		shown.Users = []User{*login.user}
	}
	if r.Method != http.MethodPost {
		p.show(w, http.StatusOK, shown)
		return
	}
	picked := p.user(form.Get("user"))
	switch {
	case form.Has("cancel"):
		p.cancel(w, r, login)
	case picked == nil || login.user != nil && login.user != picked:
		shown.Problem = "Pick one of these users."
		p.show(w, http.StatusBadRequest, shown)
	default:
		s := p.beginSession(w, picked)
		done := *login
		done.user, done.authTime, done.done = s.user, s.authTime, true
		if !p.storage.requests.update(id, func(kept **request) bool {
			fresh := !(*kept).done
			*kept = &done
			return fresh
		}) {
			p.show(w, http.StatusBadRequest, page{Title: "Cannot log in", Problem: loginEnded})
			return
		}
		http.Redirect(w, r, withQuery(callbackPath, url.Values{"id": {id}}), http.StatusSeeOther)
	}
}

// cancel returns to the application with access_denied.
func (p *Provider) cancel(w http.ResponseWriter, r *http.Request, login *request) {
	p.storage.requests.take(login.id)
	back, err := url.Parse(login.asked.RedirectURI)
	if err != nil {
		p.show(w, http.StatusBadRequest, page{Title: "Cannot log in", Problem: "The address of the application is not valid."})
		return
	}
	query := back.Query()
	query.Set("error", string(oidc.AccessDenied))
	query.Set("error_description", "the login was cancelled")
	if login.asked.State != "" {
		query.Set("state", login.asked.State)
	}
	back.RawQuery = query.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

// serveDevice shows the form for a device code, and handles the answer.
func (p *Provider) serveDevice(w http.ResponseWriter, r *http.Request) {
	form, ok := p.form(w, r)
	if !ok {
		return
	}
	shown := page{Title: "Log in to a device", Action: devicePath, Users: p.o.Users, UserCode: form.Get("user_code")}
	if r.Method != http.MethodPost {
		p.show(w, http.StatusOK, shown)
		return
	}
	picked := p.user(form.Get("user"))
	denied := form.Has("cancel")
	switch {
	case picked == nil && !denied:
		shown.Problem = "Pick one of these users."
		p.show(w, http.StatusBadRequest, shown)
	case !p.storage.answerDevice(shown.UserCode, picked):
		shown.Problem = "No device is waiting for this code."
		p.show(w, http.StatusBadRequest, shown)
	default:
		done := "The device is logged in. You can close this page."
		if denied {
			done = "The login was cancelled. You can close this page."
		}
		p.show(w, http.StatusOK, page{Title: "Log in to a device", Done: done})
	}
}

func (p *Provider) serveLoggedOut(w http.ResponseWriter, _ *http.Request) {
	p.show(w, http.StatusOK, page{Title: "Logged out", Done: "You are logged out."})
}
