package jwks_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
)

func TestS19_DiscoveryChecksTheIssuer(t *testing.T) {
	good := has(t, newKey(t, keys.ES256, "a"))
	plain := newIssuer(t, good)
	mux := http.NewServeMux()
	server, n := secure(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "//") { // which a ServeMux would redirect
			http.NotFound(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	mux.HandleFunc("/jwks", good)
	document := ""
	for _, at := range []string{"/", "/tenant/", "/slash/"} {
		mux.HandleFunc(at+".well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprint(w, document)
		})
	}
	unavailable, notAllowed := string(fault.KeySetUnavailable), string(fault.KeySetURLNotAllowed)
	doc := func(issuer, uri string) string {
		return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q,"x":[1]}`, issuer, uri)
	}
	u := server.URL
	for name, tc := range map[string]struct{ issuer, document, want string }{
		"good":                           {u, doc(u, u+"/jwks"), "a"},
		"issuer of a tenant":             {u + "/tenant", doc(u+"/tenant", u+"/jwks"), "a"},
		"trailing slash":                 {u + "/slash/", doc(u+"/slash/", u+"/jwks"), "a"},
		"jwks_uri spelled oddly":         {u, doc(u, strings.Replace(u, "https", "HTTPS", 1)+"/jwks"), "a"},
		"other issuer":                   {u, doc("https://evil.example", u+"/jwks"), unavailable},
		"additional slash":               {u, doc(u+"/", u+"/jwks"), unavailable},
		"missing slash":                  {u + "/slash/", doc(u+"/slash", u+"/jwks"), unavailable},
		"no issuer":                      {u, `{"jwks_uri":"` + u + `/jwks"}`, unavailable},
		"no jwks_uri":                    {u, `{"issuer":"` + u + `"}`, unavailable},
		"duplicate issuer":               {u, `{"issuer":"x","issuer":"` + u + `","jwks_uri":"` + u + `/jwks"}`, unavailable},
		"jwks_uri of wrong type":         {u, `{"issuer":"` + u + `","jwks_uri":["` + u + `/jwks"]}`, unavailable},
		"not an object":                  {u, `[]`, unavailable},
		"null":                           {u, `null`, unavailable},
		"HTML":                           {u, `<html>`, unavailable},
		"jwks_uri over http":             {u, doc(u, plain.URL), notAllowed},
		"jwks_uri to a file":             {u, doc(u, "file:///etc/passwd"), notAllowed},
		"jwks_uri not a URL":             {u, doc(u, "https://%zz/"), notAllowed},
		"jwks_uri to a metadata service": {u, doc(u, "https://169.254.169.254/"), notAllowed},
		"jwks_uri not found":             {u, doc(u, u+"/gone"), unavailable},
		"no metadata":                    {u + "/none", "", unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			document = tc.document
			set, err := jwks.NewDiscovered(tc.issuer, options(newClock(), n))
			if err != nil {
				t.Fatal(err)
			}
			gives(t, set, "", tc.want)
			if set.Issuer() != tc.issuer {
				t.Errorf("got keys bound to %q, want %q", set.Issuer(), tc.issuer)
			}
		})
	}
	if got := plain.fetches.Load(); got != 0 {
		t.Error("keys were fetched over http")
	}
	if _, err := jwks.NewDiscovered("http://example.com", jwks.RemoteOptions{}); fault.CodeOf(err) != fault.KeySetURLNotAllowed {
		t.Errorf("issuer over http: got %v, want %v", err, fault.KeySetURLNotAllowed)
	}
}

func TestOpenFile(t *testing.T) {
	dir := t.TempDir()
	a, b := newKey(t, keys.ES256, "a"), newKey(t, keys.EdDSA, "b")
	path := write(t, dir, "jwks.json", setOf(t, a, b))
	set, err := jwks.Open(path, jwks.RemoteOptions{Issuer: "me", Log: (&logBook{}).logger()})
	if err != nil {
		t.Fatal(err)
	}
	gives(t, set, "", "a b")
	if set.Issuer() != "me" || len(set.Cached()) != 2 {
		t.Errorf("got issuer %q, held %v", set.Issuer(), set.Cached())
	}
	set, err = jwks.Open(path, jwks.RemoteOptions{Algorithms: []keys.Algorithm{keys.EdDSA}, Log: (&logBook{}).logger()})
	if err != nil {
		t.Fatal(err)
	}
	gives(t, set, "", "b")
	for name, tc := range map[string]struct {
		location string
		want     fault.Code
	}{
		"no such file":         {dir + "/none", fault.KeyUnreadable},
		"broken file":          {write(t, dir, "x", []byte("{")), fault.KeyInvalid},
		"file on another host": {"file://example.com" + path, fault.KeySetURLNotAllowed},
		"no path":              {"file://", fault.KeySetURLNotAllowed},
		"file, query":          {"file://" + path + "?x=1", fault.KeySetURLNotAllowed},
		"no such file URL":     {"file://" + path + "x", fault.KeyUnreadable},
		"http URL":             {"http://example.com", fault.KeySetURLNotAllowed},
		"empty folder":         {dir, fault.KeyUnreadable},
	} {
		if _, err := jwks.Open(tc.location, jwks.RemoteOptions{Log: (&logBook{}).logger()}); fault.CodeOf(err) != tc.want {
			t.Errorf("%s: got %v, want %s", name, err, tc.want)
		}
	}
	for _, location := range []string{"file://" + path, "FILE://localhost" + path, "file:///" + strings.ReplaceAll(path[1:], "/", "%2f")} {
		if set, err := jwks.Open(location, jwks.RemoteOptions{Log: (&logBook{}).logger()}); err != nil || len(set.Cached()) != 2 {
			t.Errorf("%s: %v", location, err)
		}
	}
	o := jwks.RemoteOptions{Algorithms: []keys.Algorithm{keys.RS256}, Log: (&logBook{}).logger()}
	if _, err := jwks.Open(path, o); fault.CodeOf(err) != fault.KeySetEmpty {
		t.Errorf("no allowed algorithm: got %v, want %v", err, fault.KeySetEmpty)
	}
}
