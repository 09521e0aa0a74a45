package token_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // hashes for crypto.Hash
	_ "crypto/sha512"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/internal/token"
)

// BenchmarkMint makes a complete Temporal token, and compares it with a bare hash and
// signature of the same bytes. ratio is the bare time divided by ours, using medians of
// runs in turns: 1 means no overhead, the target is at least 0.85. checked also verifies
// the signature before returning the token (S43).
func BenchmarkMint(b *testing.B) {
	for _, alg := range []keys.Algorithm{keys.ES256, keys.ES384, keys.RS256, keys.PS256, keys.EdDSA} {
		key := newKey(alg)
		request := token.Request{Subject: "jwtctl", Permissions: []string{"default:read", "default:write"}, TTL: time.Hour, Now: noon}
		compact := testkit.Must(jws.Sign(key, testkit.Must(token.Claims(request))))
		bare := bareSign(alg, key.SigningMaterial().(crypto.Signer), []byte(compact[:strings.LastIndexByte(compact, '.')]))
		for name, sign := range map[string]func(*keys.Key, []byte) (string, error){"": jws.Sign, "/checked": jws.SignChecked} {
			b.Run(string(alg)+name, func(b *testing.B) {
				var ours, theirs []time.Duration
				for b.Loop() {
					start := time.Now()
					_, err := sign(key, testkit.Must(token.Claims(request)))
					middle := time.Now()
					if bare() != nil || err != nil {
						b.Fatal(err)
					}
					ours, theirs = append(ours, middle.Sub(start)), append(theirs, time.Since(middle))
				}
				b.ReportMetric(float64(testkit.Median(ours)), "ns/op")
				b.ReportMetric(float64(testkit.Median(theirs)), "bare-ns/op")
				b.ReportMetric(float64(testkit.Median(theirs))/float64(testkit.Median(ours)), "ratio")
			})
		}
	}
}

// bareSign signs signed with the standard library only.
func bareSign(alg keys.Algorithm, signer crypto.Signer, signed []byte) func() error {
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[string(alg)[2:]]
	var opts crypto.SignerOpts = hash
	if alg[0] == 'P' {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	return func() error {
		digest := signed
		if hash != 0 { // EdDSA hashes internally
			h := hash.New()
			h.Write(signed)
			digest = h.Sum(nil)
		}
		_, err := signer.Sign(rand.Reader, digest, opts)
		return err
	}
}
