package keys

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// MaxSetKeys is the maximum number of keys in a set (S11).
const MaxSetKeys = 1000

// Entry is a key of a file or set, usable or not.
type Entry struct {
	// Index is the position in the set, from 0.
	Index int
	// KeyID is the kid as written, or "".
	KeyID string
	// Key is the key, or nil if it is not used; Problem then has the reason.
	Key     *Key
	Problem *fault.Error

	kty, alg string              // as written
	written  []strictjson.Member // of a JWK
}

// shadows reports whether e, a broken or weak key, was meant to verify the same signatures
// as k; then the two are ambiguous (S12).
func (e Entry) shadows(k *Key) bool {
	return e.Problem != nil && (e.Problem.Code == fault.KeyInvalid || e.Problem.Code == fault.KeyWeak) &&
		e.KeyID == k.id && e.kty == string(k.Type()) && (e.alg == "" || k.Allows(Algorithm(e.alg)))
}

// String identifies the entry by position and ID.
func (e Entry) String() string {
	if e.KeyID == "" {
		return fmt.Sprintf("keys[%d]", e.Index)
	}
	return fmt.Sprintf("keys[%d] (kid %q)", e.Index, quote.Shorten(e.KeyID))
}

// ParseSet reads a key set or a single key from any source: a JWKS (RFC 7517 section 5),
// a JWK, or anything else that Parse reads. The same bytes always give the same result
// (S12): keys that are broken, weak or not for signatures are skipped, and null or empty
// members count as absent. published means that the set is public, at a URL; private or
// secret material in any of its keys then makes the whole set invalid, since anyone may
// have it (S21).
//
// a.Source is used in messages, a.Issuer and a.Algorithm apply to each key, and a.ID
// selects keys, as Pick does. Errors are those of Parse, key_set_empty, which has the
// reason for each key, key_ambiguous and key_set_mixed. With key_set_empty the entries
// are returned too.
func ParseSet(data []byte, a Attributes, published bool) (Loaded, error) {
	loaded, err := parse(data, a, lenient(published))
	if err != nil {
		return loaded, err
	}
	if published && slices.ContainsFunc(loaded.Keys, func(k *Key) bool { return k.private != nil }) { // PEM
		return Loaded{}, errPublished(a.Source, "a private key")
	}
	return loaded, nil
}

// setReader configures how the keys of a set are read.
type setReader struct {
	// skips reports whether a key with this fault is skipped, rather than failing
	// the whole set.
	skips func(*fault.Error) bool
	// emptyIsAbsent treats empty members as absent.
	emptyIsAbsent bool
	// published refuses private material.
	published bool
}

// strict is for files that their owner names: unsupported kinds of keys are skipped
// (RFC 7517 section 5), all others must load.
func strict() setReader {
	return setReader{skips: func(err *fault.Error) bool {
		return err.Code == fault.KeyTypeUnsupported || err.Code == fault.KeyUseMismatch
	}}
}

func lenient(published bool) setReader {
	return setReader{skips: func(*fault.Error) bool { return true }, emptyIsAbsent: true, published: published}
}

// present returns the members that are not treated as absent.
func (r setReader) present(members []strictjson.Member) []strictjson.Member {
	if !r.emptyIsAbsent {
		return members
	}
	return slices.DeleteFunc(members, func(m strictjson.Member) bool { return m.Name != "key_ops" && isEmpty(m.Value) })
}

func errPublished(source, what string) *fault.Error {
	return fault.New(fault.KeySetUnavailable, source, "publishes private key material (%s)", what).
		WithHint("publish only public keys, as printed by jwtctl jwks, and replace the keys that leaked")
}

// privateMember returns the name of a member that only a private or secret key has, or
// "". The k of a key that is not for signatures is ignored: it cannot forge a token.
func privateMember(members []strictjson.Member, problem *fault.Error) string {
	forOther := problem != nil && problem.Code == fault.KeyUseMismatch
	isAKP := false
	for _, m := range members {
		text, _ := strictjson.String(m.Value)
		forOther = forOther || m.Name == "alg" && text != "" && !slices.Contains(Algorithms(), Algorithm(text))
		isAKP = isAKP || m.Name == "kty" && text == "AKP"
	}
	for _, m := range members {
		switch m.Name {
		case "d", "p", "q", "dp", "dq", "qi", "oth":
		case "priv": // RFC 9964 section 3
			if !isAKP {
				continue
			}
		case "k":
			if forOther {
				continue
			}
		default:
			continue
		}
		if !isNull(m.Value) && !isEmpty(m.Value) {
			return m.Name
		}
	}
	return ""
}

