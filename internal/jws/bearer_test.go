package jws

import (
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// TestA30_S61_ReadsOneBearerToken: how the token is read from authorization values (A30, S61).
func TestA30_S61_ReadsOneBearerToken(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		values []string
		token  string
		code   fault.Code
	}{
		"plain":              {values: []string{"Bearer a.b.c"}, token: "a.b.c"},
		"upper case":         {values: []string{"BEARER a.b.c"}, token: "a.b.c"},
		"lower case":         {values: []string{"bearer a.b.c"}, token: "a.b.c"},
		"none":               {code: fault.TokenMissing},
		"empty":              {values: []string{""}, code: fault.TokenMissing},
		"scheme alone":       {values: []string{"Bearer"}, code: fault.TokenMissing},
		"no token":           {values: []string{"Bearer "}, code: fault.TokenMissing},
		"no scheme":          {values: []string{"a.b.c"}, code: fault.TokenMissing},
		"Basic":              {values: []string{"Basic YTpi"}, code: fault.TokenMissing},
		"two values":         {values: []string{"Bearer a.b.c", "Bearer a.b.c"}, code: fault.TokenMalformed},
		"joined by a comma":  {values: []string{"Bearer a.b.c,Bearer d.e.f"}, code: fault.TokenMalformed},
		"comma and space":    {values: []string{"Bearer a.b.c, Bearer d.e.f"}, code: fault.TokenMalformed},
		"tab":                {values: []string{"Bearer\ta.b.c"}, code: fault.TokenMalformed},
		"two spaces":         {values: []string{"Bearer  a.b.c"}, code: fault.TokenMalformed},
		"space at the end":   {values: []string{"Bearer a.b.c "}, code: fault.TokenMalformed},
		"space at the start": {values: []string{" Bearer a.b.c"}, code: fault.TokenMissing},
		"line end":           {values: []string{"Bearer a.b.c\n"}, code: fault.TokenMalformed},
		"not ASCII":          {values: []string{"Bearer a.b.\u00e9"}, code: fault.TokenMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token, err := BearerToken(test.values...)
			if token != test.token || fault.CodeOf(err) != test.code {
				t.Errorf("got %q, %v, want %q, %q", token, err, test.token, test.code)
			}
		})
	}
}

// FuzzF9_Bearer: an accepted value has only one reading, which yields the value again.
func FuzzF9_Bearer(f *testing.F) {
	for _, seed := range []string{"Bearer a.b.c", "bearer x", "Bearer  x", "Bearer\tx", "Bearer a,Bearer b", "Basic x", "", "Bearer ", "Bearer \x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		token, err := BearerToken(value)
		if err != nil {
			if token != "" || (fault.CodeOf(err) != fault.TokenMissing && fault.CodeOf(err) != fault.TokenMalformed) {
				t.Fatalf("%q: got %q, %v, want none", value, token, err)
			}
			return
		}
		if token == "" || strings.ContainsAny(token, " ,\t\r\n") || len(value) != len("Bearer ")+len(token) || value[7:] != token || !strings.EqualFold(value[:7], "bearer ") {
			t.Fatalf("%q: got %q", value, token)
		}
	})
}
