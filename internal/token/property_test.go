package token_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/strictjson"
	"github.com/jwtctl/jwtctl/internal/token"
)

// drawText draws a text that is invalid in JSON unless quoted.
func drawText(t *rapid.T, label string) string {
	return rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{`"`, `\`, `":{}`, "\x00", "\u2028", "é", "</script>", "exp"})).Draw(t, label)
}

// TestS43_ClaimsAreThoseRequested: the claims are strict JSON, exactly those requested, in order; and
// they are signed and verified unchanged.
func TestS43_ClaimsAreThoseRequested(t *testing.T) {
	key, err := keygen.Generate(keygen.Request{Algorithm: keys.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		r, names, values := drawRequest(t)
		claims, err := token.Claims(r)
		if err != nil && strings.Contains(err.Error(), "in case alone") { // Unicode case folding, beyond ToLower
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		wantMembers(t, claims, names, values)
		compact, err := jws.SignChecked(key, claims)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := jws.Parse(compact, jws.Limits{})
		if err != nil || string(parsed.PayloadJSON()) != string(claims) {
			t.Fatalf("%s: got %v (%v)", claims, parsed, err)
		}
	})
}

// drawRequest draws a request, and returns the names and JSON values of the claims that it
// requests, in order.
func drawRequest(t *rapid.T) (r token.Request, names, values []string) {
	r = token.Request{
		Subject: drawText(t, "sub"), Issuer: drawText(t, "iss"), Audience: rapid.SliceOfN(rapid.StringN(1, 20, -1), 0, 3).Draw(t, "aud"),
		Permissions: rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "permissions"), IssuedAt: rapid.Bool().Draw(t, "iat"),
		TTL: time.Duration(rapid.Int64Range(int64(time.Second), int64(token.MaxLifetime)).Draw(t, "ttl")), Now: noon,
	}
	add := func(name string, v any) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		names, values = append(names, name), append(values, string(text))
	}
	if r.Issuer != "" {
		add("iss", r.Issuer)
	}
	if r.Subject != "" {
		add("sub", r.Subject)
	}
	switch len(r.Audience) {
	case 0:
	case 1:
		add("aud", r.Audience[0])
	default:
		add("aud", r.Audience)
	}
	add("permissions", r.Permissions)
	if r.IssuedAt {
		add("iat", noon.Unix())
	}
	add("exp", noon.Add(r.TTL).Unix())
	for _, name := range rapid.SliceOfNDistinct(rapid.String(), 0, 4, strings.ToLower).Draw(t, "extra") {
		if slices.ContainsFunc([]string{"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "permissions"}, func(s string) bool { return strings.EqualFold(s, name) }) {
			continue
		}
		c, err := token.TextClaim(name, drawText(t, "value"))
		if err != nil {
			t.Fatal(err)
		}
		var v string
		if err := json.Unmarshal(c.Value, &v); err != nil {
			t.Fatal(err)
		}
		r.Extra = append(r.Extra, c)
		add(name, v)
	}
	return r, names, values
}

// wantMembers compares the names and JSON values of claims, in order.
func wantMembers(t *rapid.T, claims []byte, names, values []string) {
	members, err := strictjson.Object(claims, jws.MaxDepth)
	if err != nil || len(members) != len(names) {
		t.Fatalf("%s: %v, want %q", claims, err, names)
	}
	for i, m := range members {
		var got, want any
		if json.Unmarshal(m.Value, &got) != nil || json.Unmarshal([]byte(values[i]), &want) != nil {
			t.Fatalf("%s is not JSON", m.Value)
		}
		gotText, _ := json.Marshal(got)
		wantText, _ := json.Marshal(want)
		if m.Name != names[i] || string(gotText) != string(wantText) {
			t.Fatalf("got %q %s, want %q %s", m.Name, m.Value, names[i], values[i])
		}
	}
}
