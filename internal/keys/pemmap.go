package keys

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// isPEMMap reports whether the members are PEM texts by their kid. Google publishes its
// keys so, besides as JWKS: certificates for Firebase, public keys for IAP.
func isPEMMap(members []strictjson.Member) bool {
	for _, m := range members {
		if text, isString := strictjson.String(m.Value); !isString || !strings.HasPrefix(strings.TrimSpace(text), pemBegin) {
			return false
		}
	}
	return len(members) > 0
}

// readPEMMap reads the keys of a map from kid to PEM, each as a file of its own is read.
func readPEMMap(members []strictjson.Member, a Attributes, r setReader) (Loaded, error) {
	var out Loaded
	if len(members) > MaxSetKeys {
		return Loaded{}, errTooManyKeys(a.Source)
	}
	for i, m := range members {
		at := a
		at.ID, at.Source = m.Name, fmt.Sprintf("%s: keys[%d]", a.Source, i)
		entry := Entry{Index: i, KeyID: m.Name}
		entry.Key, entry.Problem = readPEMMember(m, at)
		if entry.Problem != nil && !r.skips(entry.Problem) {
			return Loaded{}, entry.Problem
		}
		out.add(entry)
	}
	return out.settled(a)
}

func readPEMMember(m strictjson.Member, a Attributes) (*Key, *fault.Error) {
	if m.Name == "" {
		return nil, fault.New(fault.KeyInvalid, a.Source, "kid is empty")
	}
	text, _ := strictjson.String(m.Value)
	k, err := parsePEM([]byte(text), a)
	var bad *fault.Error
	if err != nil && !errors.As(err, &bad) {
		bad = fault.New(fault.KeyInvalid, a.Source, "%w", err)
	}
	return k, bad
}
