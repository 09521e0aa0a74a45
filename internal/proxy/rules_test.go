package proxy_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/proxy"
)

// TestProxyEnforcesRulesOfTheKey: the rules of a key apply to bearer tokens and tokens in
// messages, and a cached token ends with its age: policytest.Now is 1769860800.
func TestProxyEnforcesRulesOfTheKey(t *testing.T) {
	for _, cached := range []int{0, 100} {
		key, err := policytest.Key(t, keys.ES256, keys.Attributes{ID: "ruled"}).With(keys.Attributes{
			Rules: keys.Rules{Audiences: []string{"shop"}, Type: "jwt", MaxAge: time.Minute, MaxLifetime: time.Hour},
		})
		if err != nil {
			t.Fatal(err)
		}
		r := start(t, setup{world: policytest.Setup{Keys: []*keys.Key{key}}, options: proxy.Options{CachedTokens: cached}})
		const who = `{"iss":"me","role":"admin",`
		for name, tt := range map[string]struct {
			claims string
			want   codes.Code
		}{
			"within the rules":  {who + `"aud":"shop","iat":1769860800,"exp":1769860900}`, codes.OK},
			"wrong audience":    {who + `"aud":"bank","iat":1769860800,"exp":1769860900}`, codes.Unauthenticated},
			"no audience":       {who + `"iat":1769860800,"exp":1769860900}`, codes.Unauthenticated},
			"too old":           {who + `"aud":"shop","iat":1769860739,"exp":1769860900}`, codes.Unauthenticated},
			"no iat":            {who + `"aud":"shop","exp":1769860900}`, codes.PermissionDenied},
			"lifetime too long": {who + `"aud":"shop","iat":1769860800,"exp":1769864401}`, codes.Unauthenticated},
		} {
			before := len(r.upstream.received())
			got := r.call(bearing(r.Token(tt.claims)), r.conn, "Who", `{}`)
			if status.Code(got.err) != tt.want {
				t.Errorf("cache of %d, %s: got %v, want %v", cached, name, got.err, tt.want)
			}
			if reached := len(r.upstream.received()) != before; reached != (tt.want == codes.OK) {
				t.Errorf("cache of %d, %s: call reached the upstream: got %v, want %v",
					cached, name, reached, tt.want == codes.OK)
			}
		}
		for claims, want := range map[string]codes.Code{
			`{"iss":"maker","role":"r","user":"bob","aud":"shop","iat":1769860800,"exp":1769860900}`: codes.OK,
			`{"iss":"maker","role":"r","user":"bob","iat":1769860800,"exp":1769860900}`:              codes.Unauthenticated,
		} {
			got := r.call(context.Background(), r.conn, "Check", `{"user":"bob","tok":"`+r.Token(claims)+`"}`)
			if status.Code(got.err) != want {
				t.Errorf("cache of %d, token in a message: got %v, want %v", cached, got.err, want)
			}
		}
		token := r.Token(who + `"aud":"shop","iat":1769860800,"exp":1769864400}`)
		for _, wait := range []time.Duration{0, 60 * time.Second} {
			r.advance(wait)
			if got := r.call(bearing(token), r.conn, "Who", `{}`); got.err != nil {
				t.Errorf("cache of %d, after %s: %v", cached, wait, got.err)
			}
		}
		r.advance(time.Second)
		if got := r.call(bearing(token), r.conn, "Who", `{}`); status.Code(got.err) != codes.Unauthenticated {
			t.Errorf("cache of %d: token older than max_age: got %v, want %v", cached, got.err, codes.Unauthenticated)
		}
	}
}
