package authz

import (
	"net/http"
	"strings"

	"github.com/jwtctl/jwtctl/internal/enforce"
)

// pathHeaders are the headers in which proxies send the path of the call: nginx's
// documentation uses the first, Traefik and Caddy the second.
func pathHeaders() []string { return []string{"X-Original-Uri", "X-Forwarded-Uri"} }

// RefuseClaimsPath is for proxies that cannot remove headers by pattern.
const RefuseClaimsPath = "/refuse-claims"

// Forward returns a handler for forward-auth. For an accepted call it responds with 200
// and the headers to set, and otherwise with the HTTP status, text and challenge for the
// client, and with grpc-status and grpc-message for proxies that respond as gRPC.
//
// header names the header with the call's path; "" means X-Original-URI and
// X-Forwarded-Uri. A question without it, or with different values, is refused: one of
// them would be the client's own.
//
// Headers cannot be removed this way: the proxy must remove the client's, see the
// snippets. A proxy that cannot uses RefuseClaimsPath, where calls with claim headers are
// refused; all other paths are equivalent.
func (a *Authority) Forward(header string) http.Handler {
	names := pathHeaders()
	if header != "" {
		names = []string{http.CanonicalHeaderKey(header)}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := pathOf(r.Header, names)
		if !ok { // the proxy in front is misconfigured: the client gets no details
			a.options.Log.Error("request refused", "reason", "its headers must name exactly one path", "headers", strings.Join(names, ", "))
			http.Error(w, "The path of the call is unknown", http.StatusBadRequest)
			return
		}
		v := a.Decide(r.Context(), Request{Path: path, Headers: headersOf(r.Header), RefuseClaims: r.URL.Path == RefuseClaimsPath})
		if v.Refusal != nil {
			write(w, v.Refusal)
			return
		}
		for _, p := range v.Set { // with their exact spelling: nginx copies them by name
			w.Header()[p.Key] = []string{headerValue(p)}
		}
		w.WriteHeader(http.StatusOK)
	})
}

// write writes the response for r.
func write(w http.ResponseWriter, r *enforce.Refusal) {
	a := answerTo(r, "")
	for _, h := range a.headers {
		w.Header().Set(h.Name, h.Value)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write([]byte(a.body))
}

// pathOf returns the only path in the headers called names.
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
