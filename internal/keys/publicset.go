package keys

import (
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// JWK returns k as a JSON Web Key, including its private part if it has one. The members
// are kty, the key's numbers, kid, alg and use. An ID that JSON cannot represent is
// key_invalid.
func (k *Key) JWK() ([]byte, error) {
	if !utf8.ValidString(k.id) {
		return nil, fault.New(fault.KeyInvalid, k.source, "id is not UTF-8")
	}
	material := k.SigningMaterial()
	if material == nil || k.IsRemote() {
		material = k.VerifyingMaterial()
	}
	j, err := jwk.Import(material)
	if err == nil {
		err = errors.Join(j.Set(jwk.KeyIDKey, k.id), j.Set(jwk.AlgorithmKey, string(k.Algorithm())), j.Set(jwk.KeyUsageKey, "sig"))
	}
	if err != nil {
		return nil, fault.New(fault.KeyInvalid, k.source, "cannot be written as a JWK: %w", err)
	}
	text, err := json.Marshal(j)
	if err != nil {
		return nil, fault.New(fault.KeyInvalid, k.source, "cannot be written as a JWK: %w", err)
	}
	return text, nil
}

// jwkSet is a JWKS (RFC 7517 section 5).
type jwkSet struct {
	Keys []json.RawMessage `json:"keys"`
}

// PublicSet returns the JWKS of the public halves of list, in its order; the same list
// always gives the same bytes. It refuses secrets (key_is_secret), an empty list
// (key_set_empty) and two keys with one kid (key_ambiguous), even if their algorithms
// differ: many consumers keep one key per kid. A key given twice for the same algorithm
// is included once.
func PublicSet(list []*Key) ([]byte, error) {
	var set jwkSet
	if len(list) == 0 {
		return nil, fault.New(fault.KeySetEmpty, "", "no key to publish")
	}
	var public []*Key
next:
	for _, k := range list {
		p, err := k.Public()
		if err != nil {
			return nil, err
		}
		for _, other := range public {
			switch {
			case other.id != p.id:
			case !other.SameMaterial(p):
				return nil, fault.New(fault.KeyAmbiguous, p.source, "id %q is also the id of another key (%s)", quote.Shorten(p.id), other.source).
					WithRemedy(fault.UniqueKeyIDs)
			case other.Algorithm() == p.Algorithm():
				continue next
			}
		}
		public = append(public, p)
		text, err := p.JWK()
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, text)
	}
	return json.MarshalIndent(set, "", "  ")
}

// MergeSets returns the JWKS of the public halves of the usable entries, in their order.
// A JWK keeps its form: without kid if it had none, and without alg if it named none.
// Duplicates are included once. It refuses secrets (key_is_secret), an empty list
// (key_set_empty), and two different keys with the same kid and algorithm
// (key_ambiguous).
func MergeSets(entries []Entry) ([]byte, error) {
	var set jwkSet
	var used []*Key
	seen := map[string]bool{}
	for _, e := range entries {
		if e.Key == nil {
			continue
		}
		for _, other := range used {
			if ambiguous(e.Key, other) {
				return nil, fault.New(fault.KeyAmbiguous, e.Key.source, "id %q is also the id of another key (%s)", quote.Shorten(e.Key.id), other.source)
			}
		}
		used = append(used, e.Key)
		text, err := e.public()
		if err != nil {
			return nil, err
		}
		if !seen[string(text)] {
			seen[string(text)] = true
			set.Keys = append(set.Keys, text)
		}
	}
	if len(used) == 0 {
		return nil, fault.New(fault.KeySetEmpty, "", "no key to publish")
	}
	return json.MarshalIndent(set, "", "  ")
}

// public returns the public half of e's key as a JWK, keeping the members as they were
// written (S13).
func (e Entry) public() ([]byte, error) {
	half, err := e.Key.Public()
	if err != nil || e.written == nil {
		if err != nil {
			return nil, err
		}
		return half.JWK()
	}
	members := map[string]json.RawMessage{}
	for _, m := range e.written {
		switch m.Name {
		case "kty", "crv", "x", "y", "n", "e", "kid", "alg", "use", "key_ops":
			if !isNull(m.Value) {
				members[m.Name] = json.RawMessage(m.Value)
			}
		}
	}
	if e.Key.hasID { // its attributes may have set it
		if members["kid"], err = json.Marshal(e.Key.id); err != nil {
			return nil, fault.New(fault.KeyInvalid, e.Key.source, "id is not UTF-8")
		}
	}
	return json.Marshal(members)
}

// PickEntries is Pick for entries; entries of other keys are omitted.
func PickEntries(entries []Entry, kid string) ([]Entry, error) {
	var used, picked []Entry
	for _, e := range entries {
		if e.Key == nil {
			continue
		}
		used = append(used, e)
		if e.Key.id == kid {
			picked = append(picked, e)
		}
	}
	if len(picked) > 0 {
		return picked, nil
	}
	list := make([]*Key, len(used))
	for i, e := range used {
		list[i] = e.Key
	}
	named, err := Pick(list, kid)
	if err != nil {
		return nil, err
	}
	used[0].Key = named[0]
	return used, nil
}
