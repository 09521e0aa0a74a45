package idp

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/rs/cors"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/jwtctl/jwtctl/internal/jwks"
)

// The paths that do not depend on Like.
const (
	loginPath     = "/login"
	devicePath    = "/device"
	loggedOutPath = "/logged-out"
	callbackPath  = "/authorize/callback"
)

// maxForm limits the body of a request.
const maxForm = 64 << 10

// endpoints are the library's own paths, which clients do not see: ServeHTTP maps the
// paths of Like to them.
func endpoints() op.Endpoints {
	return op.Endpoints{
		Authorization:       op.NewEndpoint("authorize"),
		Token:               op.NewEndpoint("token"),
		Introspection:       op.NewEndpoint("introspect"),
		Userinfo:            op.NewEndpoint("userinfo"),
		Revocation:          op.NewEndpoint("revoke"),
		EndSession:          op.NewEndpoint("logout"),
		DeviceAuthorization: op.NewEndpoint("device/code"),
	}
}

// Handler returns the provider's handler; set serves the key set.
func (p *Provider) Handler(set *jwks.Handler) http.Handler {
	mux := map[string]http.Handler{}
	handle := func(path string, scripts bool, h http.Handler, methods ...string) {
		h = allowMethods(h, methods)
		if scripts {
			h = p.crossOrigin(h)
		}
		mux[path] = h
	}
	inner := func(path string) http.Handler { return p.libraryHandler(path) }
	handle(p.places.authorize, false, inner("/authorize"), http.MethodGet, http.MethodPost)
	handle(callbackPath, false, inner(callbackPath), http.MethodGet)
	handle(p.places.token, true, inner("/token"), http.MethodPost)
	handle(p.places.introspect, false, inner("/introspect"), http.MethodPost)
	handle(p.places.revoke, true, inner("/revoke"), http.MethodPost)
	handle(p.places.userinfo, true, inner("/userinfo"), http.MethodGet, http.MethodPost)
	handle(p.places.logout, false, inner("/logout"), http.MethodGet, http.MethodPost)
	handle(p.places.device, true, inner("/device/code"), http.MethodPost)
	discovery := http.HandlerFunc(p.serveDiscovery)
	handle(trimSlash(p.places.issuer)+"/.well-known/openid-configuration", true, discovery, http.MethodGet, http.MethodHead)
	handle("/.well-known/oauth-authorization-server"+trimSlash(p.places.issuer), true, discovery, http.MethodGet, http.MethodHead)
	handle(loginPath, false, http.HandlerFunc(p.serveLogin), http.MethodGet, http.MethodPost)
	handle(devicePath, false, http.HandlerFunc(p.serveDevice), http.MethodGet, http.MethodPost)
	handle(loggedOutPath, false, http.HandlerFunc(p.serveLoggedOut), http.MethodGet)
	keySet := p.crossOrigin(p.faultyKeySet(set))
	for _, path := range []string{set.Path(), jwks.WellKnownPath, jwks.HealthPath} {
		mux[path] = keySet
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, known := mux[r.URL.EscapedPath()]
		if !known {
			writeError(w, http.StatusNotFound, "not found; the discovery document lists the paths")
			return
		}
		h.ServeHTTP(w, r)
	})
}

// allowMethods refuses methods other than these. crossOrigin handles OPTIONS.
func allowMethods(h http.Handler, methods []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(methods, r.Method) {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(methods, ", "))
		writeError(w, http.StatusMethodNotAllowed, "use "+strings.Join(methods, " and "))
	})
}

// crossOrigin permits the pages of clients, and no others, to call h.
func (p *Provider) crossOrigin(h http.Handler) http.Handler {
	return cors.New(cors.Options{
		AllowOriginFunc: func(origin string) bool { return slices.Contains(p.origins, origin) },
		AllowedMethods:  []string{http.MethodGet, http.MethodPost},
		AllowedHeaders:  []string{"Authorization", "Content-Type", "Accept"},
		MaxAge:          600,
	}).Handler(h)
}

