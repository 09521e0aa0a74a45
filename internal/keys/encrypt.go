package keys

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"

	"github.com/youmark/pkcs8"

	"github.com/jwtctl/jwtctl/internal/fault"
)

const labelEncrypted = "ENCRYPTED PRIVATE KEY"

// MinPassphrase is the minimum length in bytes of a passphrase to encrypt a key with.
const MinPassphrase = 8

// isEncrypted reports whether block is encrypted, either as PKCS#8 (RFC 5958) or by the
// old headers (RFC 1421).
func isEncrypted(block *pem.Block) bool {
	return block.Type == labelEncrypted || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED")
}

// decrypt returns block without its encryption.
func decrypt(block *pem.Block, a Attributes) (*pem.Block, error) {
	passphrase, err := a.passphrase()
	if err != nil {
		return nil, err
	}
	if block.Type != labelEncrypted {
		//lint:ignore SA1019 old keys have this form; jwtctl only reads it, and never writes it
		der, err := x509.DecryptPEMBlock(block, passphrase)
		if err != nil {
			return nil, cannotDecrypt(a.Source, errors.Is(err, x509.IncorrectPasswordError))
		}
		return &pem.Block{Type: block.Type, Bytes: der}, nil
	}
	der, err := decryptPKCS8(block.Bytes, passphrase)
	if err != nil {
		return nil, cannotDecrypt(a.Source, errors.Is(err, errPassphrase))
	}
	return &pem.Block{Type: labelPKCS8, Bytes: der}, nil
}

// cannotDecrypt returns the error for the encrypted key of source. byPassphrase is set if
// its encryption is supported.
func cannotDecrypt(source string, byPassphrase bool) error {
	if byPassphrase {
		return fault.New(fault.KeyEncrypted, source, "cannot decrypt: wrong passphrase, or damaged file")
	}
	return fault.New(fault.KeyEncrypted, source, "it cannot be decrypted: jwtctl does not support its encryption").
		WithHint("supported: PKCS#8 with PBES2, as written by openssl pkcs8 -topk8 -v2 aes-256-cbc, and OpenSSL's old form (DEK-Info)")
}

// passphrase returns the passphrase of the encrypted key that a is about.
func (a Attributes) passphrase() ([]byte, error) {
	if a.Passphrase == nil {
		return nil, fault.New(fault.KeyEncrypted, a.Source, "the private key is protected by a passphrase").
			WithRemedy(fault.GivePassphrase)
	}
	return a.Passphrase(a.Source)
}

// EncryptedPEM returns k's private part as encrypted PKCS#8: PBES2 with PBKDF2,
// HMAC-SHA-256 and AES-256-CBC (RFC 8018), which OpenSSL and Java read. It returns
// key_is_secret for a secret, key_not_private for a key without a local private part, and
// a usage error for a passphrase shorter than MinPassphrase.
func (k *Key) EncryptedPEM(passphrase []byte) ([]byte, error) {
	switch {
	case k.public == nil:
		return nil, fault.New(fault.KeyIsSecret, k.source, "a shared secret has no PEM form, so it cannot be encrypted")
	case k.private == nil || k.IsRemote():
		return nil, fault.New(fault.KeyNotPrivate, k.source, "no private key to encrypt")
	case len(passphrase) < MinPassphrase:
		return nil, fault.New(fault.UsageError, "passphrase", "has %d bytes; at least %d are required", len(passphrase), MinPassphrase)
	}
	der, err := pkcs8.MarshalPrivateKey(k.private.signer, passphrase, &pkcs8.Opts{
		Cipher: pkcs8.AES256CBC,
		// The iteration count that OWASP recommends for this hash (2023): a quarter of a
		// second per guess.
		KDFOpts: pkcs8.PBKDF2Opts{SaltSize: 16, IterationCount: 600_000, HMACHash: crypto.SHA256},
	})
	if err != nil {
		return nil, k.errPEM(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: labelEncrypted, Bytes: der}), nil
}
