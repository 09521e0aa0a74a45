package sign_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// row is a message of type M or of, and the claims of its token.
type row struct {
	of     string // the type, M if empty
	in     string // ProtoJSON
	bearer string // claims of the bearer token, "" for none
	at     string // the path to the message whose token is compared, "cs.0"; "" for M itself
	claims string // as written
	out    string // the message afterwards, with "…" for tokens; in if empty
	fails  fault.Code
	path   string
	// refused is the code with which verification refuses the signed message, or "".
	refused fault.Code
}

// check signs each row's message and verifies the result.
func check(t *testing.T, w *policytest.World, rows map[string]row) {
	t.Helper()
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			t.Helper()
			if r.of == "" {
				r.of = "M"
			}
			bearer := w.Bearer(r.bearer)
			m, err := w.Sign(r.of, r.in, bearer)
			if r.fails != "" {
				fails(t, err, r.fails, r.path)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := policytest.Claims(t, tokenAt(m, r.at)); got != r.claims {
				t.Errorf("claims\ngot  %s\nwant %s", got, r.claims)
			}
			out := w.JSON(m)
			if got := policytest.WithoutTokens(out); r.out != "" && got != r.out {
				t.Errorf("message\ngot  %s\nwant %s", got, r.out)
			}
			if _, err := w.Verify(r.of, out, bearer); fault.CodeOf(err) != r.refused {
				t.Errorf("A65 verified: %v, want %q", err, r.refused)
			}
		})
	}
}

func fails(t *testing.T, err error, code fault.Code, path string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != code || f.What != path {
		t.Fatalf("got %v (%s), want %s at %q", err, fault.CodeOf(err), code, path)
	}
	t.Log(err) // for go test -v
	if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "  ") || strings.HasSuffix(err.Error(), ": ") {
		t.Errorf("text with control characters: %v", err)
	}
}

// tokenAt returns the token in the field tok of the message at the path way, such as
// "cs.0.g".
func tokenAt(m protoreflect.Message, way string) string {
	var list protoreflect.List
	for _, step := range strings.FieldsFunc(way, func(r rune) bool { return r == '.' }) {
		fd := m.Descriptor().Fields().ByName(protoreflect.Name(step))
		switch {
		case fd == nil:
			m = list.Get(int(step[0] - '0')).Message()
		case fd.IsList():
			list = m.Get(fd).List()
		default:
			m = m.Get(fd).Message()
		}
	}
	return m.Get(m.Descriptor().Fields().ByName("tok")).String()
}

// forged returns a signed token with this payload, valid or not.
func forged(tb testing.TB, w *policytest.World, payload string) string {
	tb.Helper()
	enc := base64.RawURLEncoding
	input := enc.EncodeToString([]byte(`{"alg":"ES256"}`)) + "." + enc.EncodeToString([]byte(payload))
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, w.Key.SigningMaterial().(*ecdsa.PrivateKey), digest[:])
	if err != nil {
		tb.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return input + "." + enc.EncodeToString(signature)
}

// fielder sets fields by name.
type fielder struct{ protoreflect.Message }

func (m fielder) field(name protoreflect.Name) protoreflect.FieldDescriptor {
	return m.Descriptor().Fields().ByName(name)
}

func (m fielder) set(name protoreflect.Name, text string) {
	m.Set(m.field(name), protoreflect.ValueOfString(text))
}

func (m fielder) child(name protoreflect.Name) fielder {
	return fielder{m.Mutable(m.field(name)).Message()}
}

func (m fielder) entry(name protoreflect.Name, key, value string) {
	m.Mutable(m.field(name)).Map().Set(protoreflect.ValueOfString(key).MapKey(), protoreflect.ValueOfString(value))
}