// readSet reads the JWKS whose "keys" member is array.
func readSet(array strictjson.Value, a Attributes, r setReader) (Loaded, error) {
	elements, err := strictjson.Elements(array, jsonDepth)
	if err != nil {
		return Loaded{}, fault.New(fault.KeyInvalid, a.Source, "\"keys\" is not an array: %w", err)
	}
	out, err := readElements(elements, a, r)
	if err != nil {
		return Loaded{}, err
	}
	return out.settled(a)
}

// settled returns the keys of a whole set: those that a.ID picks. It refuses a set without
// any, and those that checkSet does.
func (l Loaded) settled(a Attributes) (Loaded, error) {
	if len(l.Keys) == 0 {
		return l, errNoKey(l.Entries, a.Source)
	}
	err := checkSet(l, a.Source)
	if err != nil {
		return Loaded{}, err
	}
	if a.ID == "" {
		return l, nil
	}
	l.Keys, err = Pick(l.Keys, a.ID)
	return l, withSource(err, a.Source)
}

func errTooManyKeys(source string) error {
	return fault.New(fault.FileTooLarge, source, "the set has more than %d keys", MaxSetKeys)
}

func readElements(elements iter.Seq[strictjson.Value], a Attributes, r setReader) (Loaded, error) {
	var out Loaded
	for e := range elements {
		n := len(out.Entries)
		if n == MaxSetKeys {
			return Loaded{}, errTooManyKeys(a.Source)
		}
		at := a
		at.ID, at.Source = "", fmt.Sprintf("%s: keys[%d]", a.Source, n)
		entry, err := r.element(e, at)
		if err != nil {
			return Loaded{}, err
		}
		entry.Index = n
		out.add(entry)
	}
	return out, nil
}

// element reads a key of a set, or a file's single JWK.
func (r setReader) element(e strictjson.Value, a Attributes) (Entry, *fault.Error) {
	members, err := strictjson.Object(e, jsonDepth)
	if err != nil {
		bad := fault.New(fault.KeyInvalid, a.Source, "%w", err)
		if !r.skips(bad) {
			return Entry{}, bad
		}
		return Entry{Problem: bad}, nil
	}
	return r.members(members, a)
}

func (r setReader) members(members []strictjson.Member, a Attributes) (Entry, *fault.Error) {
	var entry Entry
	for _, m := range members {
		switch m.Name {
		case "kid":
			entry.KeyID, _ = strictjson.String(m.Value)
		case "kty":
			entry.kty, _ = strictjson.String(m.Value)
		case "alg":
			entry.alg, _ = strictjson.String(m.Value)
		}
	}
	members = r.present(members)
	entry.written = members
	if r.published && slices.ContainsFunc(members, func(m strictjson.Member) bool { return m.Name == "d" && !isNull(m.Value) }) {
		return Entry{}, errPublished(a.Source, "member d") // before any costly check of it
	}
	entry.Key, entry.Problem = parseJWK(members, a)
	if r.published {
		if secret := privateMember(members, entry.Problem); secret != "" {
			return Entry{}, errPublished(a.Source, "member "+secret)
		}
	}
	if entry.Problem != nil && !r.skips(entry.Problem) {
		return Entry{}, entry.Problem
	}
	return entry, nil
}

// errNoKey lists why no key of a set is usable.
func errNoKey(entries []Entry, source string) *fault.Error {
	if len(entries) == 0 {
		return fault.New(fault.KeySetEmpty, source, "the set has no keys")
	}
	const most = 8
	var reasons []string
	for _, e := range entries[:min(most, len(entries))] {
		reasons = append(reasons, fmt.Sprintf("%s: %s", e, e.Problem.Reason))
	}
	if more := len(entries) - most; more > 0 {
		reasons = append(reasons, fmt.Sprintf("%d more", more))
	}
	return fault.New(fault.KeySetEmpty, source, "the set has no usable key: %s", strings.Join(reasons, "; "))
}

// withSource returns err, if not nil, with source as its place.
func withSource(err error, source string) error {
	if f, isFault := err.(*fault.Error); isFault {
		return f.About(source)
	}
	return err
}
