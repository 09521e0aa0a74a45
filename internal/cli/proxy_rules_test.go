package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestProxyEnforcesIssuerRules: tokens are refused by the rules in jwtctl.yaml, a reload
// that loosens one is logged (S79), and if keys are given by a flag, neither its rules
// nor its other keys apply (S85).
func TestProxyEnforcesIssuerRules(t *testing.T) {
	t.Parallel()
	dir, sign, _ := world(t)
	const loose = "protos: [proto]\nkeys: [{file: key.jwk}]\n"
	const strict = "protos: [proto]\nkeys: [{file: key.jwk, audiences: [shop]}]\n"
	file := testkit.File(t, filepath.Join(dir, "jwtctl.yaml"), strict)
	forShop := strings.Replace(ofMe, "{", `{"aud":"shop",`, 1)
	r := startProxy(t, dir, startEcho(t).addr, "--config", file)
	r.want("S/Who", sign(ofMe), codes.Unauthenticated)
	r.want("S/Who", sign(forShop), codes.OK)
	testkit.File(t, file, loose)
	r.eventuallyIs("S/Who", sign(ofMe), codes.OK)
	r.eventuallyLogs("issuer-rule-loosened")
	testkit.File(t, file, strict)
	r.eventuallyIs("S/Who", sign(ofMe), codes.Unauthenticated)

	other := startProxy(t, t.TempDir(), startEcho(t).addr, "--config", file, "--refuse-weaker")
	testkit.File(t, file, loose)
	other.eventuallyLogs("policy_faulty")
	other.want("S/Who", sign(ofMe), codes.Unauthenticated)

	named := startProxy(t, t.TempDir(), startEcho(t).addr, "--config", file, "--key", filepath.Join(dir, "key.jwk"))
	named.want("S/Who", sign(ofMe), codes.OK)
	testkit.File(t, filepath.Join(dir, "other.json"), `{"keys":[{"kty":"EC","crv":"P-256","kid":"o","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`)
	alone := startProxy(t, t.TempDir(), startEcho(t).addr, "--config", file, "--jwks", filepath.Join(dir, "other.json"))
	alone.want("S/Who", sign(forShop), codes.Unauthenticated)
}

// TestProxyWarnsOfLooserChecks: a larger leeway, and accepting undeclared fields, weaken
// a policy; the reverse does not. S79.
func TestProxyWarnsOfLooserChecks(t *testing.T) {
	t.Parallel()
	dir, _, _ := world(t)
	settings := func(leeway, refuse string) string {
		return "protos: [proto]\nkeys: [{file: key.jwk}]\nleeway: " + leeway + "\nproxy: {refuse_unknown_fields: " + refuse + "}\n"
	}
	file := testkit.File(t, filepath.Join(dir, "jwtctl.yaml"), settings("10s", "true"))
	r := startProxy(t, dir, startEcho(t).addr, "--config", file)
	kept := startProxy(t, t.TempDir(), startEcho(t).addr, "--config", file, "--refuse-weaker")
	testkit.File(t, file, settings("5s", "true"))
	r.eventuallyLogs("policy reloaded")
	kept.eventuallyLogs("policy reloaded")
	if strings.Contains(r.err.String(), "weaker") {
		t.Errorf("a smaller leeway is reported as weaker\n%s", r.err.String())
	}
	testkit.File(t, file, settings("1m", "false"))
	r.eventuallyLogs(`change=check-loosened subject="every token" detail="every token is checked less strictly: leeway was 5s, now is 1m0s"`)
	r.eventuallyLogs(`detail="every message is checked less strictly: refuse_unknown_fields was true, now is false"`)
	kept.eventuallyLogs("leeway was 5s, now is 1m0s; tokens that have expired")
	if strings.Count(kept.err.String(), "policy reloaded") != 1 {
		t.Errorf("the refused policy is in force\n%s", kept.err.String())
	}
}

// TestProxyWarnsOfResponsesThatNoKeySigns: a missing signing key is logged at startup and
// at a reload. A23.
func TestProxyWarnsOfResponsesThatNoKeySigns(t *testing.T) {
	t.Parallel()
	dir, _, args := world(t)
	source := guarded("S", "me")
	signs := strings.Replace(source, "rpc Who", `rpc Sign(PlainS) returns (Token) { option (kalix.method).jwt.sign = MESSAGE; }
  rpc Who`, 1) + `message Token { string token = 1 [(kalix.field).jwt = {token: true issuer: "me"}]; string text = 2 [(kalix.field).jwt.claim = INCLUDE]; }`
	testkit.File(t, filepath.Join(dir, "proto", "s.proto"), signs)
	r := startProxy(t, dir, startEcho(t).addr, args...)
	if strings.Contains(r.err.String(), "no key signs") {
		t.Errorf("unexpected warning: %s", r.err.String())
	}
	const warning = `msg="no key can sign the responses of a method: every call to it fails" method=t.S/Sign reason="t.Token.token: `
	testkit.File(t, filepath.Join(dir, "key.jwk"), publicHalf(t, filepath.Join(dir, "key.jwk")))
	r.eventuallyLogs(warning)
	r.stop(0)

	fresh := filepath.Join(dir, "again")
	testkit.File(t, filepath.Join(fresh, "addr"), "")
	r = startProxy(t, fresh, startEcho(t).addr, args...)
	if !strings.Contains(r.err.String(), warning) {
		t.Errorf("no warning at startup: got %s, want %q in it", r.err.String(), warning)
	}
	r.stop(0)
}

// publicHalf returns the JWK in a file without its private member.
func publicHalf(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var jwk map[string]any
	if err := json.Unmarshal(data, &jwk); err != nil {
		t.Fatal(err)
	}
	delete(jwk, "d")
	if data, err = json.Marshal(jwk); err != nil {
		t.Fatal(err)
	}
	return string(data)
}
