package policytest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Oracle works out by its own means what a reader of a message sees in annotated
// fields, and whether tokens say so. It reads the model of a Schema and not its
// annotations, takes tokens apart by itself, and uses nothing of verify, sign,
// plan, policy, claims and jws.
type Oracle struct {
	Schema *Schema
	Types  *dynamicpb.Types
	// Secrets are the HMAC keys that tokens may be signed with.
	Secrets [][]byte
	// Bearer are the claims of the bearer token, nil for none.
	Bearer map[string]any

	outer bool // looking at a message around the one whose token it is
}

// Doubt is something in an accepted message that no token vouches for.
type Doubt struct {
	// Hazard is the construct that explains it; lint must warn of that. NoHazard
	// means that nothing excuses it.
	Hazard Hazard
	Text   string
}

// Report describes one message.
type Report struct {
	Doubts []Doubt
	// Tokens are those in the message that are good, in the order of the walk.
	// The bearer token, where it is the message's, is "bearer".
	Tokens []string
	// Under has what the reader sees under each of Tokens, by the path of claims.
	Under []map[string]string
	// Unasked has the claims of each of Tokens that nothing in the policy or the message
	// sets. RAW entries, which signing clears, are included.
	Unasked [][]string
	// Claims are those of each of Tokens.
	Claims []map[string]any
}

// around is a message with the one around it.
type around struct {
	t  *Type
	m  protoreflect.Message
	up *around // whose claims t's token includes, else nil
}

// Look reports on m, a message of the schema's root.
func (o *Oracle) Look(m protoreflect.Message) *Report {
	r := &Report{}
	o.message(r, o.Schema.Root, m, nil, string(o.Schema.Root.Name))
	if len(r.Tokens) == 0 && o.Bearer == nil {
		r.doubt(o.hazardOf(OptionalTokens, Unspecified), "%s: not one token", o.Schema.Root.Name)
	}
	return r
}

// hazardOf returns the one of list that the schema has.
func (o *Oracle) hazardOf(list ...Hazard) Hazard {
	if slices.Contains(list, o.Schema.Hazard) {
		return o.Schema.Hazard
	}
	return NoHazard
}

func (r *Report) doubt(h Hazard, format string, args ...any) {
	r.Doubts = append(r.Doubts, Doubt{h, fmt.Sprintf(format, args...)})
}

func (o *Oracle) message(r *Report, t *Type, m protoreflect.Message, up *around, path string) {
	var token string
	var claims map[string]any
	switch f := t.Token(); {
	case t.UsesBearer:
		token, claims = "bearer", o.Bearer
		if !slices.ContainsFunc(t.Fields, func(f *Field) bool { return f.Claim != "" }) {
			r.doubt(o.hazardOf(BearerWithoutClaim), "%s: nothing binds it to the bearer token", path)
		}
	case f != nil:
		fd := f.in(m)
		if token = m.Get(fd).String(); fd.Kind() == protoreflect.BytesKind {
			token = string(m.Get(fd).Bytes())
		}
		claims = o.Open(token)
	}
	if claims == nil && (t.UsesBearer || t.Token() != nil) {
		r.doubt(NoHazard, "%s: no good token", path)
		return
	}
	under := map[string]string{}
	if claims != nil {
		o.claims(r, t, m, claims, path, "", under)
		if f := t.Token(); f != nil {
			o.token(r, f, claims, path)
			if f.ParentClaims {
				o.parents(r, t, m, claims, up, path, under)
			}
		}
		r.Tokens, r.Under = append(r.Tokens, token), append(r.Under, under)
		r.Unasked, r.Claims = append(r.Unasked, unasked(t, m, up, claims)), append(r.Claims, claims)
	}
	here := &around{t: t, m: m}
	if f := t.Token(); f != nil && f.ParentClaims {
		here.up = up
	}
	o.within(r, t, m, here, path)
}

// unasked returns the claims that neither the token's annotation, nor the fields of its
// message, nor surrounding ones set.
func unasked(t *Type, m protoreflect.Message, up *around, claims map[string]any) []string {
	asked := made(t, m)
	f := t.Token()
	if f == nil {
		return nil
	}
	nested(t, m, asked)
	for _, s := range f.Static {
		asked[s[0]] = true
	}
	for _, name := range f.BearerClaims {
		asked[name] = true
	}
	asked["iss"] = asked["iss"] || len(f.Issuers) > 0
	asked["exp"] = asked["exp"] || f.Expires >= 0
	for ; f.ParentClaims && up != nil; up = up.up {
		maps.Copy(asked, made(up.t, up.m))
		nested(up.t, up.m, asked)
		for _, f := range up.t.Fields { // it may be left out, and then filled from its own token (A52)
			asked[f.ClaimName] = asked[f.ClaimName] || f.Claim == "EXTRACT" && settles(up.t, f.ClaimName)
		}
	}
	var more []string
	for name := range claims {
		if !asked[name] {
			more = append(more, name)
		}
	}
	slices.Sort(more)
	return more
}

