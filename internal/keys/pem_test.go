package keys_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// ders returns one key in each DER form of S9, by PEM label and type.
func ders() map[string][]byte {
	ec, rsaKey := material()["P-256"].(*ecdsa.PrivateKey), material()["RSA"].(*rsa.PrivateKey)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "throw-away"}}
	return map[string][]byte{
		"PRIVATE KEY, EC":      testkit.Must(x509.MarshalPKCS8PrivateKey(ec)),
		"PRIVATE KEY, RSA":     testkit.Must(x509.MarshalPKCS8PrivateKey(rsaKey)),
		"PRIVATE KEY, OKP":     testkit.Must(x509.MarshalPKCS8PrivateKey(material()["OKP"])),
		"EC PRIVATE KEY, EC":   testkit.Must(x509.MarshalECPrivateKey(ec)),
		"RSA PRIVATE KEY, RSA": x509.MarshalPKCS1PrivateKey(rsaKey),
		"PUBLIC KEY, EC":       testkit.Must(x509.MarshalPKIXPublicKey(&ec.PublicKey)),
		"PUBLIC KEY, RSA":      testkit.Must(x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)),
		"RSA PUBLIC KEY, RSA":  x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey),
		"CERTIFICATE, EC":      testkit.Must(x509.CreateCertificate(rand.Reader, template, template, &ec.PublicKey, ec)),
		"CERTIFICATE, RSA":     testkit.Must(x509.CreateCertificate(rand.Reader, template, template, &rsaKey.PublicKey, rsaKey)),
	}
}

// TestS9_PEMForms: each form is read as the same key, with the expected CanSign; one more
// byte at the end is refused.
func TestS9_PEMForms(t *testing.T) {
	of := map[string]string{"EC": "P-256", "RSA": "RSA", "OKP": "OKP"}
	for name, der := range ders() {
		t.Run(name, func(t *testing.T) {
			label, kind, _ := strings.Cut(name, ", ")
			text := pemOf(label, der)
			whole := newKey(t, of[kind], keys.Attributes{})
			for how, text := range map[string]string{
				"unchanged":        text,
				"CR LF":            strings.ReplaceAll(text, "\n", "\r\n"),
				"CR":               strings.ReplaceAll(text, "\n", "\r"),
				"after text":       "Bag Attributes\n    localKeyID: 01\nKey Attributes: <No Attributes>\n" + text,
				"comment, CR LF":   strings.ReplaceAll("# a key: {}\n\n"+text, "\n", "\r\n"),
				"white space":      "\n  \t" + "\n" + text + "\n \n",
				"no final newline": strings.TrimSuffix(text, "\n"),
			} {
				k := mustParse(t, text)
				if !k.SameMaterial(whole) || k.ID() != whole.ID() || k.HasExplicitID() || k.Source() != "k" {
					t.Errorf("%s: got %v", how, k)
				}
				if k.CanSign() != strings.Contains(label, "PRIVATE") {
					t.Errorf("%s: got CanSign %v", how, k.CanSign())
				}
			}
			wantRefused(t, pemOf(label, append(slices.Clone(der), 0)), fault.KeyTrailingData)
			wantRefused(t, pemOf(label, append(slices.Clone(der), der...)), fault.KeyTrailingData)
			wantRefused(t, pemOf(label, der[:len(der)-1]), fault.KeyInvalid)
		})
	}
}

