package jwttest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/jwtpolicy"
	"github.com/jwtctl/jwtctl/jwtpolicy/protosource"
	"github.com/jwtctl/jwtctl/jwttest"
)

const shopProto = "../examples/inprocess/shop/shop.proto"

func kit(t testing.TB) *jwttest.Kit {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.proto")
	if err := os.WriteFile(path, []byte(policytest.Header+policytest.CallSource), 0o600); err != nil {
		t.Fatal(err)
	}
	return jwttest.New(t, protosource.Files(nil, path))
}

// TestWrongTokens: each wrong token is refused with the code and status that it lists, and
// the valid one passes until its hour is over. A36, S59.
func TestWrongTokens(t *testing.T) {
	k := kit(t)
	for _, method := range []string{"t.S/Who", "t.S/WhoBidi", "t.S/Bearer"} {
		good := k.Token(method, map[string]any{"sub": "alice"})
		if c, err := k.Policy.Call(t.Context(), "/"+method, "Bearer "+good); err != nil {
			t.Errorf("%s: %v", method, err)
		} else if claims, _ := c.Claims(); claims.Subject() != "alice" {
			t.Errorf("%s: got %v", method, claims.All())
		}
		list := k.Wrong(method, nil)
		if len(list) < 11 || method != "t.S/Bearer" && len(list) < 13 {
			t.Errorf("%s: %d wrong tokens", method, len(list))
		}
		for _, w := range list {
			var values []string
			if w.Token != "" {
				values = []string{"Bearer " + w.Token}
			}
			_, err := k.Policy.Call(t.Context(), "/"+method, values...)
			var e *jwtpolicy.Error
			if !errors.As(err, &e) || e.Code != w.Code || e.Status != w.Status {
				t.Errorf("%s, %s: %v, want %s", method, w.Name, err, w.Code)
			}
		}
	}
	token := k.Token("t.S/Who", nil)
	k.Advance(time.Hour)
	if _, err := k.Policy.Call(t.Context(), "/t.S/Who", "Bearer "+token); !errors.Is(err, &jwtpolicy.Error{Code: "token_expired"}) {
		t.Errorf("after an hour: %v", err)
	}
}

func ExampleKit() {
	var got []any
	test := func(t *testing.T) {
		got = nil                                              // of an earlier run with -count
		k := jwttest.New(t, protosource.Files(nil, shopProto)) // jwtpolicy.Linked() if generated code is linked in
		token := k.Token("shop.Shop/Buy", map[string]any{"sub": "alice"})
		call, err := k.Policy.Call(t.Context(), "/shop.Shop/Buy", "Bearer "+token)
		if err != nil {
			t.Fatal(err)
		}
		claims, _ := call.Claims()
		got = append(got, claims.Subject(), claims.Expiry().Sub(k.Now()))
		for _, w := range k.Wrong("shop.Shop/Buy", nil) {
			_, err := k.Policy.Call(t.Context(), "/shop.Shop/Buy", "Bearer "+w.Token)
			var e *jwtpolicy.Error
			if !errors.As(err, &e) || e.Status != w.Status {
				got = append(got, w.Name, err)
			}
		}
		k.Advance(2 * time.Hour)
		_, err = k.Policy.Call(t.Context(), "/shop.Shop/Buy", "Bearer "+token)
		got = append(got, err)
	}
	testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "example", F: test}})
	for _, one := range got {
		fmt.Println(one)
	}
	// Output:
	// alice
	// 1h0m0s
	// bearer token: expired 1h ago
}

// stopped is a test that records Fatalf and stops.
type stopped struct {
	testing.TB
	why string
}

func (s *stopped) Fatalf(format string, args ...any) {
	s.why = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// TestNoWrongTokensOfOpenMethods: Wrong fails for a method that requires no token, since
// a list of tokens that all pass would mislead.
func TestNoWrongTokensOfOpenMethods(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.proto")
	if err := os.WriteFile(path, []byte(policytest.Header+policytest.CallSource), 0o600); err != nil {
		t.Fatal(err)
	}
	tb := &stopped{TB: t}
	k := jwttest.New(tb, protosource.Files(nil, path))
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.Wrong("t.S/Open", nil)
	}()
	if <-done; tb.why != "jwttest: t.S/Open does not require a bearer token, so it refuses none" {
		t.Errorf("got %q", tb.why)
	}
}