// settles reports whether the token of t may have the claim without a field.
func settles(t *Type, claim string) bool {
	token := t.Token()
	switch {
	case t.UsesBearer:
		return true
	case token == nil:
		return false
	}
	return claim == "iss" && len(token.Issuers) > 0 || slices.Contains(token.BearerClaims, claim) ||
		slices.ContainsFunc(token.Static, func(s [2]string) bool { return s[0] == claim })
}

// nested adds the claims of NEST fields that are set: RAW entries in them, which
// signing clears, make an object too.
func nested(t *Type, m protoreflect.Message, asked map[string]bool) {
	for _, f := range t.Fields {
		fd := f.in(m)
		switch {
		case f.Type == nil || !m.Has(fd):
		case f.Claim == "NEST":
			asked[f.ClaimName] = true
		case f.Claim == "DESCEND":
			nested(f.Type, m.Get(fd).Message(), asked)
		}
	}
}

// within looks into the fields whose messages may have tokens of their own.
func (o *Oracle) within(r *Report, t *Type, m protoreflect.Message, here *around, path string) {
	for _, f := range t.Fields {
		fd := f.in(m)
		for i, child := range elements(m, fd) {
			where := fmt.Sprintf("%s.%s[%d]", path, f.Name, i)
			switch {
			case f.Token && f.Type != nil:
				o.message(r, f.Type, child, here, where)
			case f.Claim == "" && f.Type != nil && holds(child, f.Type):
				r.doubt(o.hazardOf(UnannotatedToken, UnannotatedMap), "%s: annotated values that no token was checked for", where)
			case f.Claim == "" && f.Kind == "google.protobuf.Any":
				if found, _ := AnyType(o.Types, child); found != nil && o.Schema.Types[string(found.Descriptor().Name())] != nil {
					r.doubt(o.hazardOf(UnannotatedAny), "%s: a message with a token that was not checked", where)
				}
			}
		}
	}
}

// holds reports whether a field of m that is a claim is set.
func holds(m protoreflect.Message, t *Type) bool {
	return slices.ContainsFunc(t.Fields, func(f *Field) bool {
		return f.Claim != "" && m.Has(f.in(m))
	})
}

// elements are the messages in a field: the one, those of a list, or the values
// of a map.
func elements(m protoreflect.Message, fd protoreflect.FieldDescriptor) []protoreflect.Message {
	var all []protoreflect.Message
	switch {
	case !m.Has(fd):
	case fd.IsMap() && fd.MapValue().Message() != nil:
		m.Get(fd).Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
			all = append(all, v.Message())
			return true
		})
	case fd.IsMap() || fd.Message() == nil:
	case fd.IsList():
		for i := range m.Get(fd).List().Len() {
			all = append(all, m.Get(fd).List().Get(i).Message())
		}
	default:
		all = append(all, m.Get(fd).Message())
	}
	return all
}

// token checks what the annotation of the token requires of its claims.
func (o *Oracle) token(r *Report, f *Field, claims map[string]any, path string) {
	if iss, _ := claims["iss"].(string); len(f.Issuers) > 0 && !slices.Contains(f.Issuers, iss) {
		r.doubt(NoHazard, "%s: issuer %q", path, iss)
	}
	for _, s := range f.Static {
		if claims[s[0]] != s[1] {
			r.doubt(NoHazard, "%s: static claim %s", path, s[0])
		}
	}
	for _, name := range f.BearerClaims {
		if o.Bearer == nil || claims[name] == nil || fmt.Sprint(claims[name]) != fmt.Sprint(o.Bearer[name]) {
			r.doubt(NoHazard, "%s: bearer claim %s", path, name)
		}
	}
}

// Open returns the claims of a compact JWS whose signature by one of the secrets
// is good and that is valid now; nil for anything else.
func (o *Oracle) Open(compact string) map[string]any {
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return nil
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !slices.ContainsFunc(o.Secrets, func(secret []byte) bool {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(parts[0] + "." + parts[1]))
		return hmac.Equal(mac.Sum(nil), signature)
	}) {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	claims := readJSON(payload)
	for name, after := range map[string]bool{"exp": true, "nbf": false} {
		if n, ok := claims[name].(json.Number); ok {
			if seconds, err := n.Int64(); err != nil || after != (Now.Unix() < seconds) {
				return nil
			}
		}
	}
	return claims
}

// readJSON returns the object that text is, with its numbers as they are written.
func readJSON(text []byte) map[string]any {
	var object map[string]any
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	if dec.Decode(&object) != nil {
		return nil
	}
	return object
}

// ReadClaims returns the claims of a token's JSON as an Oracle has them.
func ReadClaims(text string) map[string]any { return readJSON([]byte(text)) }
