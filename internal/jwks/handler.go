package jwks

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// The paths that a Handler serves.
const (
	DefaultPath   = "/jwks.json"
	WellKnownPath = "/.well-known/jwks.json"
	HealthPath    = "/healthz"
)

// How long clients may cache the set (S15).
const (
	DefaultMaxAge = time.Minute
	MinMaxAge     = time.Second
	MaxMaxAge     = time.Hour
)

// HandlerOptions configure how a set is served. Each may be zero.
type HandlerOptions struct {
	// Path is a path of the set in addition to WellKnownPath; the default is DefaultPath.
	Path string
	// MaxAge is the Cache-Control max-age, in whole seconds from MinMaxAge to MaxMaxAge;
	// the default is DefaultMaxAge. A key must be published this long before it signs.
	MaxAge time.Duration
}

// Handler serves the set of a Publisher, and a health check (S14, S15).
//
// HealthPath responds with 200 and "ok", or "degraded: …" with the code of the last
// reload's error. The status is 200 even then: the last good set is still served, and a
// probe that restarted the server would turn a broken file into an outage. The error's
// text names files, so it is only logged.
type Handler struct {
	publisher *Publisher
	path      string
	header    http.Header // of each set
}

// NewHandler returns a handler for p's set, or a usage error for an invalid path or age.
func NewHandler(p *Publisher, o HandlerOptions) (*Handler, error) {
	o.Path = cmp.Or(o.Path, DefaultPath)
	o.MaxAge = cmp.Or(o.MaxAge, DefaultMaxAge)
	if o.Path == HealthPath {
		return nil, fault.New(fault.UsageError, "path", "%q is the path of the health check", o.Path)
	}
	if !isPlainPath(o.Path) {
		return nil, fault.New(fault.UsageError, "path", "%q cannot be the path of a key set", quote.Shorten(o.Path)).
			WithHint("a path begins with a slash and needs no escaping, such as %s", DefaultPath)
	}
	if o.MaxAge < MinMaxAge || o.MaxAge > MaxMaxAge {
		return nil, fault.New(fault.UsageError, "max-age", "must be between %s and %s (got %s)", quote.Duration(MinMaxAge), quote.Duration(MaxMaxAge), quote.Duration(o.MaxAge))
	}
	return &Handler{
		publisher: p,
		path:      o.Path,
		header: http.Header{
			"Cache-Control":          {fmt.Sprintf("public, max-age=%d", int(o.MaxAge.Seconds()))},
			"Content-Type":           {"application/jwk-set+json"},
			"X-Content-Type-Options": {"nosniff"},
		},
	}, nil
}

// isPlainPath reports whether p has only one spelling.
func isPlainPath(p string) bool {
	odd := func(r rune) bool {
		return !strings.ContainsRune("/-._~", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}
	return strings.HasPrefix(p, "/") && path.Clean(p) == p && !strings.ContainsFunc(p, odd)
}

// Path returns the path of the set.
func (h *Handler) Path() string { return h.path }

// ServeHTTP serves one request. The path must match exactly: it is not cleaned, unescaped
// or redirected.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	spelled := r.URL.EscapedPath()
	isSet := spelled == h.path || spelled == WellKnownPath
	switch {
	case r.ContentLength != 0: // or -1 if unknown
		w.Header().Set("Connection", "close") // so that the server does not read the body either
		refuse(w, http.StatusRequestEntityTooLarge)
	case !isSet && spelled != HealthPath:
		refuse(w, http.StatusNotFound)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed)
	case isSet:
		h.serveSet(w, r)
	default:
		h.serveHealth(w)
	}
}

func (h *Handler) serveSet(w http.ResponseWriter, r *http.Request) {
	set := h.publisher.Current()
	maps.Copy(w.Header(), h.header) // shared, never modified
	maps.Copy(w.Header(), set.header)
	if matches(r.Header["If-None-Match"], set.ETag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(set.Body) // an error means that the client has left
}

func (h *Handler) serveHealth(w http.ResponseWriter) {
	set := h.publisher.Current()
	text := "ok"
	if set.Problem != nil {
		text = fmt.Sprintf("degraded: the last reload failed (%s); serving the keys of %s",
			fault.CodeOf(set.Problem), set.LoadedAt.UTC().Format(time.RFC3339))
	}
	writeText(w, http.StatusOK, text)
}

// refuse responds with status and its name. That is not valid JSON, so a client that
// ignores the status does not take it for a set.
func refuse(w http.ResponseWriter, status int) {
	writeText(w, status, strings.ToLower(http.StatusText(status)))
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text)
}

// matches reports whether an If-None-Match header matches tag (RFC 9110 section 13.1.2).
func matches(values []string, tag string) bool {
	return slices.ContainsFunc(values, func(value string) bool {
		for one := range strings.SplitSeq(value, ",") {
			one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
			if one == tag || one == "*" {
				return true
			}
		}
		return false
	})
}
