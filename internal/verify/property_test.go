package verify_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// trial is a random policy with a random message, signed.
type trial struct {
	*rapid.T
	w      *policytest.World
	root   *plan.Message
	signed *dynamicpb.Message
	bearer *jws.Verified
}

// TestA65_SignedPassesAndChangedIsRefused: for random policies and messages, a signed
// message is accepted, and any change to what is signed is refused. A65 and section 5.
func TestA65_SignedPassesAndChangedIsRefused(t *testing.T) {
	key := policytest.Key(t, keys.EdDSA, keys.Attributes{ID: "k"})
	rapid.Check(t, func(rt *rapid.T) {
		schema := policytest.RandomSchema(rt, policytest.SchemaOptions{})
		if schema.Root.UsesBearer {
			return // nothing to sign
		}
		text := schema.Text
		w := policytest.New(t, text, policytest.Setup{Keys: []*keys.Key{key}})
		root, err := w.Plan.Message("t.M")
		if err != nil {
			t.Fatal(err)
		}
		empty := (&policytest.Filler{T: rt, Types: w.Set.Types()}).Message(root.Desc, 2)
		m := proto.Clone(empty).(*dynamicpb.Message)
		c := trial{T: rt, w: w, root: root, signed: m, bearer: w.Bearer(`{"sub":"alice"}`)}
		if _, err := w.Signer.Message(root, m, c.bearer); err != nil {
			rt.Fatalf("sign: %v\n%s\n%v", err, text, empty)
		}
		c.passes(empty, text)
		c.sites(root, m, nil, "", func(s site) {
			c.changeToken(s)
			c.changeClaims(s)
		})
		c.changeFields(root, m, false)
		c.swapTokens(root, m)
	})
}

// passes checks that the signed message verifies, keeps its content, and verifies again.
func (c *trial) passes(before *dynamicpb.Message, text string) {
	out := c.copy()
	if err := c.verify(out); err != nil {
		c.Fatalf("verify: %v\n%s\n%s", err, text, c.w.JSON(c.signed))
	}
	contains(c.T, before, out)
	if err := c.verify(out); err != nil {
		c.Fatalf("verify the result of verification: %v\n%s", err, c.w.JSON(out))
	}
}

func (c *trial) copy() *dynamicpb.Message { return proto.Clone(c.signed).(*dynamicpb.Message) }

func (c *trial) verify(m protoreflect.Message) error {
	_, err := c.w.Verifier.Message(context.Background(), c.root, m, c.bearer)
	return err
}

// refuses checks that the signed message is refused while changed. It tries one in three
// changes, which are still thousands per run.
func (c *trial) refuses(what string, change, undo func()) {
	if rapid.IntRange(1, 3).Draw(c.T, what) > 1 {
		return
	}
	change()
	defer undo()
	if err := c.verify(c.copy()); fault.ClassOf(err) != fault.Refused {
		c.Fatalf("%s: %v\n%s", what, err, c.w.JSON(c.signed))
	}
}

// restores checks that what is removed from the signed message is filled in from the
// token (A44).
func (c *trial) restores(what string, take, undo func()) {
	whole := c.copy()
	take()
	part := c.copy()
	undo()
	if err := errors.Join(c.verify(whole), c.verify(part)); err != nil || !proto.Equal(whole, part) {
		c.Fatalf("%s: %v\n%s\n%s", what, err, c.w.JSON(whole), c.w.JSON(part))
	}
}

// contains checks that every field that is set in before is the same in after; RAW fields
// and lists may have more.
func contains(t *rapid.T, before, after protoreflect.Message) {
	before.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		got := after.Get(fd)
		switch {
		case fd.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				if !got.Map().Has(k) || !got.Map().Get(k).Equal(v) {
					t.Fatalf("%s[%q] was dropped", fd.FullName(), k)
				}
				return true
			})
		case fd.Message() == nil || fd.Message().Fields().ByName("tok") == nil && fd.Message().FullName().Parent() != "t":
			if !got.Equal(v) {
				t.Fatalf("%s: got %[3]v, want %[2]v", fd.FullName(), v, got)
			}
		case fd.IsList():
			for i := range v.List().Len() {
				contains(t, v.List().Get(i).Message(), got.List().Get(i).Message())
			}
		default:
			contains(t, v.Message(), got.Message())
		}
		return true
	})
}

// site is a message with its own token.
type site struct {
	plan    *plan.Message
	message protoreflect.Message
	checked map[string]bool // the claims set by its fields or surrounding ones
	path    string
}

// sites calls visit for each message with its own token.
func (c *trial) sites(p *plan.Message, m protoreflect.Message, around map[string]bool, path string, visit func(site)) {
	own := map[string]bool{}
	p.AddOwnClaims(m, own)
	if p.Token != nil {
		if p.Token.ParentClaims {
			for name := range around {
				own[name] = true
			}
		}
		visit(site{p, m, own, path})
	}
	for _, n := range p.Nested {
		each(m, n.Field, func(child protoreflect.Message, at string) { c.sites(n.Message, child, own, path+at+".", visit) })
	}
}

