package jws

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"slices"
	"testing"

	"github.com/c2sp/wycheproof"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

const vectors = "../../testdata/vectors/"

// wycheproofFile is a file of github.com/C2SP/wycheproof, as far as needed.
type wycheproofFile struct {
	TestGroups []struct {
		Public, Private json.RawMessage
		Tests           []struct {
			TcID    int
			Comment string
			JWS     json.RawMessage // absent in tests of encryption
			Result  string
		}
	}
}

// override is a line of wycheproof_overrides.json: cases whose label does not apply, and
// why.
type override struct {
	File    string
	TcIDs   []int
	Verdict string // "invalid" or "skip"
	Reason  string
}

func readJSON[T any](t *testing.T, data []byte, err error) T {
	t.Helper()
	var v T
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestWycheproof decides every JWS case of the three files: 476, of which the overrides
// skip 2. If a key is refused, so are its tokens.
func TestWycheproof(t *testing.T) {
	data, err := os.ReadFile(vectors + "wycheproof_overrides.json")
	overrides := readJSON[[]override](t, data, err)
	scored, accepted := 0, 0
	for _, file := range []struct {
		name           string
		cases, accepts int
	}{
		{"json_web_signature_test.json", 401, 40},
		{"json_web_key_test.json", 26, 5},
		{"json_web_crypto_test.json", 49, 4},
	} {
		data, err := fs.ReadFile(wycheproof.TestVectors, file.name)
		cases, accepts := 0, 0
		for _, group := range readJSON[wycheproofFile](t, data, err).TestGroups {
			key := group.Public
			if key == nil {
				key = group.Private
			}
			for _, test := range group.Tests {
				if test.JWS == nil {
					continue
				}
				cases++
				want := test.Result
				if o := slices.IndexFunc(overrides, func(o override) bool {
					return o.File == file.name && slices.Contains(o.TcIDs, test.TcID)
				}); o >= 0 {
					want = overrides[o].Verdict
				}
				if want == "skip" {
					continue
				}
				scored++
				verdict := "valid"
				asSet := wycheproofVerdict(key, test.JWS, func(data []byte) (keys.Loaded, error) {
					return keys.ParseSet(data, keys.Attributes{}, false)
				})
				if asSet == nil && want != "valid" {
					t.Errorf("%s %d (%s): accepted with its keys as a key set, want %s", file.name, test.TcID, test.Comment, want)
				}
				if err := wycheproofVerdict(key, test.JWS, func(data []byte) (keys.Loaded, error) {
					return keys.Parse(data, keys.Attributes{})
				}); err != nil {
					verdict = "invalid"
					if fault.CodeOf(err) == "" {
						t.Errorf("%s %d: an error without a code: %v", file.name, test.TcID, err)
					}
				} else {
					accepts++
				}
				if verdict != want {
					t.Errorf("%s %d (%s): got %s, want %s", file.name, test.TcID, test.Comment, verdict, want)
				}
			}
		}
		if cases != file.cases || accepts != file.accepts {
			t.Errorf("%s: got %d cases, %d accepted, want %d and %d", file.name, cases, accepts, file.cases, file.accepts)
		}
		accepted += accepts
	}
	if scored != 474 || accepted != 49 {
		t.Errorf("got %d scored, %d accepted, want 474 and 49", scored, accepted)
	}
}

// wycheproofVerdict returns nil if jws, a JSON string or JSON serialization, has a valid
// signature by a key in key, a JWK or JWKS that parse reads.
func wycheproofVerdict(key, jws json.RawMessage, parse func([]byte) (keys.Loaded, error)) error {
	loaded, err := parse(key)
	if err != nil {
		return err
	}
	ring, err := keys.NewRing(loaded.Keys)
	if err != nil {
		return err
	}
	v, err := NewVerifier(ring, Policy{}, at(noon))
	if err != nil {
		return err
	}
	compact := string(jws)
	if err := json.Unmarshal(jws, &compact); err != nil {
		compact = string(jws)
	}
	_, _, err = v.VerifyPayload(context.Background(), compact)
	return err
}

// TestRFCVectors runs the examples of RFC 7515 appendix A, RFC 7520 section 4,
// RFC 7797 and RFC 8037 appendix A.
func TestRFCVectors(t *testing.T) {
	data, err := os.ReadFile(vectors + "rfc.json")
	list := readJSON[[]struct {
		Name, Token string
		Key         json.RawMessage
		Refused     string
	}](t, data, err)
	accepted := 0
	for _, c := range list {
		t.Run(c.Name, func(t *testing.T) {
			loaded, err := keys.Parse(c.Key, keys.Attributes{})
			if err != nil {
				t.Fatal(err)
			}
			v := verifier(t, Policy{}, loaded.Keys...)
			if c.Refused != "" {
				wantCodes(t, v, c.Token, c.Refused)
				return
			}
			accepted++
			if _, _, err := v.VerifyPayload(context.Background(), c.Token); err != nil {
				t.Error(err)
			}
			// Their payloads are text, or expired in 2011.
			want := "payload_not_claims"
			if parsed, err := Parse(c.Token, Limits{}); err != nil {
				t.Error(err)
			} else if _, err := parsed.Claims(); err == nil {
				want = "token_expired"
			}
			wantCodes(t, v, c.Token, want)
		})
	}
	if accepted != 9 || len(list) != 18 {
		t.Errorf("got %d of %d accepted, want 9 of 18", accepted, len(list))
	}
}
