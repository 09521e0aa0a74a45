package policytest

import (
	"context"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/plan"
)

// Lab is one random policy and signed messages of it, to attack.
type Lab struct {
	*rapid.T
	*World
	Schema *Schema
	Method *plan.Method // the schema's one
	Given  []Given
}

// Given is a signed message and the bearer token of its call.
type Given struct {
	Message *dynamicpb.Message
	Bearer  *jws.Verified  // nil where the method validates none
	Claims  map[string]any // of Bearer
}

// Secret is the one that the tokens of a Lab are signed with.
var Secret = []byte("a secret of thirty-two bytes or more")

// NewLab draws a policy and up to three messages. It returns nil for a policy
// with a hazard that lint refuses, which nothing runs (A101).
func NewLab(tb testing.TB, rt *rapid.T, o SchemaOptions) *Lab {
	tb.Helper()
	key, err := keys.New(Secret, keys.Attributes{ID: "k", Algorithm: keys.HS256})
	if err != nil {
		tb.Fatal(err)
	}
	l := &Lab{T: rt, Schema: RandomSchema(rt, o)}
	p := Load(tb, l.Schema.Text)
	compiled, err := Compile(p, nil)
	if err != nil {
		if l.Schema.Hazard == NoHazard {
			rt.Fatalf("lint refuses a valid policy: %v\n%s", err, l.Schema.Text)
		}
		return nil
	}
	l.World = Of(tb, p, compiled, Setup{Keys: []*keys.Key{key}})
	if l.Method, err = compiled.Method("t.S/Call"); err != nil {
		rt.Fatal(err)
	}
	filler := &Filler{T: rt, Types: l.Set.Types(), AnyTypes: l.Schema.anyTypes}
	for range 3 {
		l.give(filler)
	}
	return l
}

// give adds a message, unless it is one that cannot be signed.
func (l *Lab) give(filler *Filler) {
	p, err := l.Plan.Message("t.M")
	if err != nil {
		l.Fatal(err)
	}
	g := Given{Message: filler.Message(p.Desc, 3), Claims: map[string]any{}}
	if l.Schema.Root.UsesBearer {
		g.Claims = l.ClaimSet(l.TB, l.Schema.Root, g.Message)
	}
	g.Claims["sub"] = rapid.SampledFrom([]string{"alice", "bob"}).Draw(l.T, "sub")
	text := JSONOf(l.TB, g.Claims)
	if g.Claims = ReadClaims(text); l.Schema.Bearer {
		g.Bearer = l.World.Bearer(text)
	}
	if p.Token != nil || len(p.Nested) > 0 {
		if _, err := l.Signer.Message(p, g.Message, g.Bearer); err != nil {
			if fault.ClassOf(err) != fault.Refused {
				l.Fatalf("sign: %v\n%s", err, l.Schema.Text)
			}
			return
		}
	}
	if _, err := proto.Marshal(g.Message); err != nil {
		l.Fatalf("a signed message cannot be encoded: %v\n%s", err, l.Schema.Text)
	}
	l.Given = append(l.Given, g)
}

// Attack is what an attacker does with a given message.
type Attack struct {
	Tamper bool // move, drop, swap, duplicate and change what is in it
	Wire   Hostile
}

// Attacked returns a given message after the attack, and the call it comes with.
func (l *Lab) Attacked(a Attack) ([]byte, Given) {
	g := rapid.SampledFrom(l.Given).Draw(l.T, "given")
	m := proto.Clone(g.Message).(*dynamicpb.Message)
	if a.Tamper && rapid.IntRange(0, 3).Draw(l.T, "tamper") > 0 {
		var donors []*dynamicpb.Message
		for _, one := range l.Given {
			donors = append(donors, one.Message)
		}
		filler := &Filler{T: l.T, Types: l.Set.Types()}
		Tamperer{T: l.T, Filler: filler, Donors: donors}.Tamper(m)
	}
	if rapid.IntRange(0, 5).Draw(l.T, "another bearer") == 0 {
		other := rapid.SampledFrom(l.Given).Draw(l.T, "bearer")
		g.Bearer, g.Claims = other.Bearer, other.Claims
	}
	a.Wire.T, a.Wire.Types = l.T, l.Set.Types()
	return a.Wire.Marshal(m), g
}

// Accept does what the proxy does with a request: it returns what goes upstream.
func (l *Lab) Accept(wire []byte, bearer *jws.Verified) ([]byte, *dynamicpb.Message, error) {
	if l.Method.Bearer != nil && bearer == nil {
		return nil, nil, fault.New(fault.TokenMissing, "", "no bearer token")
	}
	m := dynamicpb.NewMessage(l.Method.Desc.Input())
	if err := l.Codec.Decode(wire, m); err != nil {
		return nil, nil, err
	}
	if l.Method.Request != nil {
		if _, err := l.Verifier.Message(context.Background(), l.Method.Request, m, bearer); err != nil {
			return nil, nil, err
		}
	}
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		l.Fatalf("an accepted message cannot be encoded: %v\n%s", err, l.Schema.Text)
	}
	return out, m, nil
}
