package keygen

import (
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// Format is the format of a key file.
type Format string

// The key file formats: PKCS#8 and PKIX in PEM, or a JWK.
const (
	PEM Format = "pem"
	JWK Format = "jwk"
)

// Output says where to write the halves of a key.
type Output struct {
	// Private is the path of the private key. Required.
	Private string
	// Public is the path of the public key; empty means not to write it.
	Public string
	Format Format
	// Force replaces existing files.
	Force bool
	// Passphrase, if not nil, encrypts the private key, which must be PEM.
	Passphrase []byte
}

// Check returns nil if o can be written, or file_conflict, file_exists or file_not_plain
// (S2, S3). It is called before a key is generated.
func (o Output) Check() error {
	if o.Public != "" && files.Same(o.Private, o.Public) {
		return fault.New(fault.FileConflict, o.Public, "is given for both the private and the public key")
	}
	if err := files.CheckTarget(o.Private, o.Force); err != nil {
		return err
	}
	if o.Public == "" {
		return nil
	}
	return files.CheckTarget(o.Public, o.Force)
}

// Save writes the halves of k: the private one readable only by its owner, in folders
// that are created likewise if missing (S1).
func Save(w files.Writer, k *keys.Key, o Output) error {
	if err := o.Check(); err != nil {
		return err
	}
	private, err := o.Encode(k)
	if err != nil {
		return err
	}
	var public []byte
	if o.Public != "" {
		half, err := k.Public()
		if err != nil {
			return err
		}
		if public, err = Encode(half, o.Format); err != nil {
			return err
		}
	}
	if err := files.MakeFolder(files.Folder(o.Private)); err != nil {
		return err
	}
	if err := w.Write(o.Private, private, files.Private, o.Force); err != nil {
		return err
	}
	if o.Public == "" {
		return nil
	}
	if err := files.MakeFolder(files.Folder(o.Public)); err != nil {
		return err
	}
	return w.Write(o.Public, public, files.Shared, o.Force)
}

// Encode returns k in o's format, encrypted if o has a passphrase.
func (o Output) Encode(k *keys.Key) ([]byte, error) {
	if o.Passphrase != nil {
		return k.EncryptedPEM(o.Passphrase)
	}
	return Encode(k, o.Format)
}

// Encode returns k in format f, ending in one newline. A secret has no PEM form
// (key_is_secret).
func Encode(k *keys.Key, f Format) ([]byte, error) {
	if f == PEM {
		return k.PEM()
	}
	text, err := k.JWK()
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}
