package web

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/rs/cors"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// AnyOrigin permits all origins.
const AnyOrigin = "*"

// ParseOrigin returns the origin in text, in the spelling of browsers: scheme, host, and
// a port unless it is the scheme's default (RFC 6454 section 6.2); or AnyOrigin. An
// invalid origin is a usage error.
func ParseOrigin(text string) (string, error) {
	if text == AnyOrigin {
		return text, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || *u != (url.URL{Scheme: u.Scheme, Host: u.Host}) || strings.Contains(u.Host, AnyOrigin) {
		return "", fault.New(fault.UsageError, "origin", "invalid value %q: must be an origin", quote.Printable(text)).
			WithHint("use an origin such as https://app.example.com or http://localhost:3000, without a path; * for all origins")
	}
	host := strings.ToLower(u.Host)
	if port := u.Port(); port == "" || port == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host = strings.TrimSuffix(host, ":"+port)
	}
	return u.Scheme + "://" + host, nil
}

// handler returns the handlers that each request passes before its translation.
func (s *Server) handler() http.Handler {
	var h http.Handler = http.HandlerFunc(s.translate)
	if !s.anyOrigin() {
		guard := http.NewCrossOriginProtection()
		for _, origin := range s.options.Origins {
			if err := guard.AddTrustedOrigin(origin); err != nil {
				panic("not an origin: " + origin) // ParseOrigin has checked it
			}
		}
		h = guard.Handler(h)
	}
	if len(s.options.Origins) == 0 { // otherwise cors would permit all
		return h
	}
	return cors.New(cors.Options{
		AllowedOrigins: s.options.Origins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		// The server behind decides which metadata is permitted. Since credentials are
		// never permitted, * means any.
		AllowedHeaders: []string{"*"},
		ExposedHeaders: []string{"*"},
		MaxAge:         7200,
	}).Handler(h)
}

func (s *Server) anyOrigin() bool { return slices.Contains(s.options.Origins, AnyOrigin) }

// translate handles a request by the current descriptors. A method has only one spelling
// (S60): an escaped one is unknown.
func (s *Server) translate(w http.ResponseWriter, r *http.Request) {
	t := s.current.Load()
	if t.paths[r.URL.Path] && r.URL.RawPath != "" {
		s.unknown(w, r)
		return
	}
	r, over := interruptible(w, r)
	defer over()
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	switch {
	case strings.HasPrefix(kind, "application/grpc-web"):
		w = newLowerTrailers(w)
	case t.paths[r.URL.Path] && r.Method == http.MethodPost && (kind == "application/json" || kind == "application/proto"):
		// In Connect the header is optional; without it vanguard would assume REST.
		r.Header.Set("Connect-Protocol-Version", "1")
	}
	t.ServeHTTP(w, r)
}

// unknown responds to a request that is not a call of a known method.
func (s *Server) unknown(w http.ResponseWriter, r *http.Request) {
	if s.current.Load().paths[r.URL.Path] && r.URL.RawPath == "" && r.Method == http.MethodPost {
		http.Error(w, "Unknown content type", http.StatusUnsupportedMediaType)
		return
	}
	s.options.Log.Info("call refused", slog.String("method", quote.Shorten(r.URL.EscapedPath())), slog.String("code", string(fault.MethodUnknown)), slog.String("what", "web"))
	http.Error(w, "Unknown method", http.StatusNotFound)
}
