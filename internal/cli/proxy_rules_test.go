package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
)

// TestProxyEnforcesIssuerRules refuses tokens by the rules of jwtctl.yaml, logs when
// a reload loosens one (S79), and knows no rules and no other keys where keys are
// named by a flag (S85).
func TestProxyEnforcesIssuerRules(t *testing.T) {
	t.Parallel()
	dir, sign, _ := world(t)
	const loose = "protos: [proto]\nkeys: [{file: key.jwk}]\n"
	const strict = "protos: [proto]\nkeys: [{file: key.jwk, audiences: [shop]}]\n"
	file := put(t, filepath.Join(dir, "jwtctl.yaml"), strict)
	forShop := strings.Replace(ofMe, "{", `{"aud":"shop",`, 1)
	r := startProxy(t, dir, startEcho(t).addr, "--config", file)
	r.want("S/Who", sign(ofMe), codes.PermissionDenied)
	r.want("S/Who", sign(forShop), codes.OK)
	put(t, file, loose)
	r.eventuallyIs("S/Who", sign(ofMe), codes.OK)
	r.eventuallyLogs("issuer-rule-loosened")
	put(t, file, strict)
	r.eventuallyIs("S/Who", sign(ofMe), codes.PermissionDenied)

	other := startProxy(t, t.TempDir(), startEcho(t).addr, "--config", file, "--refuse-weaker")
	put(t, file, loose)
	other.eventuallyLogs("policy_faulty")
	other.want("S/Who", sign(ofMe), codes.PermissionDenied)

	named := startProxy(t, t.TempDir(), startEcho(t).addr, "--config", file, "--key", filepath.Join(dir, "key.jwk"))
	named.want("S/Who", sign(ofMe), codes.OK)
	put(t, filepath.Join(dir, "other.json"), `{"keys":[{"kty":"EC","crv":"P-256","kid":"o","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`)
	alone := startProxy(t, t.TempDir(), startEcho(t).addr, "--config", file, "--jwks", filepath.Join(dir, "other.json"))
	alone.want("S/Who", sign(forShop), codes.Unauthenticated)
}
