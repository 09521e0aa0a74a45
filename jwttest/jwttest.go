// Package jwttest helps to test services that enforce a policy with package jwtpolicy. A
// Kit has a key, makes tokens that a method accepts and tokens that it must refuse, and
// has a clock that only the test moves.
//
//	kit := jwttest.New(t, jwtpolicy.Linked())
//	server := grpc.NewServer(grpcauth.ServerOptions(kit.Policy)...)
//	token := kit.Token("shop.Shop/Buy", map[string]any{"sub": "alice"})
package jwttest

import (
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/jwtctl/jwtctl/internal/bearer"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/jwtpolicy"
)

// Kit is a policy under test. Its key signs and verifies the tokens of every issuer.
type Kit struct {
	// Policy uses the Kit's key and clock.
	Policy *jwtpolicy.Policy

	tb                      testing.TB
	plan                    *plan.Plan
	key, stranger, otherAlg *keys.Key

	mu  sync.Mutex
	now time.Time
}

// New returns a Kit for the policy of src. If the policy does not load, New fails the
// test.
func New(tb testing.TB, src jwtpolicy.Source) *Kit {
	tb.Helper()
	k := &Kit{tb: tb, now: time.Now().Truncate(time.Second)}
	k.key, k.stranger, k.otherAlg = k.generate(keys.ES256), k.generate(keys.ES256), k.generate(keys.EdDSA)
	set, err := src.Descriptors(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	if k.plan, err = plan.Compile(policy.Read(set), func(string) (string, bool) { return "jwttest", true }); err != nil {
		tb.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.key.SigningMaterial())
	if err != nil {
		tb.Fatal(err)
	}
	file := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	k.Policy, err = jwtpolicy.New(tb.Context(), src, []jwtpolicy.Key{jwtpolicy.KeyBytes(file, jwtpolicy.KeyOptions{ID: keyID})}, jwtpolicy.Options{
		Now: k.Now, Log: slog.New(slog.DiscardHandler), Env: func(string) (string, bool) { return "jwttest", true },
	})
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

const keyID = "jwttest"

func (k *Kit) generate(alg keys.Algorithm) *keys.Key {
	k.tb.Helper()
	key, err := keygen.Generate(keygen.Request{Algorithm: alg, ID: keyID})
	if err != nil {
		k.tb.Fatal(err)
	}
	return key
}

// Now returns the time of the Kit's clock, which only Advance moves.
func (k *Kit) Now() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now
}

// Advance moves the clock forward by d.
func (k *Kit) Advance(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now = k.now.Add(d)
}

// Token returns a bearer token that method, "pkg.Service/Method", accepts for an hour. It
// has the issuer and the static claims that the method requires, and the given claims,
// which take precedence.
func (k *Kit) Token(method string, claims map[string]any) string {
	k.tb.Helper()
	return k.sign(k.key, k.claims(method, claims))
}

// claims returns claims that method accepts.
func (k *Kit) claims(method string, given map[string]any) map[string]any {
	k.tb.Helper()
	m, err := k.plan.Method(strings.TrimPrefix(method, "/"))
	if err != nil {
		k.tb.Fatal(err)
	}
	all := map[string]any{"exp": k.Now().Add(time.Hour).Unix()}
	list, _, err := bearer.Claims(m.Bearer, func(name string) bool { _, has := given[name]; return has })
	if err != nil {
		k.tb.Fatal(err)
	}
	for _, c := range list {
		all[c.Name] = c.Value
	}
	maps.Copy(all, given)
	return all
}

func (k *Kit) sign(key *keys.Key, claims map[string]any) string {
	k.tb.Helper()
	payload, err := json.Marshal(claims, json.Deterministic(true))
	if err != nil {
		k.tb.Fatal(err)
	}
	token, err := jws.Sign(key, payload)
	if err != nil {
		k.tb.Fatal(err)
	}
	return token
}

// Wrong is a bearer token that a method must refuse.
type Wrong struct {
	Name string
	// Token is "" for a call without a token.
	Token string
	// Code and Status are those of the expected *jwtpolicy.Error; Status is the gRPC
	// code.
	Code   string
	Status uint32
}

// Wrong returns tokens that method refuses, each for a single reason. claims are as for
// Token. If the method requires no bearer token, Wrong fails the test.
func (k *Kit) Wrong(method string, claims map[string]any) []Wrong {
	k.tb.Helper()
	good := k.claims(method, claims)
	m, _ := k.plan.Method(strings.TrimPrefix(method, "/")) // found by claims
	if m.Bearer == nil {
		k.tb.Fatalf("jwttest: %s does not require a bearer token, so it refuses none", method)
	}
	with := func(changes map[string]any) map[string]any {
		all := maps.Clone(good)
		maps.Copy(all, changes)
		return all
	}
	token := k.sign(k.key, good)
	head, rest, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	now := k.Now()
	list := []Wrong{
		{Name: "missing", Code: "token_missing"},
		{Name: "malformed", Token: head + "." + payload, Code: "token_malformed"},
		{Name: "expired", Token: k.sign(k.key, with(map[string]any{"exp": now.Unix()})), Code: "token_expired"},
		{Name: "not yet valid", Token: k.sign(k.key, with(map[string]any{"nbf": now.Add(time.Minute).Unix()})), Code: "token_not_yet_valid"},
		{Name: "unsigned", Token: unsignedHeader + "." + payload + ".", Code: "algorithm_not_allowed"},
		{Name: "changed signature", Token: head + "." + payload + "." + changed(signature), Code: "signature_invalid"},
		{Name: "signed by another key", Token: k.sign(k.stranger, good), Code: "signature_invalid"},
		{Name: "another algorithm", Token: k.sign(k.otherAlg, good), Code: "algorithm_not_allowed"},
		{Name: "unknown key id", Token: k.sign(k.named("unknown"), good), Code: "key_not_found"},
		{Name: "a time that is text", Token: k.sign(k.key, with(map[string]any{"exp": "tomorrow"})), Code: "invalid_claim"},
		{Name: "claims that differ in case", Token: k.sign(k.key, with(map[string]any{"jwttest": 1, "JWTTEST": 2})), Code: "token_malformed"},
	}
	if len(m.Bearer.Issuers) > 0 {
		list = append(list, Wrong{Name: "wrong issuer", Token: k.sign(k.key, with(map[string]any{"iss": "not " + m.Bearer.Issuers[0]})), Code: "issuer_not_allowed"})
	}
	for _, name := range staticNames(m.Bearer) {
		without := with(nil)
		delete(without, name)
		list = append(list, Wrong{Name: "without claim " + name, Token: k.sign(k.key, without), Code: "static_claim_mismatch"})
	}
	for i := range list {
		list[i].Status = uint32(fault.Lookup(fault.Code(list[i].Code)).GRPC)
	}
	return list
}

const unsignedHeader = "eyJhbGciOiJub25lIn0" // {"alg":"none"}

// staticNames returns the names of the claims with static requirements, except iss.
func staticNames(need *plan.Bearer) (names []string) {
	for i := range need.StaticClaims {
		if name := need.StaticClaims[i].Claim; name != "iss" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// named returns the Kit's key with another ID.
func (k *Kit) named(id string) *keys.Key {
	k.tb.Helper()
	key, err := k.key.With(keys.Attributes{ID: id})
	if err != nil {
		k.tb.Fatal(err)
	}
	return key
}

// changed returns signature with another first character.
func changed(signature string) string {
	if signature[0] == 'A' {
		return "B" + signature[1:]
	}
	return "A" + signature[1:]
}
