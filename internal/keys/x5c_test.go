package keys_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestS10_CertificateIsForTheKey: the first certificate of a JWK (x5c) has its key (RFC
// 7517 section 4.7). What cannot be read of x5c is ignored.
func TestS10_CertificateIsForTheKey(t *testing.T) {
	ec, rsaKey := material()["P-256"].(*ecdsa.PrivateKey), material()["RSA"].(*rsa.PrivateKey)
	certificate := func(public any) string {
		template := &x509.Certificate{SerialNumber: big.NewInt(1)}
		return base64.StdEncoding.EncodeToString(testkit.Must(x509.CreateCertificate(rand.Reader, template, template, public, ec)))
	}
	ofEC, ofRSA, ofOther := certificate(&ec.PublicKey), certificate(&rsaKey.PublicKey), certificate(&material()["EC2"].(*ecdsa.PrivateKey).PublicKey)
	with := func(name string, chain any) members { return jwkOf(t, name).with("x5c", chain) }
	checkRows(t, map[string]jwkRow{
		"own":               {with("P-256", []string{ofEC}), ""},
		"own, public":       {publicJWK(t, "P-256").with("x5c", []string{ofEC}), ""},
		"own, RSA":          {with("RSA", []string{ofRSA}), ""},
		"with its issuers":  {with("RSA", []string{ofRSA, ofEC, ofOther}), ""},
		"another key":       {with("P-256", []string{ofOther}), fault.KeyInvalid},
		"another, public":   {publicJWK(t, "P-256").with("x5c", []string{ofOther}), fault.KeyInvalid},
		"another type":      {with("P-256", []string{ofRSA, ofEC}), fault.KeyInvalid},
		"another type, OKP": {with("OKP", []string{ofEC}), fault.KeyInvalid},
		"for a secret":      {with("oct", []string{ofEC}), fault.KeyInvalid},
		"empty":             {with("P-256", []string{}), ""},
		"null":              {with("P-256", nil), ""},
		"no certificate":    {with("P-256", []string{"AAAA"}), ""},
		"base64url":         {with("P-256", []string{"-_-_"}), ""},
		"a string":          {with("P-256", ofOther), ""},
		"a number":          {with("P-256", []any{1}), ""},
	})
}
