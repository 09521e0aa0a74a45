package verify_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// row is a message of type M or of, and the result of verifying it.
type row struct {
	of     string // the type, M if empty
	in     string // ProtoJSON; $(claims) is a token with these claims
	bearer string // claims of the bearer token, "" for none
	want   string // the message afterwards
	code   fault.Code
	path   string // the path in the error
}

// check verifies each row's message.
func check(t *testing.T, w *policytest.World, rows map[string]row) {
	t.Helper()
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			t.Helper()
			if r.of == "" {
				r.of = "M"
			}
			out, err := w.Verify(r.of, r.in, w.Bearer(r.bearer))
			if r.code != "" {
				refused(t, err, r.code, r.path)
				if out != "" {
					t.Errorf("a refused message returned %s, want none", out)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if out = policytest.WithoutTokens(out); out != r.want {
				t.Errorf("got  %s\nwant %s", out, r.want)
			}
		})
	}
}

// refused checks code and path of err, and that its text can be shown.
func refused(t *testing.T, err error, code fault.Code, path string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want %s at %q", err, code, path)
	}
	if f.Code != code || f.What != path {
		t.Errorf("got %s at %q (%s), want %s at %q", f.Code, f.What, f.Reason, code, path)
	}
	t.Log(err) // for go test -v
	presentable(t, err)
}

// presentable checks that the text of a refusal shows no token and no secret part of one,
// and reads as part of a sentence (S69).
func presentable(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '"' }) {
		if strings.HasPrefix(part, "ey") && len(part) > 10 {
			t.Errorf("a token in the text: %s", text)
		}
	}
	if strings.Contains(text, "secret") || strings.Contains(text, "%!") || strings.HasSuffix(text, ".") || strings.Contains(text, "  ") {
		t.Errorf("text with control characters: %s", text)
	}
}

// bearer checks the values of an authorization header against the requirements of a
// method in package t.
func bearer(tb testing.TB, w *policytest.World, method string, values ...string) (*jws.Verified, error) {
	tb.Helper()
	m, err := w.Plan.Method("t.S/" + method)
	if err != nil {
		tb.Fatal(err)
	}
	return w.Verifier.Bearer(context.Background(), m.Bearer, values...)
}

// es256 returns a key with this ID and issuer, always with the same numbers.
func es256(tb testing.TB, id, issuer string) *keys.Key {
	return policytest.Key(tb, keys.ES256, keys.Attributes{ID: id, Issuer: issuer})
}

// signed returns a token with these claims by key.
func signed(tb testing.TB, key *keys.Key, claims string) string {
	tb.Helper()
	token, err := jws.Sign(key, []byte(claims))
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// inField puts a token into the field tok of JSON.
func inField(token string) string { return `{"tok":"` + token + `"}` }

// tampered changes the signature of a token.
func tampered(token string) string {
	i := strings.LastIndexByte(token, '.') + 10
	other := byte('A')
	if token[i] == 'A' {
		other = 'B'
	}
	return token[:i] + string(other) + token[i+1:]
}

func bytesValue(text string) protoreflect.Value  { return protoreflect.ValueOfBytes([]byte(text)) }
func stringValue(text string) protoreflect.Value { return protoreflect.ValueOfString(text) }

// unsigned returns a token of two parts, base64url without padding.
func unsigned(header, payload string) string {
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte(payload))
}
