package authz

import (
	"embed"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/template"
)

//go:embed snippets
var snippets embed.FS

// Proxies returns the proxies that Snippet supports.
func Proxies() []string {
	return []string{"envoy", "istio", "gateway", "nginx", "caddy", "traefik", "haproxy", "haproxy-lua"}
}

// Addresses are the addresses in a snippet: host:port, or unix:PATH for Authz.
type Addresses struct {
	Listen  string // of the proxy
	Authz   string // of this gRPC server
	Forward string // of this HTTP server
	Service string // upstream of the proxy
	// BearerOnly means that something else validates and signs messages.
	BearerOnly bool
}

// Snippet returns the configuration with which proxy has calls decided here, and refuses
// them if that fails. For proxies that set headers by name, these are the claims that p
// names and the registered ones (RFC 7519 section 4.1).
//
// The error is a usage error for an unknown proxy or an invalid address.
func Snippet(proxy string, p *plan.Plan, at Addresses) (string, error) {
	if !slices.Contains(Proxies(), proxy) {
		return "", fault.New(fault.UsageError, "proxy", "%q is not one of %s", proxy, strings.Join(Proxies(), ", "))
	}
	for _, address := range []string{at.Listen, at.Service} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return "", fault.New(fault.UsageError, address, "is not host:port")
		}
	}
	if mesh := proxy == "istio" || proxy == "gateway"; mesh && strings.HasPrefix(at.Authz, "unix:") {
		return "", fault.New(fault.UsageError, at.Authz, "must be host:port, since pods of other services connect to it")
	}
	text, err := snippets.ReadFile("snippets/" + proxy + ".tmpl")
	if err != nil {
		return "", fault.New(fault.Internal, proxy, "%w", err)
	}
	t, err := template.Parse(proxy, string(text), "[[", "]]", template.Functions{
		"host": host, "port": port, "envoy": envoyAddress, "variable": variable, "header": func(name string) string { return enforce.ClaimPrefix + name },
	})
	if err != nil {
		return "", fault.New(fault.Internal, proxy, "%w", err)
	}
	var out strings.Builder
	err = t.Execute(&out, struct {
		Addresses
		Claims []string
		methods
	}{at, claimNames(p), withMessages(p, at.BearerOnly)})
	if err != nil {
		return "", fault.New(fault.Internal, proxy, "%w", err)
	}
	return out.String(), nil
}

// methods are those whose messages are validated or signed here, by name, and whether any
// validates requests or signs responses.
type methods struct {
	Messages            []*plan.Method
	Requests, Responses bool
}

func withMessages(p *plan.Plan, bearerOnly bool) (all methods) {
	for m := range p.Methods {
		if m.UsesMessages() && !bearerOnly {
			all.Messages = append(all.Messages, m)
			all.Requests = all.Requests || m.Request != nil
			all.Responses = all.Responses || m.Response != nil
		}
	}
	slices.SortFunc(all.Messages, func(a, b *plan.Method) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// claimNames returns the claims that tokens of p's methods must have, and the registered
// claims, if every proxy can name their headers.
func claimNames(p *plan.Plan) []string {
	names := map[string]bool{}
	for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"} {
		names[name] = true
	}
	for m := range p.Methods {
		if m.Bearer == nil {
			continue
		}
		for _, s := range m.Bearer.StaticClaims {
			if name := strings.ToLower(s.Claim); enforce.ValidKey(name) && !strings.ContainsAny(name, "._") && !strings.HasSuffix(name, "-bin") {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func host(address string) string { h, _, _ := net.SplitHostPort(address); return h }
func port(address string) string { _, p, _ := net.SplitHostPort(address); return p }

// variable returns name as nginx spells it in variables for headers.
func variable(name string) string { return strings.ReplaceAll(name, "-", "_") }

// envoyAddress returns address in Envoy's format.
func envoyAddress(address string) string {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return fmt.Sprintf("{pipe: {path: %q}}", path)
	}
	return fmt.Sprintf("{socket_address: {address: %q, port_value: %s}}", host(address), port(address))
}
