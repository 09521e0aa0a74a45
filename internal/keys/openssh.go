package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"

	"golang.org/x/crypto/ssh"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

const labelOpenSSH = "OPENSSH PRIVATE KEY"

// decodeOpenSSH returns the key in a block written by ssh-keygen, encrypted or not.
func decodeOpenSSH(block *pem.Block, a Attributes) (any, error) {
	text := pem.EncodeToMemory(block)
	material, err := ssh.ParseRawPrivateKey(text)
	var encrypted *ssh.PassphraseMissingError
	if errors.As(err, &encrypted) {
		passphrase, asked := a.passphrase()
		if asked != nil {
			return nil, asked
		}
		if material, err = ssh.ParseRawPrivateKeyWithPassphrase(text, passphrase); err != nil {
			return nil, cannotDecrypt(a.Source, errors.Is(err, x509.IncorrectPasswordError))
		}
	}
	if err != nil { // the error may quote numbers of the key
		return nil, fault.New(fault.KeyInvalid, a.Source, "PEM block %q does not contain a valid key", block.Type)
	}
	if ed, isPointer := material.(*ed25519.PrivateKey); isPointer {
		return *ed, nil
	}
	return material, nil
}

// isOpenSSHPublic reports whether text is a public key in OpenSSH's format.
func isOpenSSHPublic(text []byte) bool {
	for _, begin := range []string{"ssh-", "ecdsa-sha2-", "sk-"} {
		if bytes.HasPrefix(text, []byte(begin)) {
			return true
		}
	}
	return false
}

// parseOpenSSHPublic reads a single-line OpenSSH public key.
func parseOpenSSHPublic(text []byte, a Attributes) (*Key, error) {
	if bytes.ContainsAny(text, "\r\n") {
		return nil, fault.New(fault.KeyTrailingData, a.Source, "has more than one line; an OpenSSH public key is a single line")
	}
	parsed, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil, fault.New(fault.KeyInvalid, a.Source, "not a valid OpenSSH public key")
	}
	public, isCrypto := parsed.(ssh.CryptoPublicKey)
	if !isCrypto || bytes.HasPrefix(text, []byte("sk-")) {
		return nil, fault.New(fault.KeyTypeUnsupported, a.Source, "keys of type %s are not supported", quote.Shorten(parsed.Type()))
	}
	return New(public.CryptoPublicKey(), a)
}
