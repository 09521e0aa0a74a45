// Package policytest is for tests alone: it makes plans of .proto text, keys,
// messages and tokens, and signs and verifies with them at a fixed time.
//
// For laws it draws random policies (RandomSchema) and messages (Filler), attacks
// them (Tamperer, Hostile), reads protobuf as the most lenient implementations do
// (Lenient), and works out by its own means what a reader sees and whether tokens
// say so (Oracle).
package policytest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/claims"
	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/sign"
	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// Now is the time of every World.
var Now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// Header is prepended to each source without its own syntax or edition; its package is t.
const Header = `syntax = "proto3"; package t;
import "kalix/annotations.proto"; import "google/protobuf/any.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto"; import "google/protobuf/struct.proto"; import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto";
`

// World is a policy with keys.
type World struct {
	TB       testing.TB
	Set      *descset.Set
	Policy   *policy.Policy
	Plan     *plan.Plan
	Codec    *message.Codec
	Claims   *claims.Codec
	Key      *keys.Key // the first of the ring
	Verifier *verify.Verifier
	Signer   *sign.Signer
}

// Setup changes how a World is made.
type Setup struct {
	Env     map[string]string
	Keys    []*keys.Key // an ES256 key without issuer if empty
	Sets    []keys.Set
	Verify  verify.Options
	SignKID string
}

// Load compiles one source into a policy.
func Load(tb testing.TB, text string) *policy.Policy {
	tb.Helper()
	return protokit.Read(tb, protokit.Sources(tb, tb.TempDir(), Header, map[string]string{"t.proto": text}))
}

// Compile makes a plan with these environment variables.
func Compile(p *policy.Policy, env map[string]string) (*plan.Plan, error) {
	return plan.Compile(p, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
}

// New makes a World of one source.
func New(tb testing.TB, text string, s Setup) *World {
	tb.Helper()
	p := Load(tb, text)
	compiled, err := Compile(p, s.Env)
	if err != nil {
		tb.Fatal(err)
	}
	return Of(tb, p, compiled, s)
}

// Of makes a World of a policy and its plan.
func Of(tb testing.TB, p *policy.Policy, compiled *plan.Plan, s Setup) *World {
	tb.Helper()
	if s.Keys == nil {
		s.Keys = []*keys.Key{Key(tb, keys.ES256, keys.Attributes{ID: "test"})}
	}
	ring, err := keys.NewRing(s.Keys, s.Sets...)
	if err != nil {
		tb.Fatal(err)
	}
	if s.Verify.Now == nil {
		s.Verify.Now = func() time.Time { return Now }
	}
	w := &World{TB: tb, Set: p.Set(), Policy: p, Plan: compiled, Key: s.Keys[0], Codec: message.New(p.Set().Types(), message.Limits{}), Claims: claims.New(p.Set().Types())}
	if w.Verifier, err = verify.New(w.Claims, ring, s.Verify); err != nil {
		tb.Fatal(err)
	}
	w.Signer = sign.New(w.Claims, ring, sign.Options{KeyID: s.SignKID, Now: s.Verify.Now})
	return w
}

// generated are keys by algorithm and id: making RSA keys takes its time.
var generated sync.Map

// Key returns a key of this algorithm, the same for the same attributes.
func Key(tb testing.TB, alg keys.Algorithm, a keys.Attributes) *keys.Key {
	tb.Helper()
	type id struct {
		alg        keys.Algorithm
		id, issuer string
	}
	if k, ok := generated.Load(id{alg, a.ID, a.Issuer}); ok {
		return k.(*keys.Key)
	}
	k, err := keygen.Generate(keygen.Request{Algorithm: alg, ID: a.ID})
	if err == nil && a.Issuer != "" {
		k, err = k.With(a)
	}
	if err != nil {
		tb.Fatal(err)
	}
	generated.Store(id{alg, a.ID, a.Issuer}, k)
	return k
}

// Message returns the plan of a message of package t, and the message given as ProtoJSON.
func (w *World) Message(name, json string) (*plan.Message, *dynamicpb.Message) {
	w.TB.Helper()
	p, err := w.Plan.Message("t." + name)
	if err != nil {
		w.TB.Fatal(err)
	}
	m, err := w.Codec.Read([]byte(json), p.Desc)
	if err != nil {
		w.TB.Fatal(err)
	}
	return p, m
}

// JSON returns m as compact ProtoJSON with the field names of the .proto file.
func (w *World) JSON(m *dynamicpb.Message) string {
	w.TB.Helper()
	text, err := w.Codec.Write(m, message.Form{ProtoNames: true})
	if err != nil {
		w.TB.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// Token signs claims, one JSON object, with the World's first key.
func (w *World) Token(claims string) string {
	w.TB.Helper()
	token, err := jws.Sign(w.Key, []byte(claims))
	if err != nil {
		w.TB.Fatal(err)
	}
	return token
}

// Bearer returns the validated bearer token with these claims; nil for "".
func (w *World) Bearer(claims string) *jws.Verified {
	w.TB.Helper()
	if claims == "" {
		return nil
	}
	token, err := w.Verifier.BearerToken(context.Background(), nil, w.Token(claims))
	if err != nil {
		w.TB.Fatal(err)
	}
	return token
}

// Verify validates the message given as json, and returns the result. In json, $(claims)
// is replaced by a token with these claims.
func (w *World) Verify(name, json string, bearer *jws.Verified) (string, error) {
	w.TB.Helper()
	p, m := w.Message(name, w.tokens(json))
	if _, err := w.Verifier.Message(context.Background(), p, m, bearer); err != nil {
		return "", err
	}
	return w.JSON(m), nil
}

// tokens replaces each $(claims) of json by a token in quotes.
func (w *World) tokens(json string) string {
	for {
		before, rest, found := strings.Cut(json, "$(")
		if !found {
			return json
		}
		claims, after, closed := strings.Cut(rest, ")")
		if !closed {
			w.TB.Fatalf("no end of $( in %s", json)
		}
		json = before + `"` + w.Token(claims) + `"` + after
	}
}

// Sign signs the message that json makes.
func (w *World) Sign(name, json string, bearer *jws.Verified) (*dynamicpb.Message, error) {
	w.TB.Helper()
	p, m := w.Message(name, json)
	if _, err := w.Signer.Message(p, m, bearer); err != nil {
		return nil, err
	}
	return m, nil
}

// Claims returns the claims of a token as they were written.
func Claims(tb testing.TB, token string) string {
	tb.Helper()
	t, err := jws.ParseDevelopment(token, jws.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	return string(t.PayloadJSON())
}

// WithoutTokens puts "…" for the tokens in JSON: their signatures differ each
// time.
func WithoutTokens(json string) string {
	parts := strings.Split(json, `"`)
	for i, part := range parts {
		if strings.HasPrefix(part, "ey") && strings.Count(part, ".") == 2 {
			parts[i] = "…"
		}
	}
	return strings.Join(parts, `"`)
}
