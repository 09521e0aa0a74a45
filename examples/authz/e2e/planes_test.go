package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/testkit/ports"
)

// planes returns the proxies that forward calls, each in front of the server with the
// settings that jwtctl prints for it, and an authorization server at the addresses
// grpcAt and httpAt. Those that are not installed are left out.
func (f *fixture) planes(t *testing.T, grpcAt, httpAt string) map[string]*way {
	t.Helper()
	list := map[string]*way{}
	for kind, begin := range map[string]func(*testing.T, string, string) *way{
		"envoy": f.envoyAt, "nginx": f.nginx, "caddy": f.caddy, "traefik": f.traefik,
		"haproxy": func(t *testing.T, at, config string) *way {
			return f.haproxy(t, at, config, f.snippet(t, "haproxy-lua", grpcAt, httpAt, at))
		},
	} {
		at := ports.Address(t)
		if w := begin(t, at, f.snippet(t, kind, grpcAt, httpAt, at)); w != nil {
			w.address = at
			list[kind] = w
		}
	}
	return list
}

func (f *fixture) haproxy(t *testing.T, address, config, script string) *way {
	haproxy := installed("haproxy", "")
	if haproxy == "" {
		return missing(t, "HAProxy")
	}
	config = strings.Replace(config, "lua-load /etc/haproxy/jwtctl.lua", "lua-load "+write(t, "jwtctl.lua", script), 1)
	start(t, haproxy, "-db", "-f", write(t, "haproxy.cfg", config)).answering(t, address)
	return &way{conn: dial(t, address), grpc: true, strips: true}
}

func (f *fixture) traefik(t *testing.T, address, config string) *way {
	traefik := installed("traefik", "JWTCTL_TRAEFIK")
	if traefik == "" {
		return missing(t, "Traefik")
	}
	start(t, traefik, "--entrypoints.calls.address="+address, "--providers.file.filename="+write(t, "dynamic.yaml", config),
		"--global.checknewversion=false", "--global.sendanonymoususage=false").answering(t, address)
	soon(t, "Traefik has no routes", func() bool { // until it has read them it responds with 404 itself
		answer, err := http.Get("http://" + address)
		if err == nil {
			_ = answer.Body.Close()
		}
		return err == nil && answer.Header.Get("Grpc-Status") != ""
	})
	return &way{conn: dial(t, address), strips: true, cleans: true}
}

// soon waits until holds returns true, and fails with what otherwise.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}
