package jwks_test

import (
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
)

func TestAllowedAlgorithms(t *testing.T) {
	rsa, ec := newKey(t, keys.RS256, "r"), newKey(t, keys.ES256, "e")
	anyRSA := `{"kty":"RSA","kid":"r","n":` + jwkMember(t, rsa, "n") + `,"e":"AQAB"}`
	i, c := newIssuer(t, says(`{"keys":[`+anyRSA+`,`+string(jwkOf(t, publicOf(t, ec)))+`]}`)), newClock()
	allows := func(o jwks.RemoteOptions, kid string, alg keys.Algorithm) bool {
		ring, err := keys.NewRing(nil, remote(t, i.URL, o))
		if err != nil {
			t.Fatal(err)
		}
		_, err = ring.Find(t.Context(), keys.Query{KeyID: &kid, Algorithm: alg})
		return err == nil
	}
	o := options(c, jwks.Network{})
	if !allows(o, "r", keys.RS256) || !allows(o, "r", keys.PS512) || !allows(o, "e", keys.ES256) {
		t.Error("without a list, an algorithm that fits is refused")
	}
	o.Algorithms = []keys.Algorithm{keys.RS256, keys.PS256, keys.EdDSA}
	if !allows(o, "r", keys.RS256) || !allows(o, "r", keys.PS256) {
		t.Error("a listed algorithm is refused")
	}
	if allows(o, "r", keys.RS512) || allows(o, "e", keys.ES256) {
		t.Error("an algorithm that is not listed is allowed")
	}
	o.Algorithms = []keys.Algorithm{keys.EdDSA}
	gives(t, remote(t, i.URL, o), "", string(fault.KeySetUnavailable))
}

func TestEncodingIsNamed(t *testing.T) {
	i := newIssuer(t, with(200, bomb(t, 10), "Content-Encoding", "gzip"))
	_, err := remote(t, i.URL, options(newClock(), jwks.Network{})).Keys(t.Context(), "")
	if err == nil || !strings.Contains(err.Error(), `the encoding "gzip"`) {
		t.Errorf("got %v, want %q in it", err, `the encoding "gzip"`)
	}
}

func TestRemoteOptionsChecked(t *testing.T) {
	for name, o := range map[string]jwks.RemoteOptions{
		"negative refresh": {Refresh: -1},
		"short refresh":    {Refresh: jwks.Cooldown - 1},
		"negative stale":   {MaxStale: -1},
	} {
		if _, err := jwks.NewRemote("https://x", o); fault.CodeOf(err) != fault.UsageError {
			t.Errorf("%s: got %v, want %v", name, err, fault.UsageError)
		}
	}
}
