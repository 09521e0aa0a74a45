package keys

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"unicode/utf8"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// MaxSetKeys is the most keys that a set may hold (S11).
const MaxSetKeys = 1000

// parseSet reads the "keys" of a JWKS from a file of the user's own: a key
// that is broken stops it, one of a kind that is not for us is passed over
// (RFC 7517 section 5, S12).
func parseSet(array strictjson.Value, a Attributes) (Loaded, error) {
	elements, err := setElements(array, a)
	if err != nil {
		return Loaded{}, err
	}
	return readSet(elements, a, func(err *fault.Error) bool {
		return err.Code == fault.KeyTypeUnsupported || err.Code == fault.KeyUseMismatch
	})
}

// ParseRemoteSet reads a JWKS that somebody else publishes: every key that
// cannot be used is passed over and counted (S12), but a private or secret
// member in any of them spoils the set, since its keys are then anybody's
// (S21). A set without one usable key is key_set_empty.
func ParseRemoteSet(data []byte, a Attributes) (Loaded, error) {
	members, err := strictjson.Object(data, jsonDepth)
	if err != nil {
		return Loaded{}, fault.New(fault.KeySetUnavailable, a.Source, "not a JWKS: %w", err)
	}
	for _, m := range members {
		if m.Name != "keys" {
			continue
		}
		elements, err := setElements(m.Value, a)
		if err != nil {
			return Loaded{}, err
		}
		if secret := privateMember(elements); secret != "" {
			return Loaded{}, fault.New(fault.KeySetUnavailable, a.Source, "it publishes private key material (member %q)", secret)
		}
		return readSet(elements, a, func(*fault.Error) bool { return true })
	}
	return Loaded{}, fault.New(fault.KeySetUnavailable, a.Source, "not a JWKS: it has no \"keys\"")
}

// privateMember returns the name of a member of one of the keys that only a
// private or secret key has, "" if there is none.
func privateMember(elements iter.Seq[strictjson.Value]) string {
	n := 0
	for e := range elements {
		if n++; n > MaxSetKeys {
			break // readSet refuses so many
		}
		members, err := strictjson.Object(e, jsonDepth)
		if err != nil {
			continue
		}
		for _, m := range members {
			switch m.Name {
			case "d", "p", "q", "dp", "dq", "qi", "oth", "k":
				return m.Name
			}
		}
	}
	return ""
}

// setElements returns the elements of a set's "keys".
func setElements(array strictjson.Value, a Attributes) (iter.Seq[strictjson.Value], error) {
	elements, err := strictjson.Elements(array, jsonDepth)
	if err != nil {
		return nil, fault.New(fault.KeyInvalid, a.Source, "its \"keys\" is no array: %w", err)
	}
	return elements, nil
}

// readSet reads the keys of elements, passing over those whose error mayIgnore
// accepts.
func readSet(elements iter.Seq[strictjson.Value], a Attributes, mayIgnore func(*fault.Error) bool) (Loaded, error) {
	var out Loaded
	n := 0
	for e := range elements {
		if n == MaxSetKeys {
			return Loaded{}, fault.New(fault.FileTooLarge, a.Source, "a set may hold %d keys, and it has more", MaxSetKeys)
		}
		at := a
		at.Source = fmt.Sprintf("%s: keys[%d]", a.Source, n)
		at.ID = ""
		n++
		k, err := parseElement(e, at)
		if err != nil {
			if !mayIgnore(err) {
				return Loaded{}, err
			}
			out.Ignored = append(out.Ignored, err.Error())
			continue
		}
		out.Keys = append(out.Keys, k)
	}
	if err := checkSet(out.Keys, a.Source); err != nil {
		return Loaded{}, err
	}
	return out.pick(a)
}

func parseElement(e strictjson.Value, a Attributes) (*Key, *fault.Error) {
	members, err := strictjson.Object(e, jsonDepth)
	if err != nil {
		return nil, fault.New(fault.KeyInvalid, a.Source, "%w", err)
	}
	k, err := parseJWK(members, a)
	if err != nil {
		return nil, err.(*fault.Error)
	}
	return k, nil
}

// checkSet refuses sets in which a kid does not name one key, or in which a
// public key could be taken for a secret (S12).
func checkSet(list []*Key, source string) error {
	if len(list) == 0 {
		return fault.New(fault.KeySetEmpty, source, "the set holds no key that can be used")
	}
	seen := make(map[string]bool, len(list))
	secrets := 0
	for _, k := range list {
		if seen[k.id] {
			return fault.New(fault.KeyAmbiguous, source, "two keys of the set have the kid %q", quote.Shorten(k.id))
		}
		seen[k.id] = true
		if k.Type() == TypeSecret {
			secrets++
		}
	}
	if secrets != 0 && secrets != len(list) {
		return fault.New(fault.KeySetMixed, source, "the set holds shared secrets beside asymmetric keys")
	}
	return nil
}

// pick narrows l to the key with id a.ID, if one is asked for.
func (l Loaded) pick(a Attributes) (Loaded, error) {
	if a.ID == "" {
		return l, nil
	}
	for _, k := range l.Keys {
		if k.id == a.ID {
			return Loaded{Keys: []*Key{k}, Ignored: l.Ignored}, nil
		}
	}
	return Loaded{}, fault.New(fault.KeyMissing, a.Source, "no key of the set has the kid %q", quote.Shorten(a.ID))
}

// JWK returns k as a JSON Web Key with its private part if it has one. Members
// are kty and the key's numbers, kid, alg and use. An id that no JSON can carry
// is key_invalid.
func (k *Key) JWK() ([]byte, error) {
	if !utf8.ValidString(k.id) {
		return nil, fault.New(fault.KeyInvalid, k.source, "its id is not UTF-8")
	}
	material := k.SigningMaterial()
	if material == nil {
		material = k.VerifyingMaterial()
	}
	j, err := jwk.Import(material)
	if err == nil {
		err = errors.Join(j.Set(jwk.KeyIDKey, k.id), j.Set(jwk.AlgorithmKey, string(k.Algorithm())), j.Set(jwk.KeyUsageKey, "sig"))
	}
	if err != nil {
		return nil, fault.New(fault.KeyInvalid, k.source, "it cannot be written as a JWK: %w", err)
	}
	text, err := json.Marshal(j)
	if err != nil {
		return nil, fault.New(fault.KeyInvalid, k.source, "it cannot be written as a JWK: %w", err)
	}
	return text, nil
}

// PublicSet returns the JWKS of the public halves of list, in its order and
// always in the same bytes. It refuses secrets (key_is_secret), an empty list
// (key_set_empty) and one kid for two keys (key_ambiguous); the same key given
// twice stands once.
func PublicSet(list []*Key) ([]byte, error) {
	set := struct {
		Keys []json.RawMessage `json:"keys"`
	}{Keys: []json.RawMessage{}}
	var public []*Key
	for _, k := range list {
		p, err := k.Public()
		if err != nil {
			return nil, err
		}
		if !holds(public, p) {
			public = append(public, p)
		}
	}
	if err := checkSet(public, ""); err != nil {
		return nil, err
	}
	for _, p := range public {
		text, err := p.JWK()
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, text)
	}
	return json.MarshalIndent(set, "", "  ")
}

// holds says whether list has k: the same id and the same numbers.
func holds(list []*Key, k *Key) bool {
	for _, other := range list {
		if other.id == k.id && other.SameMaterial(k) {
			return true
		}
	}
	return false
}
