package keys

import (
	"bytes"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// MaxFileBytes is the largest key or key set file that is read (S11).
const MaxFileBytes = 1 << 20

// Loaded is what a file or set held.
type Loaded struct {
	// Keys are those that can be used, in the order of the file.
	Keys []*Key
	// Entries are all keys of the file with what became of each.
	Entries []Entry
}

func (l *Loaded) add(e Entry) {
	l.Entries = append(l.Entries, e)
	if e.Key != nil {
		l.Keys = append(l.Keys, e.Key)
	}
}

// PassedOver returns the entries that are not used.
func (l Loaded) PassedOver() []Entry {
	var list []Entry
	for _, e := range l.Entries {
		if e.Problem != nil {
			list = append(list, e)
		}
	}
	return list
}

// Problem returns why the key called kid is passed over; nil if none is.
func (l Loaded) Problem(kid string) *fault.Error {
	for _, e := range l.Entries {
		if e.KeyID == kid && e.Problem != nil {
			return e.Problem
		}
	}
	return nil
}

// Parse reads the key or keys in data: PEM (PKCS#8, PKCS#1, SEC 1, PKIX, an
// X.509 certificate's public key), a JWK or a JWKS, told apart by content
// (A25). Of a, Source is named in messages; Algorithm and Issuer go to each key;
// ID goes to the file's one key, or picks the key of a set.
//
// It is for files that their owner names: a broken key in a set is an error
// (ParseSet passes it over). Every error is a *fault.Error of class undecided,
// but key_missing where the set has no key with the ID; none shows key material.
// Without an error there is at least one key.
func Parse(data []byte, a Attributes) (Loaded, error) {
	return parse(data, a, strictly())
}

func parse(data []byte, a Attributes, r reading) (Loaded, error) {
	if len(data) > MaxFileBytes {
		return Loaded{}, fault.New(fault.FileTooLarge, a.Source, "larger than %d bytes, the most a key file may have", MaxFileBytes)
	}
	trimmed := bytes.TrimSpace(data)
	switch {
	case len(trimmed) == 0:
		return Loaded{}, fault.New(fault.KeyFormatUnknown, a.Source, "it is empty")
	case trimmed[0] == '{':
		return parseJSON(data, a, r)
	case bytes.Contains(data, []byte("-----BEGIN ")):
		k, err := parsePEM(data, a)
		if err != nil {
			return Loaded{}, err
		}
		return Loaded{Keys: []*Key{k}, Entries: []Entry{{Key: k}}}, nil
	}
	return Loaded{}, fault.New(fault.KeyFormatUnknown, a.Source, "neither PEM, JWK nor JWKS").WithHint("%s", formHint(trimmed, a.Source))
}

// formHint says what text, which is no key, looks like, and what to do then.
func formHint(text []byte, source string) string {
	begins := func(with string) bool { return bytes.HasPrefix(text, []byte(with)) }
	switch {
	case begins("\x30\x82") || begins("\x30\x81") || begins("\x30\x77") || begins("\x30\x59") || begins("\x30\x2e"):
		return "it looks like DER; as PEM: openssl pkey -inform DER -in " + source + " -out key.pem, for PKCS#12 openssl pkcs12 -nodes"
	case begins("\xff\xfe") || begins("\xfe\xff"):
		return "it is UTF-16 text, as PowerShell writes it; save it as UTF-8"
	case begins("eyJ"):
		return "it looks like a token; a key is needed"
	case begins("LS0tLS1CRUdJTi"):
		return "it is PEM in base64 once more: base64 -d decodes it"
	case begins("<"):
		return "it looks like a web page"
	case begins("ssh-") || begins("ecdsa-sha2-"):
		return "it is an OpenSSH public key; as PEM: ssh-keygen -e -m PKCS8 -f " + source
	}
	return "PEM begins with -----BEGIN, a JWK or JWKS with {"
}
