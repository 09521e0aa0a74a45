package jws

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

func TestClaimsAccessors(t *testing.T) {
	parsed, err := Parse(es256(t, es256Header, `{"iss":"\u0069","sub":"","aud":["a","b"],"exp":3e9,"nbf":1.5,"iat":2,"x":null}`), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := parsed.Claims()
	if err != nil {
		t.Fatal(err)
	}
	iss, err1 := c.Issuer()
	sub, err2 := c.Subject()
	aud, err3 := c.Audience()
	exp, err4 := c.Expiry()
	nbf, err5 := c.NotBefore()
	iat, err6 := c.IssuedAt()
	got := fmt.Sprint(*iss, *sub, aud, exp.Unix(), nbf.UnixNano(), iat.Unix(), err1, err2, err3, err4, err5, err6)
	if want := fmt.Sprint("i", "", []string{"a", "b"}, 3000000000, 1500000000, 2, nil, nil, nil, nil, nil, nil); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if v, has := c.Get("x"); !has || string(v) != "null" {
		t.Errorf("x: got %s, %v", v, has)
	}
	if _, has := c.Get("X"); has {
		t.Error("unexpected member X")
	}
}

func TestClaimsAccessors_AbsentAndInvalid(t *testing.T) {
	for payload, want := range map[string]fault.Code{
		`{}`: "", `{"iss":1,"sub":1,"aud":1,"exp":"1","nbf":"1","iat":"1"}`: fault.InvalidClaim,
	} {
		parsed, err := Parse(es256(t, es256Header, payload), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		c, _ := parsed.Claims()
		iss, err1 := c.Issuer()
		sub, err2 := c.Subject()
		aud, err3 := c.Audience()
		exp, err4 := c.Expiry()
		nbf, err5 := c.NotBefore()
		iat, err6 := c.IssuedAt()
		if iss != nil || sub != nil || aud != nil || !exp.IsZero() || !nbf.IsZero() || !iat.IsZero() {
			t.Errorf("%s: got %v %v %v %v %v %v", payload, iss, sub, aud, exp, nbf, iat)
		}
		for _, err := range []error{err1, err2, err3, err4, err5, err6} {
			if (err == nil) != (want == "") || fault.CodeOf(err) != want {
				t.Errorf("%s: %v, want %q", payload, err, want)
			}
		}
	}
}

// TestS30_WorstTextsAreQuick: within the limits, no text is slow to parse.
func TestS30_WorstTextsAreQuick(t *testing.T) {
	var many strings.Builder
	for i := range 6000 {
		fmt.Fprintf(&many, `"%d":0,`, i)
	}
	const size = 45 << 10
	for name, payload := range map[string]string{
		"many names":      `{` + many.String() + `"x":0}`,
		"duplicate names": `{` + many.String() + `"0":0}`,
		"many empty sets": `{"x":[` + strings.Repeat(`{},`, size/3) + `0]}`,
		"escapes":         `{"x":"` + strings.Repeat(`\u0041`, size/6) + `"}`,
		"a long number":   `{"exp":` + strings.Repeat("9", size) + `}`,
		"a long fraction": `{"exp":0.` + strings.Repeat("0", size) + `1e45000}`,
		"many audiences":  `{"aud":[` + strings.Repeat(`"a",`, size/4) + `"a"]}`,
		"open strings":    `{"x":` + strings.Repeat(`"`, size),
	} {
		t.Run(name, func(t *testing.T) {
			token := es256(t, es256Header, payload)
			v := verifier(t, Policy{Audiences: []string{"b"}, Issuers: []string{"i"}}, signingKey(t, keys.ES256))
			took := testkit.CPU(func() {
				if _, err := v.Verify(t.Context(), token); fault.ClassOf(err) != fault.Refused {
					t.Errorf("got %v", err)
				}
			})
			if took > time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestVerifierIsSafeForConcurrentUse(t *testing.T) {
	v := verifier(t, Policy{Issuers: []string{"i"}}, signingKey(t, keys.ES256), signingKey(t, keys.EdDSA))
	good := es256(t, es256Header, `{"iss":"i"}`)
	bad := es256(t, es256Header, `{"iss":"j"}`)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				wantCodes(t, v, good, "ok")
				wantCodes(t, v, bad, "issuer_not_allowed")
			}
		})
	}
	group.Wait()
}
