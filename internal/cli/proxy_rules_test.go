package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestProxyEnforcesIssuerRules refuses tokens by the rules of jwtctl.yaml, logs when
// a reload loosens one (S79), and knows no rules and no other keys where keys are
// named by a flag (S85).
func TestProxyEnforcesIssuerRules(t *testing.T) {
	t.Parallel()
	dir, sign, _ := world(t)
	const loose = "protos: [proto]\nkeys: [{file: key.jwk}]\n"
	const strict = "protos: [proto]\nkeys: [{file: key.jwk, audiences: [shop]}]\n"
	file := testkit.File(t, filepath.Join(dir, "jwtctl.yaml"), strict)
	forShop := strings.Replace(ofMe, "{", `{"aud":"shop",`, 1)
	r := startProxy(t, dir, startEcho(t).addr, "--config", file)
	r.want("S/Who", sign(ofMe), codes.PermissionDenied)
	r.want("S/Who", sign(forShop), codes.OK)
	testkit.File(t, file, loose)
	r.eventuallyIs("S/Who", sign(ofMe), codes.OK)
	r.eventuallyLogs("issuer-rule-loosened")
	testkit.File(t, file, strict)
	r.eventuallyIs("S/Who", sign(ofMe), codes.PermissionDenied)

	other := startProxy(t, t.TempDir(), startEcho(t).addr, "--config", file, "--refuse-weaker")
	testkit.File(t, file, loose)
	other.eventuallyLogs("policy_faulty")
	other.want("S/Who", sign(ofMe), codes.PermissionDenied)

	named := startProxy(t, t.TempDir(), startEcho(t).addr, "--config", file, "--key", filepath.Join(dir, "key.jwk"))
	named.want("S/Who", sign(ofMe), codes.OK)
	testkit.File(t, filepath.Join(dir, "other.json"), `{"keys":[{"kty":"EC","crv":"P-256","kid":"o","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`)
	alone := startProxy(t, t.TempDir(), startEcho(t).addr, "--config", file, "--jwks", filepath.Join(dir, "other.json"))
	alone.want("S/Who", sign(forShop), codes.Unauthenticated)
}

// TestProxyWarnsOfLooserChecks: a larger leeway, and fields that pass undeclared, are
// a weaker policy; the reverse is not. S79.
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
		t.Errorf("a smaller leeway is called weaker\n%s", r.err.String())
	}
	testkit.File(t, file, settings("1m", "false"))
	r.eventuallyLogs(`change=check-loosened subject="every token" detail="every token is checked less: leeway was 5s, and is 1m0s"`)
	r.eventuallyLogs(`detail="every message is checked less: refuse_unknown_fields was true, and is false"`)
	kept.eventuallyLogs("leeway was 5s, and is 1m0s (check-loosened)")
	if strings.Count(kept.err.String(), "policy reloaded") != 1 {
		t.Errorf("it is in force\n%s", kept.err.String())
	}
}
