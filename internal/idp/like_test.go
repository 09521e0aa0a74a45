package idp_test

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"testing"

	"github.com/jwtctl/jwtctl/internal/idp"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// TestLikenessHasTheShapesOfItsIssuer: tokens have the claims that programs read, and none
// that the real issuer does not have.
func TestLikenessHasTheShapesOfItsIssuer(t *testing.T) {
	t.Parallel()
	for like, row := range map[idp.Like]struct {
		path       string // of the issuer
		access, id map[string]any
		absent     []string // from the access token
	}{
		idp.LikeNone: {"",
			map[string]any{"sub": "alice", "client_id": "web", "scope": "openid profile email offline_access", "roles": []any{"admin"}, "groups": []any{"staff"}},
			map[string]any{"sub": "alice", "azp": "web", "roles": []any{"admin"}}, []string{"azp"}},
		idp.LikeAuth0: {"/",
			map[string]any{"sub": "auth0|alice", "azp": "web", "scope": "openid profile email offline_access", "https://example.test/roles": []any{"admin"}},
			map[string]any{"sub": "auth0|alice", "nickname": "alice"}, []string{"client_id", "email", "roles"}},
		idp.LikeKeycloak: {"/realms/dev",
			map[string]any{"typ": "Bearer", "azp": "web", "aud": "account", "preferred_username": "alice", "realm_access": map[string]any{"roles": []any{"admin"}}, "groups": []any{"staff"}},
			map[string]any{"typ": "ID", "azp": "web", "preferred_username": "alice"}, []string{"client_id", "roles"}},
		idp.LikeEntra: {"/11111111-2222-4333-8444-555555555555/v2.0",
			map[string]any{"ver": "2.0", "tid": "11111111-2222-4333-8444-555555555555", "azp": "web", "azpacr": "1", "scp": "openid profile email offline_access", "roles": []any{"admin"}},
			map[string]any{"ver": "2.0", "preferred_username": "alice@example.test"}, []string{"scope", "client_id", "jti", "email"}},
		idp.LikeOkta: {"/oauth2/default",
			map[string]any{"sub": "alice@example.test", "ver": 1.0, "cid": "web", "aud": "api://default", "scp": []any{"openid", "profile", "email", "offline_access"}, "groups": []any{"staff"}},
			map[string]any{"ver": 1.0, "amr": []any{"pwd"}, "preferred_username": "alice@example.test"}, []string{"scope", "client_id", "name"}},
		idp.LikeGitHub: {"",
			map[string]any{"sub": "repo:alice/alice:ref:refs/heads/main", "repository": "alice/alice", "aud": "https://github.com/alice", "ref_type": "branch"},
			map[string]any{"sub": "alice"}, []string{"scope", "client_id", "email", "name"}},
		idp.LikeGitLab: {"",
			map[string]any{"sub": "project_path:alice/alice:ref_type:branch:ref:main", "namespace_path": "alice", "project_path": "alice/alice", "ref": "main", "ref_type": "branch", "ref_protected": "true"},
			map[string]any{"sub": "alice"}, []string{"scope", "client_id", "email", "name", "repository"}},
	} {
		t.Run(string(like), func(t *testing.T) {
			t.Parallel()
			r := start(t, func(o *idp.Options) { o.Like = like })
			if r.url != r.root+row.path || r.metadata["issuer"] != r.url {
				t.Errorf("got issuer %s, in the metadata %v", r.url, r.metadata["issuer"])
			}
			got := r.tokens("alice")
			access, id := part(t, got["access_token"], 1), part(t, got["id_token"], 1)
			hold := func(what string, c, want map[string]any) {
				t.Helper()
				for name, value := range want {
					if !reflect.DeepEqual(c[name], value) {
						t.Errorf("%s: %s is %v, want %v", what, name, c[name], value)
					}
				}
				if c["iss"] != r.url || c["iat"] == nil || c["exp"] == nil || !slices.Equal(c["permissions"].([]any), []any{"default:write"}) {
					t.Errorf("%s: got %v", what, c)
				}
			}
			hold("access token", access, row.access)
			hold("id_token", id, row.id)
			for _, name := range row.absent {
				if access[name] != nil {
					t.Errorf("the access token has %s: %v", name, access[name])
				}
			}
			if id["aud"] != "web" || id["nonce"] != "a nonce" {
				t.Errorf("id_token %v", id)
			}
			info := r.json(r.get(r.at("userinfo_endpoint"), "Authorization", "Bearer "+got["access_token"].(string)))
			if info["sub"] != id["sub"] { // OpenID Connect Core section 5.3.2
				t.Errorf("sub %v at userinfo, %v in the id_token", info["sub"], id["sub"])
			}
			// Our own discovery client accepts them.
			set, err := jwks.NewDiscovered(r.url, jwks.RemoteOptions{Now: r.clock.Now, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			ring, err := keys.NewRing(nil, set)
			if err != nil {
				t.Fatal(err)
			}
			v, err := jws.NewVerifier(ring, jws.Policy{Issuers: []string{r.url}, Audiences: []string{"web"}, RequireExpiry: true}, r.clock.Now)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Verify(context.Background(), got["id_token"].(string)); err != nil {
				t.Error(err)
			}
			// Logout and a silent login recognize the subject.
			a := r.ask("prompt", "none", "id_token_hint", got["id_token"].(string))
			if a.location().Path != "/authorize/callback" {
				t.Errorf("prompt=none with a hint: %s", a.location())
			}
			own := r.json(r.post(r.at("token_endpoint"), form("grant_type", "client_credentials"), basic("web", "s3cret")...))
			if part(t, own["access_token"], 1)["sub"] == nil {
				t.Errorf("client credentials: %v", part(t, own["access_token"], 1))
			}
			if r.active(own["access_token"], basic("web", "s3cret")...)["active"] != true {
				t.Error("introspection does not recognize a client's own token")
			}
		})
	}
}

func TestParseLikeAndFaultNameWhatThereIs(t *testing.T) {
	t.Parallel()
	for _, l := range idp.Likes() {
		if got, err := idp.ParseLike(string(l)); err != nil || got != l {
			t.Errorf("%s: got %v %v, want %v", l, got, err, l)
		}
	}
	if _, err := idp.ParseLike("google"); err == nil {
		t.Error("the unknown issuer google is accepted")
	}
	for _, f := range idp.Faults() {
		if got, err := idp.ParseFault(string(f)); err != nil || got != f {
			t.Errorf("%s: got %v %v, want %v", f, got, err, f)
		}
	}
	if _, err := idp.ParseFault("Expired"); err == nil {
		t.Error("Expired is accepted")
	}
}
