package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// decodeBlock returns the key in block. x509 ignores trailing garbage, and checks only
// one half of an EC pair; decodeBlock checks both.
func decodeBlock(block *pem.Block, source string) (any, error) {
	labels := []string{labelPKCS8, labelPKCS1, labelSEC1, labelPKIX, labelRSAPub, labelCert}
	if !slices.Contains(labels, block.Type) {
		err := fault.New(fault.KeyFormatUnknown, source, "PEM block %q is not a supported key", quote.Shorten(block.Type))
		return nil, err.WithHint("supported: %s", strings.Join(labels, ", "))
	}
	rest, err := asn1.Unmarshal(block.Bytes, &asn1.RawValue{})
	if err == nil && len(rest) > 0 {
		return nil, fault.New(fault.KeyTrailingData, source, "%d extra bytes after the key in the PEM block", len(rest))
	}
	var material any
	der := block.Bytes
	switch block.Type {
	case labelPKCS8:
		material, err = x509.ParsePKCS8PrivateKey(der)
	case labelPKCS1:
		material, err = x509.ParsePKCS1PrivateKey(der)
	case labelSEC1:
		material, err = x509.ParseECPrivateKey(der)
	case labelPKIX:
		material, err = x509.ParsePKIXPublicKey(der)
	case labelRSAPub:
		material, err = x509.ParsePKCS1PublicKey(der)
	case labelCert:
		var cert *x509.Certificate
		if cert, err = x509.ParseCertificate(der); err == nil {
			material, der = cert.PublicKey, cert.RawSubjectPublicKeyInfo
		}
	}
	switch {
	case err == nil && !signs(material), err != nil && unsupported(err, der):
		return nil, fault.New(fault.KeyTypeUnsupported, source, "PEM block %q contains an unsupported kind of key", block.Type).
			WithHint("supported: EC keys on the named curves P-256, P-384 and P-521, RSA keys (except PSS-only ones), and Ed25519")
	case err != nil || !isCanonical(material, der):
		// The error of x509 may quote numbers of the key; the block's type is enough.
		return nil, fault.New(fault.KeyInvalid, source, "PEM block %q does not contain a valid key", block.Type)
	}
	return material, nil
}

// signs reports whether New supports the type of material. It is nil for a certificate
// with an unknown kind of key, and X25519 is only for encryption.
func signs(material any) bool {
	switch material.(type) {
	case *ecdsa.PrivateKey, *ecdsa.PublicKey, *rsa.PrivateKey, *rsa.PublicKey, ed25519.PrivateKey, ed25519.PublicKey:
		return true
	}
	return false
}

// unsupported reports whether x509 refused der because of the kind of key, rather than
// its numbers. x509 has no error values for that, so compare its messages.
func unsupported(err error, der []byte) bool {
	for _, words := range []string{"unknown elliptic curve", "unsupported elliptic curve", "invalid ECDSA parameters", "unknown algorithm", "unknown public key algorithm"} {
		if strings.Contains(err.Error(), words) {
			return true
		}
	}
	curve := readSEC1(der).Curve.Bytes
	return len(curve) > 0 && curve[0] == asn1.TagSequence|0x20 // a curve given by its parameters, not its name
}

// isCanonical reports whether der encodes material and nothing else: a public key has one
// encoding, and the point next to an EC private key must match it.
func isCanonical(material any, der []byte) bool {
	switch k := material.(type) {
	case *ecdsa.PrivateKey:
		point := readSEC1(der).Point.Bytes
		own, err := k.PublicKey.Bytes()
		if err != nil || len(point) == 0 || bytes.Equal(point, own) {
			return true // New refuses invalid points
		}
		compressed := append([]byte{2 + own[len(own)-1]&1}, own[1:1+len(own)/2]...) // SEC 1 section 2.3.3
		return bytes.Equal(point, compressed)
	case *rsa.PublicKey:
		if bytes.Equal(der, x509.MarshalPKCS1PublicKey(k)) {
			return true
		}
	case *rsa.PrivateKey:
		return true
	case ed25519.PrivateKey:
		return bytes.HasSuffix(k, readPKCS8Public(der))
	}
	again, err := x509.MarshalPKIXPublicKey(material)
	return err != nil || bytes.Equal(der, again)
}

// readPKCS8Public returns the public key in the PKCS#8 of an Ed25519 private key (RFC 5958
// section 2), or nil. Its tag replaces that of a BIT STRING; some libraries write both.
func readPKCS8Public(der []byte) []byte {
	var key struct {
		Version    int
		Algorithm  pkix.AlgorithmIdentifier
		Key        []byte
		Attributes asn1.RawValue `asn1:"optional,tag:0"`
		Public     asn1.RawValue `asn1:"optional,tag:1"`
	}
	_, err := asn1.Unmarshal(der, &key)
	if err != nil || len(key.Public.Bytes) < ed25519.PublicKeySize {
		return key.Public.Bytes
	}
	return key.Public.Bytes[len(key.Public.Bytes)-ed25519.PublicKeySize:]
}

// sec1 is an ECPrivateKey (RFC 5915 section 3).
type sec1 struct {
	Version int
	Number  []byte
	Curve   asn1.RawValue  `asn1:"optional,explicit,tag:0"`
	Point   asn1.BitString `asn1:"optional,explicit,tag:1"`
}

// readSEC1 returns the ECPrivateKey in der, either plain or inside PKCS#8. If there is
// none, it returns the zero value.
func readSEC1(der []byte) sec1 {
	var wrapped struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}
	if _, err := asn1.Unmarshal(der, &wrapped); err == nil {
		der = wrapped.Key
	}
	var key sec1
	if _, err := asn1.Unmarshal(der, &key); err != nil {
		return sec1{}
	}
	return key
}
