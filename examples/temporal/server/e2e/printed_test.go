//go:build !server130

package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// TestPrintedSettings runs Temporal's own program with each form of the settings that jwtctl prints, as printed.
func TestPrintedSettings(t *testing.T) {
	t.Cleanup(func() { forbidCaching(t) })
	temporalServer(t)
	e := newExplainer(t)
	endpoint, served := e.here.serveKeys(t, e.bin, "serve", "--key", "key.priv.pem")
	keys, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	toKeys := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: keys.Host})
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host != "host.docker.internal:"+keys.Port() {
			http.Error(w, "unknown host", http.StatusBadGateway)
			return
		}
		toKeys.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	printed := served.waitFor(t, served.stderr, regexp.MustCompile(`(?s).*Helm.*claimMapper: default\n`))[0]
	for name, s := range map[string]setup{
		"container":  {env: strings.Join(regexp.MustCompile(`(?m)^ *([A-Z0-9_]+=.*)$`).FindAllString(printed, -1), "\n")},
		"standalone": {authorization: section(t, printed, "global"), services: allServices()},
		"Helm":       {authorization: section(t, printed, "server"), services: allServices()},
	} {
		t.Run(name, func(t *testing.T) {
			s.env = regexp.MustCompile(`(?m)^ +`).ReplaceAllString(s.env, "")
			r := trial{startProgram(t, e.here, s, proxy.URL), e, nil}
			r.ownWorkers(t)
			goodIsAccepted(t, r)
		})
	}
}

// section returns the section authorization under a top-level key of printed YAML, without its indentation.
func section(t *testing.T, printed, key string) string {
	t.Helper()
	found := regexp.MustCompile(`(?ms)^ *` + key + `:\n.*?^( *)authorization:\n(.*?claimMapper: default\n)`).FindStringSubmatch(printed)
	if found == nil {
		t.Fatalf("no %s in:\n%s", key, printed)
	}
	return regexp.MustCompile(`(?m)^`+found[1]+`  `).ReplaceAllString(found[2], "")
}
