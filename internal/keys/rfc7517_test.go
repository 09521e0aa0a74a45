package keys_test

import (
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestExamplesOfRFC7517 reads the examples of RFC 7517 appendix A key by key, with the thumbprint
// of RFC 7638 section 3.1. The private RSA key of A.2 is omitted: its public half is the
// one of A.1. TestRFC7517AppendixC covers appendix C.
func TestExamplesOfRFC7517(t *testing.T) {
	const rsa = `{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}`
	const ec = `{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"}`
	const ecPair = `{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","use":"enc","kid":"1"}`
	const wrap = `{"kty":"oct","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"}`
	const hmac = `{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow","kid":"HMAC key used in JWS spec Appendix A.1 example"}`
	for name, tc := range map[string]struct {
		set       string
		kid       string // of the one usable key
		passed    fault.Code
		published fault.Code // the code if it is published at a URL
	}{
		"A.1 public keys":    {setOf(ec, rsa), "2011-04-29", fault.KeyUseMismatch, ""},
		"A.2 private keys":   {setOf(ecPair, rsa), "2011-04-29", fault.KeyUseMismatch, fault.KeySetUnavailable},
		"A.3 symmetric keys": {setOf(wrap, hmac), "HMAC key used in JWS spec Appendix A.1 example", fault.KeyAlgMismatch, fault.KeySetUnavailable},
		"ML-DSA, public":     {setOf(`{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}`, rsa), "2011-04-29", fault.KeyTypeUnsupported, ""},
		"ML-DSA, null":       {setOf(`{"kty":"AKP","alg":"ML-DSA-44","pub":"AA","priv":null}`, rsa), "2011-04-29", fault.KeyTypeUnsupported, ""},
		"ML-DSA, private":    {setOf(`{"priv":"AA","kty":"AKP","alg":"ML-DSA-44","pub":"AA"}`, rsa), "2011-04-29", fault.KeyTypeUnsupported, fault.KeySetUnavailable},
		"priv of another":    {setOf(`{"kty":"?","priv":"AA"}`, rsa), "2011-04-29", fault.KeyTypeUnsupported, ""},
	} {
		loaded, err := keys.ParseSet([]byte(tc.set), keys.Attributes{Source: "k"}, false)
		if err != nil || len(loaded.Keys) != 1 || loaded.Keys[0].ID() != tc.kid || loaded.Skipped()[0].Problem.Code != tc.passed {
			t.Errorf("%s: got %v, %v", name, loaded, err)
		}
		_, err = keys.ParseSet([]byte(tc.set), keys.Attributes{Source: "k"}, true)
		testkit.WantCode(t, err, tc.published)
	}
	if thumbprint := testkit.Must(mustParse(t, rsa).Thumbprint()); thumbprint != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Errorf("thumbprint %s", thumbprint)
	}
	// Apart from its use, the EC pair is valid.
	pair := mustParse(t, `{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}`)
	if !pair.CanSign() {
		t.Error("the pair of A.2 does not sign")
	}
}
