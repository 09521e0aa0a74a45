package keys_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"testing"

	"github.com/c2sp/wycheproof"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// ecdhCase is a case of Wycheproof's ECDH files, of which only the keys are used.
type ecdhCase struct {
	TcID            int
	Comment         string
	Flags           []string
	Public, Private json.RawMessage
	Result          string
}

// ecdhCases returns the cases of the files of kind for our three curves.
func ecdhCases(t *testing.T, kind string) []ecdhCase {
	t.Helper()
	var all []ecdhCase
	for _, curve := range []string{"256", "384", "521"} {
		data, err := fs.ReadFile(wycheproof.TestVectors, "ecdh_secp"+curve+"r1_"+kind+"_test.json")
		if err != nil {
			t.Fatal(err)
		}
		var file struct{ TestGroups []struct{ Tests []ecdhCase } }
		if err := json.Unmarshal(data, &file); err != nil {
			t.Fatal(err)
		}
		for _, group := range file.TestGroups {
			all = append(all, group.Tests...)
		}
	}
	return all
}

// verdict reads a key, which the PEM files hold as a JSON string.
func verdict(t *testing.T, key json.RawMessage) string {
	t.Helper()
	text := string(key)
	if text[0] == '"' {
		if err := json.Unmarshal(key, &text); err != nil {
			t.Fatal(err)
		}
	}
	_, err := parse(text)
	if err == nil {
		return "loads"
	}
	if fault.CodeOf(err) == "" || fault.ClassOf(err) != fault.Undecided {
		t.Errorf("an error without a code: %v", err)
	}
	return string(fault.CodeOf(err))
}

func wantCounts(t *testing.T, got, want map[string]int) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// wantPrivate reads the private keys of cases, all of which are valid; many cases share
// one.
func wantPrivate(t *testing.T, cases []ecdhCase) {
	t.Helper()
	seen := map[string]bool{}
	for _, c := range cases {
		if text := string(c.Private); !seen[text] {
			seen[text] = true
			if v := verdict(t, c.Private); v != "loads" {
				t.Errorf("%d: the private key is refused: got %s, want %s", c.TcID, v, "loads")
			}
		}
	}
}

// TestS10_WycheproofJWK reads the public keys of the ECDH cases. All 1733 of valid cases
// load; the 54 that are off their curve and the 3 that claim P-256K do not. The other 12
// mix two curves: 8 are valid keys by themselves, 4 are on P-256K.
func TestS10_WycheproofJWK(t *testing.T) {
	cases, got := ecdhCases(t, "webcrypto"), map[string]int{}
	for _, c := range cases {
		var jwk struct{ Crv string }
		if err := json.Unmarshal(c.Public, &jwk); err != nil {
			t.Fatal(err)
		}
		kind := c.Result + " " + verdict(t, c.Public)
		if jwk.Crv == "P-256K" {
			kind += " P-256K " + c.Flags[0]
		}
		got[kind]++
	}
	wantPrivate(t, cases)
	wantCounts(t, got, map[string]int{
		"valid loads": 1733, "invalid key_invalid": 54, "invalid key_type_unsupported P-256K ModifiedGroup": 3,
		"invalid key_type_unsupported P-256K WrongCurve": 4, "invalid loads": 8,
	})
}

// TestS9_WycheproofPEM reads the same keys as SubjectPublicKeyInfo. Only the 1733 of
// valid cases and the 8 valid keys of mixed cases load: none of the 664 invalid encodings
// (x509 accepts 48), compressed points or curves given by parameters.
func TestS9_WycheproofPEM(t *testing.T) {
	cases, got := ecdhCases(t, "pem"), map[string]int{}
	spellings := 0
	for _, c := range cases {
		if c.Flags[0] == "InvalidPem" {
			spellings++
		}
		v := verdict(t, c.Public)
		if v != "loads" {
			v = "is refused"
		}
		got[c.Result+" "+v]++
	}
	wantPrivate(t, cases)
	wantCounts(t, got, map[string]int{"valid loads": 1733, "invalid loads": 8, "invalid is refused": 146, "acceptable is refused": 688})
	if spellings != 664 {
		t.Errorf("%d spellings, want 664", spellings)
	}
}
