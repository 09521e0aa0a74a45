package keys

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// checkCertificate refuses a JWK with public as its key whose first certificate in x5c is
// for another key (RFC 7517 section 4.7). Nothing else of x5c is used, so a certificate
// that cannot be read is ignored.
func (f *jwkFields) checkCertificate(public crypto.PublicKey) *fault.Error {
	chain, err := strictjson.Array(f.members["x5c"], jsonDepth)
	if err != nil || len(chain) == 0 {
		return nil
	}
	text, _ := strictjson.String(chain[0])
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	own, hasEqual := certificate.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !hasEqual || own.Equal(public) {
		return nil
	}
	return fault.New(fault.KeyInvalid, "", "the certificate in x5c is for another key (RFC 7517 section 4.7)")
}
