package keys

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" // decrypts old keys; never written
	"crypto/pbkdf2"
	"crypto/sha1" // the default of RFC 8018 appendix A.2
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"hash"

	"golang.org/x/crypto/scrypt"
)

// Limits on the work and memory that a file can cause. OpenSSL and Java use a tenth of it
// or less.
const (
	maxIterations  = 10_000_000
	maxScryptBytes = 256 << 20
)

// errPBES2 is the error for anything that is not supported PBES2, errPassphrase the error
// for supported PBES2 that passphrase does not decrypt. Callers word their own messages.
var (
	errPBES2      = errors.New("not supported PBES2")
	errPassphrase = errors.New("not with this passphrase")
)

// The parameters of RFC 8018 appendix A.2 and A.4, and RFC 7914 section 7. Java and
// others include the key length that openssl omits.
type (
	encryptedKey struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	pbes2Params struct{ KDF, Cipher pkix.AlgorithmIdentifier }
	pbkdf2Spec  struct {
		Salt       []byte
		Iterations int
		KeyLength  int                      `asn1:"optional"`
		PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
	}
	scryptSpec struct {
		Salt      []byte
		N, R, P   int
		KeyLength int `asn1:"optional"`
	}
)

// decryptPKCS8 returns the PrivateKeyInfo in der, an EncryptedPrivateKeyInfo (RFC 5958
// section 3) with PBES2: PBKDF2 or scrypt, and AES or triple DES in CBC mode.
func decryptPKCS8(der, passphrase []byte) ([]byte, error) {
	var outer encryptedKey
	var params pbes2Params
	if !unmarshal(der, &outer) || outer.Algorithm.Algorithm.String() != "1.2.840.113549.1.5.13" || !unmarshal(outer.Algorithm.Parameters.FullBytes, &params) {
		return nil, errPBES2
	}
	var iv []byte
	size, newBlock := cipherOf(params.Cipher.Algorithm)
	if newBlock == nil || !unmarshal(params.Cipher.Parameters.FullBytes, &iv) {
		return nil, errPBES2
	}
	key, err := deriveKey(params.KDF, passphrase, size)
	if err != nil {
		return nil, err
	}
	block, err := newBlock(key)
	if err != nil || len(iv) != block.BlockSize() || len(outer.Data) == 0 || len(outer.Data)%block.BlockSize() != 0 {
		return nil, errPBES2
	}
	plain := make([]byte, len(outer.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, outer.Data)
	padding := int(plain[len(plain)-1])
	if padding == 0 || padding > block.BlockSize() || !bytes.HasSuffix(plain, bytes.Repeat([]byte{byte(padding)}, padding)) {
		return nil, errPassphrase
	}
	plain = plain[:len(plain)-padding]
	var inner asn1.RawValue
	if !unmarshal(plain, &inner) || inner.Tag != asn1.TagSequence { // a wrong passphrase can yield valid padding
		return nil, errPassphrase
	}
	return plain, nil
}

// unmarshal parses der without a rest.
func unmarshal(der []byte, into any) bool {
	rest, err := asn1.Unmarshal(der, into)
	return err == nil && len(rest) == 0
}

// cipherOf returns the key size in bytes and constructor of the cipher called oid, or nil
// if it is not supported.
func cipherOf(oid asn1.ObjectIdentifier) (int, func([]byte) (cipher.Block, error)) {
	switch oid.String() {
	case "2.16.840.1.101.3.4.1.2":
		return 16, aes.NewCipher
	case "2.16.840.1.101.3.4.1.22":
		return 24, aes.NewCipher
	case "2.16.840.1.101.3.4.1.42":
		return 32, aes.NewCipher
	case "1.2.840.113549.3.7":
		return 24, des.NewTripleDESCipher
	}
	return 0, nil
}

// deriveKey derives a key of size bytes.
func deriveKey(kdf pkix.AlgorithmIdentifier, passphrase []byte, size int) ([]byte, error) {
	switch kdf.Algorithm.String() {
	case "1.2.840.113549.1.5.12":
		var spec pbkdf2Spec
		if !unmarshal(kdf.Parameters.FullBytes, &spec) || spec.KeyLength != 0 && spec.KeyLength != size || spec.Iterations < 1 || spec.Iterations > maxIterations {
			return nil, errPBES2
		}
		newHash := hashOf(spec.PRF.Algorithm)
		if newHash == nil {
			return nil, errPBES2
		}
		return pbkdf2.Key(newHash, string(passphrase), spec.Salt, spec.Iterations, size)
	case "1.3.6.1.4.1.11591.4.11":
		var spec scryptSpec
		if !unmarshal(kdf.Parameters.FullBytes, &spec) || spec.KeyLength != 0 && spec.KeyLength != size {
			return nil, errPBES2
		}
		if spec.N < 2 || spec.R < 1 || spec.P < 1 || spec.P > 16 || spec.N > maxScryptBytes/128 || spec.R > maxScryptBytes/128/spec.N {
			return nil, errPBES2
		}
		return scrypt.Key(passphrase, spec.Salt, spec.N, spec.R, spec.P, size)
	}
	return nil, errPBES2
}

// hashOf returns the hash of the HMAC called oid; SHA-1 if oid is empty.
func hashOf(oid asn1.ObjectIdentifier) func() hash.Hash {
	switch oid.String() {
	case "", "1.2.840.113549.2.7":
		return sha1.New
	case "1.2.840.113549.2.8":
		return sha256.New224
	case "1.2.840.113549.2.9":
		return sha256.New
	case "1.2.840.113549.2.10":
		return sha512.New384
	case "1.2.840.113549.2.11":
		return sha512.New
	}
	return nil
}
