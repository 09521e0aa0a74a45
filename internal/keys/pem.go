package keys

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// The supported PEM labels (RFC 7468, RFC 8017, RFC 5915).
const (
	labelPKCS8    = "PRIVATE KEY"
	labelPKCS1    = "RSA PRIVATE KEY"
	labelSEC1     = "EC PRIVATE KEY"
	labelPKIX     = "PUBLIC KEY"
	labelRSAPub   = "RSA PUBLIC KEY"
	labelCert     = "CERTIFICATE"
	labelECParams = "EC PARAMETERS"
)

const pemBegin = "-----BEGIN "

// parsePEM reads the single key of a PEM text.
func parsePEM(data []byte, a Attributes) (*Key, error) {
	data = withLineFeeds(data)
	if err := checkLead(data[:bytes.Index(data, []byte(pemBegin))], a.Source); err != nil {
		return nil, err
	}
	block, rest := decodeFirst(data)
	if block == nil {
		err := fault.New(fault.KeyFormatUnknown, a.Source, "looks like PEM, but the block cannot be decoded")
		if bytes.Contains(data, []byte(`\n`)) {
			return nil, err.WithHint(`it has \n instead of line breaks; write real line breaks`)
		}
		return nil, err.WithHint("it needs all lines from -----BEGIN to -----END")
	}
	// `openssl ecparam -genkey` writes the curve in a separate block before the key.
	if block.Type == labelECParams {
		if next, after := decodeFirst(rest); next != nil && next.Type == labelSEC1 {
			block, rest = next, after
		}
	}
	err := checkTrailing(rest, a.Source)
	if err != nil {
		return nil, err
	}
	if isEncrypted(block) {
		if block, err = decrypt(block, a); err != nil {
			return nil, err
		}
	}
	decode := decodeBlock
	if block.Type == labelOpenSSH {
		decode = func(block *pem.Block, _ string) (any, error) { return decodeOpenSSH(block, a) }
	}
	material, err := decode(block, a.Source)
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

// withLineFeeds returns data with line feeds instead of the other line ends of RFC 7468
// section 3; Go's decoder does not know a carriage return alone.
func withLineFeeds(data []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
}

// checkLead checks the text before the block. Explanatory text is permitted there (RFC
// 7468 section 2), on lines of its own: openssl writes attributes, and the content of a
// certificate.
func checkLead(lead []byte, source string) *fault.Error {
	line := lead[bytes.LastIndexByte(lead, '\n')+1:]
	switch {
	case bytes.HasPrefix(lead, []byte("\ufeff")):
		return fault.New(fault.KeyTrailingData, source, "byte order mark before the PEM block").WithHint("save it as UTF-8 without one")
	case bytes.IndexByte(lead, 0) >= 0:
		return fault.New(fault.KeyTrailingData, source, "NUL before the PEM block")
	case len(bytes.TrimSpace(line)) > 0:
		return fault.New(fault.KeyTrailingData, source, "other text before -----BEGIN on its line")
	}
	return nil
}

// decodeFirst returns the first PEM block of data and the rest. It returns nil if that
// block is damaged, where pem.Decode would continue to a later one.
func decodeFirst(data []byte) (block *pem.Block, rest []byte) {
	block, rest = pem.Decode(data)
	if block == nil || bytes.Count(data[:len(data)-len(rest)], []byte(pemBegin)) != 1 {
		return nil, data
	}
	return block, rest
}

// checkTrailing refuses anything after the key: a reader that takes the first block and one
// that takes the last would otherwise use different keys (S9).
func checkTrailing(rest []byte, source string) error {
	if len(bytes.TrimSpace(rest)) == 0 {
		return nil
	}
	if next, _ := pem.Decode(rest); next != nil {
		return fault.New(fault.KeyMultipleBlocks, source, "contains more than one PEM block (the second is %q)", quote.Shorten(next.Type)).
			WithRemedy(fault.OneKeyPerFile)
	}
	return fault.New(fault.KeyTrailingData, source, "%d extra bytes after the PEM block", len(rest))
}

// PEM returns k's private part, if there is one, as PKCS#8 (RFC 5958), or else its public
// part as PKIX (RFC 5280). It returns key_is_secret for a secret, which has no PEM form.
func (k *Key) PEM() ([]byte, error) {
	if k.public == nil {
		return nil, fault.New(fault.KeyIsSecret, k.source, "a shared secret has no PEM form").WithRemedy(fault.WriteJWK)
	}
	label, der, err := labelPKIX, []byte(nil), error(nil)
	if k.private != nil && !k.IsRemote() {
		label = labelPKCS8
		der, err = x509.MarshalPKCS8PrivateKey(k.private.signer)
	} else {
		der, err = x509.MarshalPKIXPublicKey(k.public)
	}
	if err != nil {
		return nil, k.errPEM(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}), nil
}

// errPEM is the error for a key that cannot be written as PEM because of err.
func (k *Key) errPEM(err error) *fault.Error {
	if private, ok := k.SigningMaterial().(*rsa.PrivateKey); ok && len(private.Primes) == 0 {
		return fault.New(fault.KeyInvalid, k.source, "cannot be written as PEM without the primes, which its JWK lacks").
			WithHint("keep it as a JWK; only its public half has a PEM form")
	}
	return fault.New(fault.KeyInvalid, k.source, "cannot be written as PEM: %s", quote.Shorten(err.Error()))
}
