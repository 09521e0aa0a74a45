package temporal

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // x5t is SHA-1 by definition (RFC 7517 section 4.8)
	_ "crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
)

// jwkFields are the members of a JWK that the server reads. null counts as absent.
type jwkFields struct {
	text   map[string]string
	number map[string][]byte // decoded; an empty string is present, with no bytes
	chain  []string          // x5c
}

func (f *jwkFields) has(name string) bool { _, ok := f.number[name]; return ok }

// readJWKFields reads the members of a JWK. A duplicate name, or a known name with a
// value of another type, is an error; unknown names are ignored.
func readJWKFields(text []byte) (*jwkFields, error) {
	f := &jwkFields{text: map[string]string{}, number: map[string][]byte{}}
	if string(text) == "null" {
		return f, nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if open, _ := dec.Token(); open != json.Delim('{') {
		return nil, errors.New("is not a JSON object")
	}
	seen := map[string]bool{}
	for dec.More() {
		name, _ := dec.Token() // no error: text was parsed before
		key, _ := name.(string)
		if seen[key] {
			return nil, errors.New("has a duplicate name")
		}
		seen[key] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		if err := f.set(key, value); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// set stores one member.
func (f *jwkFields) set(name string, value json.RawMessage) error {
	if string(value) == "null" {
		return nil
	}
	var err error
	switch name {
	case "use", "kty", "kid", "crv", "alg", "x5u", "x5t", "x5t#S256":
		var text string
		err = json.Unmarshal(value, &text)
		f.text[name] = text
	case "k", "x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi":
		var text string
		if err = json.Unmarshal(value, &text); err == nil {
			f.number[name], err = readBase64(text)
		}
	case "x5c":
		err = json.Unmarshal(value, &f.chain)
	}
	if err != nil {
		return fmt.Errorf("%s has the wrong type or encoding", name)
	}
	return nil
}

// checkCertificate compares x5c, x5u and the thumbprints with the key. public is nil for
// kinds without a public half.
func (f *jwkFields) checkCertificate(public interface{ Equal(crypto.PublicKey) bool }) error {
	var leaf *x509.Certificate
	for i, text := range f.chain {
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return errors.New("x5c is not base64")
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return errors.New("x5c contains no X.509 certificate")
		}
		if i == 0 {
			leaf = certificate
		}
	}
	if leaf != nil {
		if f.text["kty"] == "oct" || (public != nil && !public.Equal(leaf.PublicKey)) {
			return errors.New("x5c is the certificate of another key")
		}
	}
	if _, err := url.Parse(f.text["x5u"]); err != nil {
		return errors.New("x5u is not a URL")
	}
	return f.checkThumbprints(leaf)
}

// checkThumbprints requires x5t and x5t#S256 to have the length of their hash, possibly
// in hexadecimal, and to be those of leaf.
func (f *jwkFields) checkThumbprints(leaf *x509.Certificate) error {
	for _, show := range []struct {
		name string
		hash crypto.Hash
	}{{"x5t", crypto.SHA1}, {"x5t#S256", crypto.SHA256}} {
		if f.text[show.name] == "" {
			continue
		}
		got, err := readBase64(f.text[show.name])
		if len(got) == 2*show.hash.Size() {
			got, err = hex.DecodeString(string(got))
		}
		if err != nil || len(got) != show.hash.Size() || (leaf != nil && !slices.Equal(got, sum(show.hash, leaf.Raw))) {
			return fmt.Errorf("%s is not that of its certificate", show.name)
		}
	}
	return nil
}

func sum(hash crypto.Hash, data []byte) []byte {
	h := hash.New()
	h.Write(data)
	return h.Sum(nil)
}