// TestS9_EachReasonHasItsCode: each reason has a separate code.
func TestS9_EachReasonHasItsCode(t *testing.T) {
	d := ders()
	ec, ecPublic := pemOf("PRIVATE KEY", d["PRIVATE KEY, EC"]), pemOf("PUBLIC KEY", d["PUBLIC KEY, EC"])
	certificate := pemOf("CERTIFICATE", d["CERTIFICATE, EC"])
	params := pemOf("EC PARAMETERS", testkit.Must(asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7})))
	sec1 := pemOf("EC PRIVATE KEY", d["EC PRIVATE KEY, EC"])
	damaged := strings.Replace(ec, "\nM", "\n!", 1)
	procType := string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}, Bytes: []byte("x")}))
	tests := map[string]struct {
		text string
		code fault.Code
	}{
		"curve, then key":                  {params + sec1, ""},
		"two keys":                         {ec + ec, fault.KeyMultipleBlocks},
		"key and its public half":          {ec + ecPublic, fault.KeyMultipleBlocks},
		"key and its certificate":          {ec + certificate, fault.KeyMultipleBlocks},
		"certificate chain":                {certificate + certificate, fault.KeyMultipleBlocks},
		"curve, key, key":                  {params + sec1 + sec1, fault.KeyMultipleBlocks},
		"curve, then a key not SEC 1":      {params + ec, fault.KeyMultipleBlocks},
		"two curves":                       {params + params, fault.KeyMultipleBlocks},
		"key, then curve":                  {sec1 + params, fault.KeyMultipleBlocks},
		"two keys with text between":       {ec + "text\n" + ec, fault.KeyMultipleBlocks},
		"trailing text":                    {ec + "x", fault.KeyTrailingData},
		"trailing NUL":                     {ec + "\x00", fault.KeyTrailingData},
		"trailing half a block":            {ec + "-----BEGIN PRIVATE KEY-----\n", fault.KeyTrailingData},
		"NUL before":                       {"a\x00\n" + ec, fault.KeyTrailingData},
		"byte order mark":                  {"\ufeff" + ec, fault.KeyTrailingData},
		"byte order mark, text before":     {"\ufeffBag Attributes\n" + ec, fault.KeyTrailingData},
		"text, two keys":                   {"Bag Attributes\n" + certificate + "Bag Attributes\n" + ec, fault.KeyMultipleBlocks},
		"begin alone after text":           {"Bag Attributes\n-----BEGIN ", fault.KeyFormatUnknown},
		"leading damaged block":            {damaged + ec, fault.KeyFormatUnknown},
		"curve, damaged block, key":        {params + strings.Replace(sec1, "\nM", "\n!", 1) + sec1, fault.KeyMultipleBlocks},
		"damaged":                          {damaged, fault.KeyFormatUnknown},
		"no END line":                      {strings.Split(ec, "-----END")[0], fault.KeyFormatUnknown},
		"other END line":                   {strings.Replace(ec, "END PRIVATE", "END PUBLIC", 1), fault.KeyFormatUnknown},
		"BEGIN not at the start of a line": {"x " + ec, fault.KeyTrailingData},
		"only BEGIN":                       {"-----BEGIN ", fault.KeyFormatUnknown},
		"only a curve":                     {params, fault.KeyFormatUnknown},
		"OpenSSH":                          {pemOf("OPENSSH PRIVATE KEY", []byte("x")), fault.KeyInvalid},
		"certificate request":              {pemOf("CERTIFICATE REQUEST", d["PUBLIC KEY, EC"]), fault.KeyFormatUnknown},
		"label in lower case":              {pemOf("public key", d["PUBLIC KEY, EC"]), fault.KeyFormatUnknown},
		"encrypted PKCS#8":                 {pemOf("ENCRYPTED PRIVATE KEY", []byte("x")), fault.KeyEncrypted},
		"encrypted SEC 1":                  {procType, fault.KeyEncrypted},
		"empty block":                      {pemOf("PRIVATE KEY", nil), fault.KeyInvalid},
		"PKCS#8 labelled SEC 1":            {pemOf("EC PRIVATE KEY", d["PRIVATE KEY, EC"]), fault.KeyInvalid},
		"SEC 1 labelled PKCS#8":            {pemOf("PRIVATE KEY", d["EC PRIVATE KEY, EC"]), fault.KeyInvalid},
		"PKCS#1 labelled PKIX":             {pemOf("PUBLIC KEY", d["RSA PUBLIC KEY, RSA"]), fault.KeyInvalid},
		"PKIX labelled PKCS#1":             {pemOf("RSA PUBLIC KEY", d["PUBLIC KEY, RSA"]), fault.KeyInvalid},
		"public labelled private":          {pemOf("PRIVATE KEY", d["PUBLIC KEY, EC"]), fault.KeyInvalid},
		"RSA of 1024 bits, private":        {pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(testkit.Must(rsa.GenerateKey(rand.Reader, 1024)))), fault.KeyWeak},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			if c.code == "" {
				mustParse(t, c.text)
				return
			}
			wantRefused(t, c.text, c.code)
		})
	}
}

// TestS9_UnsupportedKinds: an unsupported kind of key has a different error from a broken
// key.
func TestS9_UnsupportedKinds(t *testing.T) {
	p224 := testkit.Must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	x25519 := testkit.Must(ecdh.X25519().GenerateKey(rand.Reader))
	d := ders()
	rsaOID := testkit.Must(asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}))
	pssOID := testkit.Must(asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}))
	p256OID := testkit.Must(asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}))
	swap := func(der, from, to []byte) []byte { return bytes.Replace(der, from, to, 1) }
	tests := map[string]string{
		"P-224, PKIX":             pemOf("PUBLIC KEY", testkit.Must(x509.MarshalPKIXPublicKey(&p224.PublicKey))),
		"P-224, PKCS#8":           pemOf("PRIVATE KEY", testkit.Must(x509.MarshalPKCS8PrivateKey(p224))),
		"P-224, SEC 1":            pemOf("EC PRIVATE KEY", testkit.Must(x509.MarshalECPrivateKey(p224))),
		"X25519, PKIX":            pemOf("PUBLIC KEY", testkit.Must(x509.MarshalPKIXPublicKey(x25519.PublicKey()))),
		"X25519, PKCS#8":          pemOf("PRIVATE KEY", testkit.Must(x509.MarshalPKCS8PrivateKey(x25519))),
		"RSA for PSS, PKIX":       pemOf("PUBLIC KEY", swap(d["PUBLIC KEY, RSA"], rsaOID, pssOID)),
		"RSA for PSS, PKCS#8":     pemOf("PRIVATE KEY", swap(d["PRIVATE KEY, RSA"], rsaOID, pssOID)),
		"RSA for PSS, cert":       pemOf("CERTIFICATE", swap(d["CERTIFICATE, RSA"], append(slices.Clone(rsaOID), 5, 0), append(slices.Clone(pssOID), 5, 0))),
		"unknown curve, PKIX":     pemOf("PUBLIC KEY", swap(d["PUBLIC KEY, EC"], p256OID, other(p256OID))),
		"unknown curve, PKCS#8":   pemOf("PRIVATE KEY", swap(d["PRIVATE KEY, EC"], p256OID, other(p256OID))),
		"unknown curve, SEC 1":    pemOf("EC PRIVATE KEY", swap(d["EC PRIVATE KEY, EC"], p256OID, other(p256OID))),
		"unknown algorithm, PKIX": pemOf("PUBLIC KEY", swap(d["PUBLIC KEY, RSA"], rsaOID, other(rsaOID))),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, text, fault.KeyTypeUnsupported)
			if _, err := parse(text); strings.Contains(err.Error(), "ecdh") {
				t.Errorf("the name of a Go type: %v", err)
			}
		})
	}
}

