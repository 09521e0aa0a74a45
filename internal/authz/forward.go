package authz

import (
	"net/http"
	"strings"

	"github.com/jwtctl/jwtctl/internal/enforce"
)

// pathHeaders are how proxies name the path of the call that they ask about: nginx's
// guides, and Traefik and Caddy.
func pathHeaders() []string { return []string{"X-Original-Uri", "X-Forwarded-Uri"} }

// RefuseClaimsPath is where a proxy asks that removes no headers by pattern.
const RefuseClaimsPath = "/refuse-claims"

// Forward returns what answers forward-auth: 200 with the headers to set for a call
// that passes, and else the HTTP status, text and challenge for its client, with
// grpc-status and grpc-message for a proxy that answers in gRPC's form.
//
// header names the one that has the path of the call; "" stands for X-Original-URI and
// X-Forwarded-Uri. A question without it, or where several differ, is refused: one of
// them would be the client's own.
//
// Headers cannot be removed this way: the proxy must take off the client's, see the
// snippets. A proxy that cannot asks at RefuseClaimsPath, where a call with claims of its
// own is refused; all other paths are alike.
func (a *Authority) Forward(header string) http.Handler {
	names := pathHeaders()
	if header != "" {
		names = []string{http.CanonicalHeaderKey(header)}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := pathOf(r.Header, names)
		if !ok { // the proxy in front is set up wrong: its client learns nothing else
			a.options.Log.Error("question refused", "reason", "its headers do not name one path", "headers", strings.Join(names, ", "))
			http.Error(w, "The path of the call is not known", http.StatusBadRequest)
			return
		}
		v := a.Decide(r.Context(), Request{Path: path, Headers: headersOf(r.Header), RefuseClaims: r.URL.Path == RefuseClaimsPath})
		if v.Refusal != nil {
			write(w, v.Refusal)
			return
		}
		for _, p := range v.Set { // as they are spelled: nginx takes them by name
			w.Header()[p.Key] = []string{headerValue(p)}
		}
		w.WriteHeader(http.StatusOK)
	})
}

// write answers for r.
func write(w http.ResponseWriter, r *enforce.Refusal) {
	a := answerTo(r, "")
	for _, h := range a.headers {
		w.Header().Set(h.Name, h.Value)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write([]byte(a.body))
}

// pathOf returns the one path that the headers called names have.
func pathOf(h http.Header, names []string) (path string, ok bool) {
	for _, name := range names {
		for _, value := range h[name] {
			if ok && value != path {
				return "", false
			}
			path, ok = value, true
		}
	}
	return path, ok
}

func headersOf(h http.Header) (list []Header) {
	for name, values := range h {
		for _, value := range values {
			list = append(list, Header{strings.ToLower(name), value})
		}
	}
	return list
}
