package keys

import (
	"bytes"
	"crypto/x509"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// MaxFileBytes is the maximum size of a key or key set file (S11).
const MaxFileBytes = 1 << 20

// Loaded is the content of a key file or set.
type Loaded struct {
	// Keys are the usable keys, in the order of the file.
	Keys []*Key
	// Entries are all keys of the file, usable or not.
	Entries []Entry
}

func (l *Loaded) add(e Entry) {
	l.Entries = append(l.Entries, e)
	if e.Key != nil {
		l.Keys = append(l.Keys, e.Key)
	}
}

// Skipped returns the entries that are not used.
func (l Loaded) Skipped() []Entry {
	var list []Entry
	for _, e := range l.Entries {
		if e.Problem != nil {
			list = append(list, e)
		}
	}
	return list
}

// Problem returns why the key called kid is not used, or nil.
func (l Loaded) Problem(kid string) *fault.Error {
	for _, e := range l.Entries {
		if e.KeyID == kid && e.Problem != nil {
			return e.Problem
		}
	}
	return nil
}

// Parse reads the key or keys in data: PEM (PKCS#8, PKCS#1, SEC 1, PKIX, an X.509
// certificate's public key, OpenSSH's own format), a line with an OpenSSH public key, a
// JWK, a JWKS or a map from kid to PEM. Private keys in PEM, and JWKs as a JWE, may be
// encrypted. The form is detected by content (A25). a.Source is used in messages;
// a.Algorithm and a.Issuer apply to each key; a.ID is given to the file's only key, or
// selects a key of a set.
//
// Parse is for files that their owner names: a broken key in a set is an error (ParseSet
// skips it). Every error is a *fault.Error of class undecided, except key_missing if the
// set has no key with the ID; none shows key material. Without an error there is at least
// one key.
func Parse(data []byte, a Attributes) (Loaded, error) {
	return parse(data, a, strict())
}

func parse(data []byte, a Attributes, r setReader) (Loaded, error) {
	if len(data) > MaxFileBytes {
		return Loaded{}, fault.New(fault.FileTooLarge, a.Source, "larger than %d bytes, the limit for a key file", MaxFileBytes)
	}
	trimmed := bytes.TrimSpace(data)
	switch {
	case len(trimmed) == 0:
		return Loaded{}, fault.New(fault.KeyFormatUnknown, a.Source, "is empty")
	case trimmed[0] == '{':
		return parseJSON(data, a, r)
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return single(parsePEM(data, a))
	case isCompactJWE(trimmed):
		return parseEncrypted(trimmed, a, r)
	case isOpenSSHPublic(trimmed):
		return single(parseOpenSSHPublic(trimmed, a))
	}
	return Loaded{}, fault.New(fault.KeyFormatUnknown, a.Source, "neither PEM, JWK nor JWKS").WithHint("%s", formatHint(data, a.Source))
}

// single is what a file with the one key k held.
func single(k *Key, err error) (l Loaded, _ error) {
	if err == nil {
		l.add(Entry{Key: k})
	}
	return l, err
}

// formatHint describes what text, which is not a key, looks like, and how to convert it.
// Commands in it can be copied and run (S9a). DER may end in a byte that is also white
// space.
func formatHint(data []byte, source string) string {
	text := bytes.TrimSpace(data)
	begins := func(with string) bool { return bytes.HasPrefix(text, []byte(with)) }
	file := quote.ShellPath(source)
	isFile := source != "standard input" && !strings.HasPrefix(source, "variable ") && !strings.Contains(source, "://")
	switch {
	case begins("\x30") && isFile:
		return derHint(data, file)
	case begins("\x30"):
		return "it looks like DER or PKCS#12; convert it to PEM with openssl"
	case begins("\xff\xfe") || begins("\xfe\xff"):
		return "it is UTF-16 text, as written by PowerShell; save it as UTF-8"
	case begins("\xef\xbb\xbf"):
		return "it begins with a byte order mark; save it as UTF-8 without one"
	case begins("["):
		return "put an array of JWKs into an object to make a JWKS: {\"keys\": […]}"
	case quote.IsToken(string(text[:min(len(text), 4)])) && !bytes.Contains(text, []byte(".")):
		return "it looks like base64 of JSON, not a key; decode it first"
	case quote.IsToken(string(text[:min(len(text), 4)])):
		return "it looks like a token, not a key"
	case begins("LS0tLS1CRUdJTi") && !isFile:
		return "it is base64-encoded PEM; decode it with base64 -d"
	case begins("LS0tLS1CRUdJTi"):
		return "it is base64-encoded PEM; decode it: (umask 077; base64 -d " + file + " >key.pem)"
	case begins("<"):
		return "it looks like a web page"
	}
	return "PEM begins with -----BEGIN, a JWK or JWKS with {"
}

// derHint says how to convert the DER in data to PEM.
func derHint(data []byte, file string) string {
	as := func(command string) string { return "it is DER; convert it to PEM: " + command }
	if _, err := x509.ParseCertificate(data); err == nil {
		return as("openssl x509 -inform DER -in " + file + " -out cert.pem")
	}
	if _, err := x509.ParsePKIXPublicKey(data); err == nil {
		return as("openssl pkey -pubin -inform DER -in " + file + " -out key.pub.pem")
	}
	if _, err := x509.ParsePKCS1PublicKey(data); err == nil {
		return as("openssl rsa -RSAPublicKey_in -inform DER -in " + file + " -out key.pub.pem")
	}
	_, pkcs8Err := x509.ParsePKCS8PrivateKey(data)
	_, pkcs1Err := x509.ParsePKCS1PrivateKey(data)
	if _, err := x509.ParseECPrivateKey(data); err == nil || pkcs8Err == nil || pkcs1Err == nil {
		return as("(umask 077; openssl pkey -inform DER -in " + file + " -out key.pem)")
	}
	return "it looks like DER or PKCS#12; convert it to PEM with openssl"
}
