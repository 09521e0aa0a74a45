package sign_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// signers are secrets by key ID; A and B are bound to issuers of these names.
var signers = map[string][]byte{
	"any": []byte("the secret of a key without issuer"),
	"A":   []byte("the secret of the key of issuer A."),
	"B":   []byte("the secret of the key of issuer B."),
}

// signing is a random policy, the keys of a ring in random order, and a message to sign.
type signing struct {
	*rapid.T
	w      *policytest.World
	schema *policytest.Schema
	keys   []*keys.Key
	bearer *jws.Verified
	claims map[string]any // of bearer
	named  bool           // the key is selected by ID (A23)
}

// TestSignedTokensSayWhoSignedThemAndNothingUnasked: signed tokens have the claims of the
// policy and no more, nothing else in the message changes, the key may vouch for the
// token's issuer, and the token verifies with the keys that signed it. A65, S83, S89.
//
// If the key were selected only by the annotation's issuer (walker.token passing
// p.Token.Issuers[0], or nil, to Ring.Signer), this would fail within 6 schemas.
func TestSignedTokensSayWhoSignedThemAndNothingUnasked(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := newSigning(t, rt)
		filler := &policytest.Filler{T: rt, Types: s.w.Set.Types(), Issuers: true}
		p, err := s.w.Plan.Message("t.M")
		if err != nil {
			t.Fatal(err)
		}
		if p.Token == nil && len(p.Nested) == 0 {
			return
		}
		for range 6 {
			before := filler.Message(p.Desc, 3)
			after := proto.Clone(before).(*dynamicpb.Message)
			if _, err := s.w.Signer.Message(p, after, s.bearer); err != nil {
				if fault.CodeOf(err) == fault.Internal {
					rt.Fatalf("sign: %v\n%s", err, s.schema.Text)
				}
				continue
			}
			s.onlyTokens(before, after)
			s.attributable(after)
			if _, err := s.w.Verifier.Message(context.Background(), p, proto.Clone(after).ProtoReflect(), s.bearer); err != nil && !s.schema.Root.UsesBearer && !s.named {
				rt.Fatalf("verify: %v\n%v\n%s", err, after, s.schema.Text)
			}
		}
	})
}

func newSigning(t *testing.T, rt *rapid.T) *signing {
	s := &signing{T: rt, schema: policytest.RandomSchema(rt, policytest.SchemaOptions{Issuers: true})}
	ids := rapid.Permutation([]string{"any", "A", "B"}).Draw(rt, "order")[:rapid.IntRange(1, 3).Draw(rt, "keys")]
	for _, id := range ids {
		a := keys.Attributes{ID: id, Algorithm: keys.HS256}
		if id != "any" {
			a.Issuer = id
		}
		key, err := keys.New(signers[id], a)
		if err != nil {
			t.Fatal(err)
		}
		s.keys = append(s.keys, key)
	}
	setup := policytest.Setup{Keys: s.keys}
	if rapid.IntRange(0, 4).Draw(rt, "named") == 0 {
		s.named, setup.SignKID = true, ids[0]
	}
	s.w = policytest.New(t, s.schema.Text, setup)
	if s.schema.Bearer {
		s.bear()
	}
	return s
}

// bear gives the call a bearer token with the issuer of its key.
func (s *signing) bear() {
	key := s.keys[0]
	text := `{"sub":"alice"}`
	if key.Issuer() != "" {
		text = `{"sub":"alice","iss":"` + key.Issuer() + `"}`
	}
	token, err := jws.Sign(key, []byte(text))
	if err == nil {
		s.bearer, err = s.w.Verifier.BearerToken(context.Background(), nil, token)
	}
	if err != nil {
		s.Fatal(err)
	}
	s.claims = policytest.ReadClaims(text)
}

// onlyTokens checks that signing sets tokens, clears RAW fields, and changes nothing
// else.
func (s *signing) onlyTokens(before, after *dynamicpb.Message) {
	x, y := proto.Clone(before).ProtoReflect(), proto.Clone(after).ProtoReflect()
	s.strip(s.schema.Root, x, false)
	s.strip(s.schema.Root, y, false)
	if !proto.Equal(x.Interface(), y.Interface()) {
		s.Fatalf("signing changed\n%v\nto\n%v\n%s", x, y, s.schema.Text)
	}
}

// strip clears what signing may change: tokens, and RAW fields covered by one.
func (s *signing) strip(t *policytest.Type, m protoreflect.Message, under bool) {
	under = under || t.Token() != nil
	for _, f := range t.Fields {
		fd := m.Descriptor().Fields().ByName(protoreflect.Name(f.Name))
		switch {
		case f.Token && f.Type == nil, f.Claim == "RAW" && under:
			m.Clear(fd)
		case f.Type == nil || !m.Has(fd):
		case fd.IsList():
			for i := range m.Get(fd).List().Len() {
				s.strip(f.Type, m.Mutable(fd).List().Get(i).Message(), under && !f.Token)
			}
		case !fd.IsMap():
			s.strip(f.Type, m.Mutable(fd).Message(), under && !f.Token)
		}
	}
}

// attributable checks each token with an independent oracle.
func (s *signing) attributable(m protoreflect.Message) {
	o := &policytest.Oracle{Schema: s.schema, Types: s.w.Set.Types(), Secrets: slices.Collect(maps.Values(signers)), Bearer: s.claims}
	report := o.Look(m)
	for i, token := range report.Tokens {
		if token == "bearer" {
			continue
		}
		claims := report.Claims[i]
		for _, name := range report.Unasked[i] {
			if !strings.HasPrefix(name, "rf") && name != "iss" { // the names of RAW entries
				s.Fatalf("the token has the claim %s, but the policy does not set it\n%v\n%s", name, m, s.schema.Text)
			}
		}
		key := keyOf(token)
		iss, has := claims["iss"].(string)
		bound := !s.named && slices.ContainsFunc(s.keys, func(k *keys.Key) bool { return iss != "" && k.Issuer() == iss })
		if has && (key == "" || key != "any" && key != iss || bound && key != iss) {
			s.Fatalf("the key %q signs a token with iss %s\n%v\n%s", key, iss, m, s.schema.Text)
		}
	}
}

// keyOf returns the ID of the key that signed a token, by trying all.
func keyOf(token string) string {
	for id, secret := range signers {
		o := &policytest.Oracle{Secrets: [][]byte{secret}}
		if o.Open(token) != nil {
			return id
		}
	}
	return ""
}
