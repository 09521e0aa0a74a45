package jwttest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/jwtpolicy"
	"github.com/jwtctl/jwtctl/jwtpolicy/protosource"
	"github.com/jwtctl/jwtctl/jwttest"
)

func kit(t testing.TB) *jwttest.Kit {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.proto")
	if err := os.WriteFile(path, []byte(policytest.Header+policytest.CallSource), 0o600); err != nil {
		t.Fatal(err)
	}
	return jwttest.New(t, protosource.Files(nil, path))
}

// TestWrongTokens: each is refused with the code and status that it promises, and the
// good one passes, until its hour is over. A36, S59.
func TestWrongTokens(t *testing.T) {
	k := kit(t)
	for _, method := range []string{"t.S/Who", "t.S/WhoBidi", "t.S/Bearer"} {
		good := k.Token(method, map[string]any{"sub": "alice"})
		if c, err := k.Policy.Call(t.Context(), "/"+method, "Bearer "+good); err != nil {
			t.Errorf("%s: %v", method, err)
		} else if claims, _ := c.Claims(); claims.Subject() != "alice" {
			t.Errorf("%s: %v", method, claims.All())
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
	var subject string
	var refusal error
	test := func(t *testing.T) {
		k := kit(t) // jwttest.New(t, jwtpolicy.Linked()), where the generated code is linked
		call, err := k.Policy.Call(t.Context(), "/t.S/Who", "Bearer "+k.Token("t.S/Who", map[string]any{"sub": "alice"}))
		if err != nil {
			t.Fatal(err)
		}
		claims, _ := call.Claims()
		subject = claims.Subject()
		for _, w := range k.Wrong("t.S/Who", nil) {
			if w.Name == "expired" {
				_, refusal = k.Policy.Call(t.Context(), "/t.S/Who", "Bearer "+w.Token)
			}
		}
	}
	testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "example", F: test}})
	fmt.Println(subject)
	fmt.Println(refusal)
	// Output:
	// alice
	// bearer token: expired 0s ago
}
