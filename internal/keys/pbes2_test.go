package keys_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"runtime"
	"testing"

	"golang.org/x/crypto/scrypt"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestReadsPBES2WithKeyLength: PBES2 with an explicit key length is read, as Java writes
// it; anything but RFC 8018, or too much work or memory, is refused (S9).
func TestReadsPBES2WithKeyLength(t *testing.T) {
	const passphrase = "correct horse"
	plain := testkit.Must(x509.MarshalPKCS8PrivateKey(material()["P-256"]))
	padded := func(by int) []byte { // PKCS #7 padding whose last byte is by; 0 for the correct one
		n := aes.BlockSize - len(plain)%aes.BlockSize
		out := append([]byte{}, plain...)
		for range n {
			out = append(out, byte(n))
		}
		if by != 0 {
			out[len(out)-1] = byte(by)
		}
		return out
	}
	salt, iv := []byte("12345678"), make([]byte, aes.BlockSize)
	encryptBy := func(key, text []byte) []byte {
		block := testkit.Must(aes.NewCipher(key))
		out := make([]byte, len(text))
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, text)
		return out
	}
	encrypt := func(text []byte) []byte {
		return encryptBy(testkit.Must(pbkdf2.Key(sha256.New, passphrase, salt, 1000, 32)), text)
	}
	sixteen, seventeen := testkit.Must(scrypt.Key([]byte(passphrase), salt, 1024, 8, 16, 32)), testkit.Must(scrypt.Key([]byte(passphrase), salt, 1024, 8, 17, 32))
	null := asn1.RawValue{Tag: asn1.TagNull}
	prf := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}, Parameters: null}
	pbkdf, scryptID := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}, asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}
	text := func(kdf asn1.ObjectIdentifier, spec any, iv []byte, data []byte) string {
		raw := func(v any) asn1.RawValue { return asn1.RawValue{FullBytes: testkit.Must(asn1.Marshal(v))} }
		params := []pkix.AlgorithmIdentifier{
			{Algorithm: kdf, Parameters: raw(spec)},
			{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, Parameters: raw(iv)},
		}
		outer := struct {
			Algorithm pkix.AlgorithmIdentifier
			Data      []byte
		}{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}, Parameters: raw(params)}, data}
		return pemOf("ENCRYPTED PRIVATE KEY", testkit.Must(asn1.Marshal(outer)))
	}
	type derivation struct {
		Salt             []byte
		Count, KeyLength int
		PRF              pkix.AlgorithmIdentifier
	}
	type memory struct {
		Salt               []byte
		N, R, P, KeyLength int
	}
	good := encrypt(padded(0))
	for name, test := range map[string]struct {
		text string
		code fault.Code
	}{
		"key length":             {text(pbkdf, derivation{salt, 1000, 32, prf}, iv, good), ""},
		"wrong key length":       {text(pbkdf, derivation{salt, 1000, 16, prf}, iv, good), fault.KeyEncrypted},
		"negative key length":    {text(pbkdf, derivation{salt, 1000, -32, prf}, iv, good), fault.KeyEncrypted},
		"no iterations":          {text(pbkdf, derivation{salt, 0, 32, prf}, iv, good), fault.KeyEncrypted},
		"negative iterations":    {text(pbkdf, derivation{salt, -1, 32, prf}, iv, good), fault.KeyEncrypted},
		"too many iterations":    {text(pbkdf, derivation{salt, 10_000_001, 32, prf}, iv, good), fault.KeyEncrypted},
		"unsupported hash":       {text(pbkdf, derivation{salt, 1000, 32, pkix.AlgorithmIdentifier{Algorithm: pbkdf}}, iv, good), fault.KeyEncrypted},
		"short IV":               {text(pbkdf, derivation{salt, 1000, 32, prf}, iv[1:], good), fault.KeyEncrypted},
		"no data":                {text(pbkdf, derivation{salt, 1000, 32, prf}, iv, nil), fault.KeyEncrypted},
		"partial block":          {text(pbkdf, derivation{salt, 1000, 32, prf}, iv, good[1:]), fault.KeyEncrypted},
		"missing block":          {text(pbkdf, derivation{salt, 1000, 32, prf}, iv, good[16:]), fault.KeyEncrypted},
		"padding of 0":           {text(pbkdf, derivation{salt, 1000, 32, prf}, iv, encrypt(append(padded(0), make([]byte, 16)...))), fault.KeyEncrypted},
		"padding of 17":          {text(pbkdf, derivation{salt, 1000, 32, prf}, iv, encrypt(padded(17))), fault.KeyEncrypted},
		"inconsistent padding":   {text(pbkdf, derivation{salt, 1000, 32, prf}, iv, encrypt(padded(3))), fault.KeyEncrypted},
		"scrypt of 2 GiB":        {text(scryptID, memory{salt, 1 << 21, 8, 1, 32}, iv, good), fault.KeyEncrypted},
		"scrypt, r of 2^40":      {text(scryptID, memory{salt, 2, 1 << 40, 1, 32}, iv, good), fault.KeyEncrypted},
		"scrypt, p of 16":        {text(scryptID, memory{salt, 1024, 8, 16, 32}, iv, encryptBy(sixteen, padded(0))), ""},
		"scrypt, p of 17":        {text(scryptID, memory{salt, 1024, 8, 17, 32}, iv, encryptBy(seventeen, padded(0))), fault.KeyEncrypted},
		"scrypt, N not 2^n":      {text(scryptID, memory{salt, 1000, 8, 1, 32}, iv, good), fault.KeyEncrypted},
		"scrypt, N of 0":         {text(scryptID, memory{salt, 0, 8, 1, 32}, iv, good), fault.KeyEncrypted},
		"scrypt, negative r":     {text(scryptID, memory{salt, 1024, -8, 1, 32}, iv, good), fault.KeyEncrypted},
		"unsupported derivation": {text(prf.Algorithm, derivation{salt, 1000, 32, prf}, iv, good), fault.KeyEncrypted},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		loaded, err := encryptedWith(test.text, passphrase)
		if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 300<<20 {
			t.Errorf("%s: %d bytes are allocated", name, after.TotalAlloc-before.TotalAlloc)
		}
		if testkit.WantCode(t, err, test.code); t.Failed() || (len(loaded.Keys) != 1) != (test.code != "") {
			t.Fatalf("%s: got %v, %v", name, loaded, err)
		}
	}
}