// each calls visit for each message in fd.
func each(m protoreflect.Message, fd protoreflect.FieldDescriptor, visit func(m protoreflect.Message, at string)) {
	switch {
	case !m.Has(fd):
	case fd.IsList():
		for i := range m.Get(fd).List().Len() {
			visit(m.Mutable(fd).List().Get(i).Message(), fmt.Sprintf("%s[%d]", fd.Name(), i))
		}
	default:
		visit(m.Mutable(fd).Message(), string(fd.Name()))
	}
}

func (s site) token() string {
	if v := s.message.Get(s.plan.Token.Field); s.plan.Token.Field.Kind() == protoreflect.BytesKind {
		return string(v.Bytes())
	} else {
		return v.String()
	}
}

func (s site) setToken(token string) {
	v := stringValue(token)
	if s.plan.Token.Field.Kind() == protoreflect.BytesKind {
		v = bytesValue(token)
	}
	s.message.Set(s.plan.Token.Field, v)
}

// changeToken modifies bytes of a token, and removes it.
func (c *trial) changeToken(s site) {
	token := s.token()
	undo := func() { s.setToken(token) }
	c.refuses(s.path+"no token", func() { s.message.Clear(s.plan.Token.Field) }, undo)
	for range 3 {
		i := rapid.IntRange(0, len(token)-1).Draw(c.T, "byte")
		other := rapid.SampledFrom([]byte("ABx0_-.=+\n ")).Filter(func(b byte) bool { return b != token[i] }).Draw(c.T, "other")
		c.refuses(fmt.Sprintf("%stoken, byte %d", s.path, i), func() { s.setToken(token[:i] + string(other) + token[i+1:]) }, undo)
	}
	i := strings.LastIndexByte(token, '.')
	c.refuses(s.path+"token without signature", func() { s.setToken(token[:i+1]) }, undo)
}

// changeClaims replaces the token by a validly signed one with other claims.
func (c *trial) changeClaims(s site) {
	token := s.token()
	undo := func() { s.setToken(token) }
	claims, err := strictjson.Object([]byte(policytest.Claims(c.w.TB, token)), jws.MaxDepth)
	if err != nil {
		c.Fatal(err)
	}
	decided := map[string]bool{}
	s.plan.Token.AddClaims(decided)
	for i, claim := range claims {
		if !s.checked[claim.Name] && !(decided[claim.Name] && claim.Name != "exp") {
			continue
		}
		var without, other []string
		for j, o := range claims {
			member := string(strictjson.Quote(o.Name)) + ":" + string(o.Value)
			if i != j {
				without = append(without, member)
			} else {
				member = string(strictjson.Quote(o.Name)) + `:"~other~"`
			}
			other = append(other, member)
		}
		for _, payload := range [][]string{without, other} {
			text := "{" + strings.Join(payload, ",") + "}"
			c.refuses(s.path+"claim "+claim.Name, func() { s.setToken(c.w.Token(text)) }, undo)
		}
	}
}

// changeFields modifies each field covered by a token, one by one.
func (c *trial) changeFields(p *plan.Message, m protoreflect.Message, within bool) {
	within = within || p.Token != nil
	for _, claim := range p.Claims {
		if !within || !m.Has(claim.Field) {
			continue
		}
		switch claim.Action {
		case policy.Include, policy.Extract:
			old := clone(m, claim.Field)
			if changed := changeOf(m, claim.Field); changed.IsValid() {
				c.refuses(string(claim.Field.FullName()), func() { m.Set(claim.Field, changed) }, func() { m.Set(claim.Field, old) })
			}
			if claim.Action == policy.Extract {
				c.restores(string(claim.Field.FullName()), func() { m.Clear(claim.Field) }, func() { m.Set(claim.Field, old) })
			}
		case policy.Nest, policy.Descend:
			each(m, claim.Field, func(child protoreflect.Message, _ string) { c.changeFields(claim.Message, child, true) })
			if claim.Field.IsList() {
				list := m.Mutable(claim.Field).List()
				n := list.Len()
				c.refuses("an element more", func() { list.Append(list.NewElement()) }, func() { list.Truncate(n) })
			}
		}
	}
	for _, n := range p.Nested {
		each(m, n.Field, func(child protoreflect.Message, _ string) { c.changeFields(n.Message, child, false) })
	}
}

// swapTokens swaps the tokens of two elements that differ in one of their claims.
func (c *trial) swapTokens(p *plan.Message, m protoreflect.Message) {
	for _, n := range p.Nested {
		each(m, n.Field, func(child protoreflect.Message, _ string) { c.swapTokens(n.Message, child) })
		if !m.Has(n.Field) || !n.Field.IsList() || n.Message.Token == nil || m.Get(n.Field).List().Len() < 2 {
			continue
		}
		list := m.Mutable(n.Field).List()
		a, b := site{plan: n.Message, message: list.Get(0).Message()}, site{plan: n.Message, message: list.Get(1).Message()}
		for _, claim := range n.Message.Claims {
			inherited := claim.Name != string(claim.Field.Name())
			if (claim.Action == policy.Include || claim.Action == policy.Extract) && !inherited && !a.message.Get(claim.Field).Equal(b.message.Get(claim.Field)) {
				x, y := a.token(), b.token()
				c.refuses("tokens swapped", func() { a.setToken(y); b.setToken(x) }, func() { a.setToken(x); b.setToken(y) })
				break
			}
		}
	}
}
