package keys

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// The PEM labels that are read (RFC 7468, RFC 8017, RFC 5915).
const (
	labelPKCS8    = "PRIVATE KEY"
	labelPKCS1    = "RSA PRIVATE KEY"
	labelSEC1     = "EC PRIVATE KEY"
	labelPKIX     = "PUBLIC KEY"
	labelRSAPub   = "RSA PUBLIC KEY"
	labelCert     = "CERTIFICATE"
	labelECParams = "EC PARAMETERS"
)

// parsePEM reads the one key of a PEM text.
func parsePEM(data []byte, a Attributes) (*Key, error) {
	block, rest := pem.Decode(data)
	if block == nil {
		return nil, fault.New(fault.KeyFormatUnknown, a.Source, "it looks like PEM, but no block can be decoded")
	}
	if lead := data[:bytes.Index(data, []byte("-----BEGIN "))]; len(bytes.TrimSpace(lead)) > 0 {
		return nil, fault.New(fault.KeyTrailingData, a.Source, "%d bytes of other text stand before the PEM block", len(lead))
	}
	// `openssl ecparam -genkey` writes the curve in a block of its own before the key.
	if block.Type == labelECParams {
		if next, after := pem.Decode(rest); next != nil && next.Type == labelSEC1 {
			block, rest = next, after
		}
	}
	if err := checkRest(rest, a.Source); err != nil {
		return nil, err
	}
	if strings.Contains(block.Type, "ENCRYPTED") || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		return nil, fault.New(fault.KeyEncrypted, a.Source, "the private key is protected by a passphrase, and jwtctl asks for none").
			WithHint("decrypt it into a file only you can read: (umask 077; openssl pkey -in %s -out key.pem)", a.Source)
	}
	material, err := decodeBlock(block, a.Source)
	if err != nil {
		return nil, err
	}
	k, err := New(material, a)
	if err != nil {
		return nil, err
	}
	k.certificate = block.Type == labelCert
	return k, nil
}

// checkRest refuses what stands behind the key: a reader that took the first
// block and one that took the last would not agree on the key (S9).
func checkRest(rest []byte, source string) error {
	if len(bytes.TrimSpace(rest)) == 0 {
		return nil
	}
	if next, _ := pem.Decode(rest); next != nil {
		return fault.New(fault.KeyMultipleBlocks, source, "it holds more than one PEM block (the second is %q)", Shorten(next.Type)).
			WithHint("keep one key in a file; give several files with --key")
	}
	return fault.New(fault.KeyTrailingData, source, "%d bytes follow the PEM block", len(rest))
}

// decodeBlock returns the key in block.
func decodeBlock(block *pem.Block, source string) (any, error) {
	var material any
	var err error
	switch block.Type {
	case labelPKCS8:
		material, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case labelPKCS1:
		material, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case labelSEC1:
		material, err = x509.ParseECPrivateKey(block.Bytes)
	case labelPKIX:
		material, err = x509.ParsePKIXPublicKey(block.Bytes)
	case labelRSAPub:
		material, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case labelCert:
		var cert *x509.Certificate
		if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
			material = cert.PublicKey
		}
	default:
		return nil, fault.New(fault.KeyFormatUnknown, source, "a PEM block of type %q is no key that jwtctl reads", Shorten(block.Type)).
			WithHint("it reads %s", strings.Join([]string{labelPKCS8, labelPKCS1, labelSEC1, labelPKIX, labelRSAPub, labelCert}, ", "))
	}
	if err != nil {
		// x509's own words may quote numbers of the key; the block's type is enough.
		return nil, fault.New(fault.KeyInvalid, source, "the PEM block %q does not hold a valid key", block.Type)
	}
	return material, nil
}

// PEM returns k's private part as PKCS#8 (RFC 5958), or its public part as
// PKIX (RFC 5280); key_is_secret for a secret, which PEM has no form for.
func (k *Key) PEM() ([]byte, error) {
	if k.public == nil {
		return nil, fault.New(fault.KeyIsSecret, k.source, "a shared secret has no PEM form").WithHint("use --format jwk")
	}
	label, der, err := labelPKIX, []byte(nil), error(nil)
	if k.signer != nil {
		label = labelPKCS8
		der, err = x509.MarshalPKCS8PrivateKey(k.signer)
	} else {
		der, err = x509.MarshalPKIXPublicKey(k.public)
	}
	if err != nil {
		return nil, fault.New(fault.KeyInvalid, k.source, "it cannot be written as PEM: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}), nil
}