// libraryHandler passes requests to the library under its own path. The parameters of a POST
// must be in its body (RFC 6749 section 2.3.1), and none may be repeated (section 3.1).
func (p *Provider) libraryHandler(path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		inner := r.Clone(r.Context())
		if r.Method == http.MethodPost || path == "/userinfo" { // URLs end up in logs (RFC 9700 section 4.3.2)
			inner.URL.RawQuery = ""
		}
		inner.URL.Path, inner.URL.RawPath = path, ""
		if err := inner.ParseForm(); err != nil {
			writeError(w, http.StatusBadRequest, "the form cannot be read")
			return
		}
		for name, values := range inner.Form {
			if len(values) > 1 && name != "resource" && name != "audience" {
				writeError(w, http.StatusBadRequest, "a parameter is repeated")
				return
			}
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		p.library.ServeHTTP(w, inner)
	})
}

// faultyKeySet serves the key set with the faults of all clients.
func (p *Provider) faultyKeySet(set http.Handler) http.Handler {
	slow, empty := slices.Contains(p.o.Faults, SlowJWKS), slices.Contains(p.o.Faults, EmptyJWKS)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		health := r.URL.Path == jwks.HealthPath
		if slow && !health {
			_ = http.NewResponseController(w).SetWriteDeadline(p.o.Now().Add(2 * SlowTime))
			if p.o.Wait(r.Context(), SlowTime) != nil {
				return
			}
		}
		if empty && !health {
			w.Header().Set("Content-Type", "application/jwk-set+json")
			_, _ = w.Write([]byte(`{"keys":[]}` + "\n"))
			return
		}
		set.ServeHTTP(w, r)
	})
}

// writeError writes an error as the library does.
func writeError(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_request", "error_description": reason})
}

// trimSlash removes a trailing slash.
func trimSlash(s string) string { return strings.TrimSuffix(s, "/") }

// url returns the URL of a path.
func (p *Provider) url(path string) string { return trimSlash(p.o.Issuer) + path }

// serveDiscovery serves the provider's metadata (OpenID Connect Discovery section 3, RFC
// 8414).
func (p *Provider) serveDiscovery(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store") // the next run may have another key
	_ = json.NewEncoder(w).Encode(p.metadata())
}

func (p *Provider) metadata() *oidc.DiscoveryConfiguration {
	algorithms := []string{}
	for _, alg := range p.o.Keys.Algorithms() {
		algorithms = append(algorithms, string(alg))
	}
	secret := []oidc.AuthMethod{oidc.AuthMethodBasic, oidc.AuthMethodPost}
	return &oidc.DiscoveryConfiguration{
		Issuer:                                    p.issuer,
		AuthorizationEndpoint:                     p.url(p.places.authorize),
		TokenEndpoint:                             p.url(p.places.token),
		IntrospectionEndpoint:                     p.url(p.places.introspect),
		UserinfoEndpoint:                          p.url(p.places.userinfo),
		RevocationEndpoint:                        p.url(p.places.revoke),
		EndSessionEndpoint:                        p.url(p.places.logout),
		DeviceAuthorizationEndpoint:               p.url(p.places.device),
		JwksURI:                                   p.url(p.places.keys),
		ScopesSupported:                           []string{"openid", "profile", "email", "offline_access"},
		ResponseTypesSupported:                    []string{"code"},
		ResponseModesSupported:                    []string{"query"},
		GrantTypesSupported:                       grantTypes(),
		SubjectTypesSupported:                     []string{"public"},
		IDTokenSigningAlgValuesSupported:          algorithms,
		TokenEndpointAuthMethodsSupported:         append([]oidc.AuthMethod{oidc.AuthMethodNone}, secret...),
		IntrospectionEndpointAuthMethodsSupported: secret,
		RevocationEndpointAuthMethodsSupported:    append([]oidc.AuthMethod{oidc.AuthMethodNone}, secret...),
		CodeChallengeMethodsSupported:             []oidc.CodeChallengeMethod{oidc.CodeChallengeMethodS256},
		ClaimsSupported: []string{
			"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "azp", "sid",
			"name", "preferred_username", "email", "email_verified",
		},
		RequestParameterSupported:    false,
		RequestURIParameterSupported: false,
	}
}

// withQuery returns path with a query.
func withQuery(path string, query url.Values) string { return path + "?" + query.Encode() }