// other returns an unassigned object identifier.
func other(oid []byte) []byte {
	c := slices.Clone(oid)
	c[len(c)-1] = 0x7f
	return c
}

// TestS9_EmbeddedPoint: an EC private key that includes a public half must include its
// own, in either form.
func TestS9_EmbeddedPoint(t *testing.T) {
	one, two := material()["P-256"].(*ecdsa.PrivateKey), material()["EC2"].(*ecdsa.PrivateKey)
	own, alien := testkit.Must(one.PublicKey.Bytes()), testkit.Must(two.PublicKey.Bytes())
	compressed := elliptic.MarshalCompressed(one.Curve, one.X, one.Y)
	wrongSign := slices.Clone(compressed)
	wrongSign[0] ^= 1
	for name, c := range map[string]struct {
		point []byte
		code  fault.Code
	}{
		"own point":                        {own, ""},
		"compressed":                       {compressed, ""},
		"none":                             {nil, ""},
		"another's":                        {alien, fault.KeyInvalid},
		"other y":                          {wrongSign, fault.KeyInvalid},
		"cut":                              {own[:40], fault.KeyInvalid},
		"trailing byte":                    {append(slices.Clone(own), 0), fault.KeyInvalid},
		"point at infinity":                {[]byte{0}, fault.KeyInvalid},
		"point of another key, compressed": {elliptic.MarshalCompressed(two.Curve, two.X, two.Y), fault.KeyInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			for _, text := range ecPrivate(one, c.point) {
				if c.code != "" {
					wantRefused(t, text, c.code)
				} else if k := mustParse(t, text); !k.SameMaterial(newKey(t, "P-256", keys.Attributes{})) {
					t.Error("got another key")
				}
			}
		})
	}
}

// TestS9_PublicHalfOfEd25519: a private key that includes a public half (RFC 5958) must
// include its own, in the form of the standard and in that of older libraries.
func TestS9_PublicHalfOfEd25519(t *testing.T) {
	private := material()["OKP"].(ed25519.PrivateKey)
	own, alien := private.Public().(ed25519.PublicKey), material()["OKP2"].(ed25519.PrivateKey).Public().(ed25519.PublicKey)
	for name, begin := range map[string]string{"standard": "\x81\x21\x00", "with both tags": "\xa1\x23\x03\x21\x00"} {
		text := func(public ed25519.PublicKey) string {
			body := "\x02\x01\x01\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20" + string(private.Seed()) + begin + string(public)
			return pemOf("PRIVATE KEY", append([]byte{0x30, byte(len(body))}, body...))
		}
		if k := mustParse(t, text(own)); !k.CanSign() || !k.SameMaterial(newKey(t, "OKP", keys.Attributes{})) {
			t.Errorf("%s: another key", name)
		}
		wantRefused(t, text(alien), fault.KeyInvalid)
	}
}

// ecPrivate returns k as SEC 1 and PKCS#8 with point as its public half.
func ecPrivate(k *ecdsa.PrivateKey, point []byte) []string {
	curve := asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}
	type ecPrivateKey struct {
		Version int
		Number  []byte
		Curve   asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
		Point   asn1.BitString        `asn1:"optional,explicit,tag:1"`
	}
	sec1 := ecPrivateKey{Version: 1, Number: testkit.Must(k.Bytes()), Curve: curve, Point: asn1.BitString{Bytes: point, BitLength: 8 * len(point)}}
	inner := sec1
	inner.Curve = nil
	pkcs8 := struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}{0, pkix.AlgorithmIdentifier{
		Algorithm:  asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1},
		Parameters: asn1.RawValue{FullBytes: testkit.Must(asn1.Marshal(curve))},
	}, testkit.Must(asn1.Marshal(inner))}
	return []string{pemOf("EC PRIVATE KEY", testkit.Must(asn1.Marshal(sec1))), pemOf("PRIVATE KEY", testkit.Must(asn1.Marshal(pkcs8)))}
}
