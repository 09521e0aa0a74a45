package keys_test

import (
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// BenchmarkParse reads a private key of each type. For PEM, x509/op is the time for
// parsing alone; the rest is our checks (matching halves, ROCA) and the thumbprint.
func BenchmarkParse(b *testing.B) {
	for _, name := range types() {
		k := newKey(b, name, keys.Attributes{})
		texts := map[string][]byte{"JWK": testkit.Must(k.JWK())}
		if name != "oct" {
			texts["PEM"] = testkit.Must(k.PEM())
		}
		for form, text := range texts {
			b.Run(name+"/"+form, func(b *testing.B) {
				for b.Loop() {
					if _, err := keys.Parse(text, keys.Attributes{}); err != nil {
						b.Fatal(err)
					}
				}
				if form != "PEM" {
					return
				}
				took, start := b.Elapsed(), time.Now()
				for range b.N {
					bare(b, text)
				}
				b.ReportMetric(float64(time.Since(start))/float64(took), "x509/op")
			})
		}
	}
}

// bare parses text with the standard library alone.
func bare(b *testing.B, text []byte) {
	block, _ := pem.Decode(text)
	if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkPublicSet writes the JWKS of three keys.
func BenchmarkPublicSet(b *testing.B) {
	list := []*keys.Key{newKey(b, "P-256", keys.Attributes{}), newKey(b, "RSA", keys.Attributes{}), newKey(b, "OKP", keys.Attributes{})}
	for b.Loop() {
		if _, err := keys.PublicSet(list); err != nil {
			b.Fatal(err)
		}
	}
}
