package jws

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

func TestS36_TimesAreNumericDates(t *testing.T) {
	v := verifier(t, Policy{}, signingKey(t, keys.ES256))
	refused := []string{
		`0`, `-0`, `0.0`, `0e5`, `-1`, `-1e-9`, `-1e300`, `"123"`, `"3000000000"`, `null`, `true`, `[]`, `[3000000000]`, `{}`, `1e300`,
		`9223372036854775807`, `9223372036854775808`, `18446744073709551616`, `1e400`, `1e-400`, `1e999999999999999999999`,
		`253402300800`, `253402300799.000000001`, `2534023008e2`, `1` + strings.Repeat("0", 40), `3000000000.` + strings.Repeat("0", 40),
		`0.` + strings.Repeat("0", 5000) + `1e5010`,
	}
	for _, claim := range []string{"exp", "nbf", "iat"} {
		for _, value := range refused {
			name := value
			if len(name) > 30 {
				name = name[:30]
			}
			t.Run(claim+" "+name, func(t *testing.T) {
				wantCodes(t, v, es256(t, es256Header, `{"`+claim+`":`+value+`}`), "invalid_claim")
			})
		}
	}
	for _, value := range []string{`3000000000`, `3000000000.5`, `3e9`, `3E+9`, `3000000000.000000`, `0.3e10`, `30000000000e-1`, `253402300799`, `2.53402300799e11`, " 3e9 ", "\t3000000000\n"} {
		t.Run("exp "+value, func(t *testing.T) { wantCodes(t, v, es256(t, es256Header, `{"exp":`+value+`}`), "ok") })
	}
	for _, value := range []string{`1`, `1999999999.999`, `2e9`, `2000000000`, `1e-300`} {
		t.Run("nbf, iat "+value, func(t *testing.T) {
			wantCodes(t, v, es256(t, es256Header, `{"nbf":`+value+`,"iat":`+value+`}`), "ok")
		})
	}
}

// TestS36_TimesAreExact: times never pass through a float.
func TestS36_TimesAreExact(t *testing.T) {
	for number, want := range map[string]time.Time{
		`2000000000`:                 time.Unix(2000000000, 0),
		`2000000000.000000001`:       time.Unix(2000000000, 1),
		`2000000000.123456789`:       time.Unix(2000000000, 123456789),
		`2000000000.1`:               time.Unix(2000000000, 100000000),
		`2000000000.1234567890001`:   time.Unix(2000000000, 123456790), // rounded up: exp is not reached at …789
		`2000000000.9999999999`:      time.Unix(2000000001, 0),
		`200000000012345678.9e-8`:    time.Unix(2000000000, 123456789),
		`253402300799`:               time.Unix(253402300799, 0),
		`253402300798.999999999`:     time.Unix(253402300798, 999999999),
		`1e-9`:                       time.Unix(0, 1),
		`0.00000000000000000001`:     time.Unix(0, 1),
		`99999999999.99999999900000`: time.Unix(99999999999, 999999999),
	} {
		if got, ok := numericDate([]byte(number)); !ok || !got.Equal(want) {
			t.Errorf("%s: got %v, %v, want %v", number, got.UnixNano(), ok, want.UnixNano())
		}
	}
}

func TestS37_TimesAtTheirBoundaries(t *testing.T) {
	const ns = 1e-9
	key := signingKey(t, keys.ES256)
	for _, leeway := range []time.Duration{0, time.Nanosecond, time.Second, time.Minute, MaxLeeway} {
		l := leeway.Seconds()
		for _, c := range []struct {
			claims string
			now    float64
			want   string
		}{
			{`{"exp":1000}`, 999 + l, "ok"},
			{`{"exp":1000}`, 1000 + l - ns, "ok"},
			{`{"exp":1000}`, 1000 + l, "token_expired"},
			{`{"exp":1000}`, 1001 + l, "token_expired"},
			{`{"exp":1000.5}`, 1000.5 + l - ns, "ok"},
			{`{"exp":1000.5}`, 1000.5 + l, "token_expired"},
			{`{"nbf":1000}`, 1000 - l - ns, "token_not_yet_valid"},
			{`{"nbf":1000}`, 1000 - l, "ok"},
			{`{"nbf":1000}`, 1001 - l, "ok"},
			{`{"iat":1000}`, 1000 - l - ns, "token_not_yet_valid"},
			{`{"iat":1000}`, 1000 - l, "ok"},
		} {
			t.Run(fmt.Sprintf("%s leeway %s now %.9f", c.claims, leeway, c.now), func(t *testing.T) {
				wantCodes(t, verifierAt(t, Policy{Leeway: leeway}, c.now, key), es256(t, es256Header, c.claims), c.want)
			})
		}
	}
}

func TestS37_AgeAndLifetime(t *testing.T) {
	key := signingKey(t, keys.ES256)
	for name, c := range map[string]struct {
		policy       Policy
		claims, want string
	}{
		"no exp":                        {Policy{}, `{}`, "ok"},
		"exp required":                  {Policy{RequireExpiry: true}, `{}`, "claim_missing"},
		"exp required, present":         {Policy{RequireExpiry: true}, `{"exp":2000000001}`, "ok"},
		"exp required, null":            {Policy{RequireExpiry: true}, `{"exp":null}`, "invalid_claim"},
		"age within limit":              {Policy{MaxAge: time.Hour}, `{"iat":1999996400}`, "ok"},
		"age over limit":                {Policy{MaxAge: time.Hour}, `{"iat":1999996399}`, "token_too_old"},
		"age over limit, within leeway": {Policy{MaxAge: time.Hour, Leeway: time.Second}, `{"iat":1999996399}`, "ok"},
		"age over limit and leeway":     {Policy{MaxAge: time.Hour, Leeway: time.Second}, `{"iat":1999996398}`, "token_too_old"},
		"age unknown":                   {Policy{MaxAge: time.Hour}, `{"exp":2000000001}`, "claim_missing"},
		"age of 1970":                   {Policy{MaxAge: 1<<63 - 1}, `{"iat":1}`, "ok"},
		"lifetime within limit":         {Policy{MaxLifetime: time.Hour}, `{"iat":1999999999,"exp":2000003599}`, "ok"},
		"lifetime over limit":           {Policy{MaxLifetime: time.Hour}, `{"iat":1999999999,"exp":2000003600}`, "lifetime_too_long"},
		"lifetime ignores leeway":       {Policy{MaxLifetime: time.Hour, Leeway: time.Minute}, `{"iat":1999999999,"exp":2000003600}`, "lifetime_too_long"},
		"lifetime without exp":          {Policy{MaxLifetime: time.Hour}, `{"iat":1999999999}`, "claim_missing"},
		"lifetime without iat":          {Policy{MaxLifetime: time.Hour}, `{"exp":2000000001}`, "claim_missing"},
		"lifetime without exp and iat":  {Policy{MaxLifetime: time.Hour}, `{}`, "claim_missing,claim_missing"},
		"lifetime of 8000 years":        {Policy{MaxLifetime: time.Hour}, `{"iat":1,"exp":253402300799}`, "lifetime_too_long"},
		"iat in the future, too long":   {Policy{MaxLifetime: time.Hour}, `{"iat":2000000001,"exp":2000009999}`, "token_not_yet_valid,lifetime_too_long"},
		"expired and too old":           {Policy{MaxAge: time.Hour}, `{"iat":1,"exp":2}`, "token_expired,token_too_old"},
		"both dates in the far past":    {Policy{}, `{"nbf":1,"iat":1}`, "ok"},
	} {
		t.Run(name, func(t *testing.T) { wantCodes(t, verifier(t, c.policy, key), es256(t, es256Header, c.claims), c.want) })
	}
}

func TestReasonsAreForPeople(t *testing.T) {
	_, err := verifier(t, Policy{}, signingKey(t, keys.ES256)).Verify(t.Context(), es256(t, es256Header, `{"exp":1999999700}`))
	if err == nil || err.Error() != "exp: expired 5m ago" {
		t.Errorf("got %v", err)
	}
}

func TestS37_S38_PoliciesThatCannotBeMeant(t *testing.T) {
	for name, p := range map[string]Policy{
		"leeway below 0":        {Leeway: -1},
		"leeway over 10m":       {Leeway: 10*time.Minute + 1},
		"max age below 0":       {MaxAge: -time.Second},
		"max lifetime below 0":  {MaxLifetime: -time.Second},
		"empty issuer":          {Issuers: []string{""}},
		"empty among issuers":   {Issuers: []string{"a", ""}},
		"empty audience":        {Audiences: []string{""}},
		"empty subject":         {Subjects: []string{""}},
		"token limit below 0":   {Limits: Limits{TokenBytes: -1}},
		"header limit below 0":  {Limits: Limits{HeaderBytes: -1}},
		"nesting limit below 0": {Limits: Limits{Depth: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewVerifier(ringOf(t, signingKey(t, keys.ES256)), p, at(noon))
			if fault.CodeOf(err) != fault.UsageError || fault.ClassOf(err) != fault.Usage {
				t.Errorf("got %v, want %v", err, fault.UsageError)
			}
		})
	}
	// A caller that modifies its lists later does not change the policy.
	issuers := []string{"i"}
	v := verifier(t, Policy{Issuers: issuers, Subjects: issuers, Audiences: issuers}, signingKey(t, keys.ES256))
	issuers[0] = "x"
	wantCodes(t, v, es256(t, es256Header, `{"iss":"i","sub":"i","aud":"i"}`), "ok")
	for name, p := range map[string]Policy{"zero": {}, "leeway of 10m": {Leeway: 10 * time.Minute}} {
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestS38_IssuerSubjectAudience(t *testing.T) {
	key := signingKey(t, keys.ES256)
	asked := Policy{Issuers: []string{"https://i", "j"}, Subjects: []string{"s", "t"}, Audiences: []string{"https://a", "b"}}
	claims := func(iss, sub, aud string) string {
		return `{"iss":` + iss + `,"sub":` + sub + `,"aud":` + aud + `}`
	}
	for name, c := range map[string]struct {
		policy       Policy
		claims, want string
	}{
		"all match":                   {asked, claims(`"https://i"`, `"s"`, `"https://a"`), "ok"},
		"any of several":              {asked, claims(`"j"`, `"t"`, `"b"`), "ok"},
		"array with the value":        {asked, claims(`"j"`, `"t"`, `["b"]`), "ok"},
		"array with additional value": {asked, claims(`"j"`, `"t"`, `["x","https://a"]`), "ok"},
		"escaped":                     {asked, claims(`"\u006a"`, `"t"`, `"https:\/\/a"`), "ok"},
		"nothing required":            {Policy{}, claims(`"x"`, `"x"`, `"x"`), "ok"},
		"no claims":                   {asked, `{}`, "issuer_not_allowed,subject_not_allowed,audience_not_allowed"},
		"nothing matches":             {asked, claims(`"x"`, `"x"`, `"x"`), "issuer_not_allowed,subject_not_allowed,audience_not_allowed"},
		"no strings":                  {Policy{}, claims(`1`, `null`, `{}`), "invalid_claim,invalid_claim,invalid_claim"},
		"iss in an array":             {Policy{}, claims(`["j"]`, `"t"`, `"b"`), "invalid_claim"},
		"iss prefix":                  {asked, claims(`"https://"`, `"t"`, `"b"`), "issuer_not_allowed"},
		"iss suffix":                  {asked, claims(`"https://i/x"`, `"t"`, `"b"`), "issuer_not_allowed"},
		"iss slash":                   {asked, claims(`"https://i/"`, `"t"`, `"b"`), "issuer_not_allowed"},
		"iss case":                    {asked, claims(`"https://I"`, `"t"`, `"b"`), "issuer_not_allowed"},
		"iss empty":                   {asked, claims(`""`, `"t"`, `"b"`), "issuer_not_allowed"},
		"sub case":                    {asked, claims(`"j"`, `"T"`, `"b"`), "subject_not_allowed"},
		"sub empty":                   {asked, claims(`"j"`, `""`, `"b"`), "subject_not_allowed"},
		"aud prefix":                  {asked, claims(`"j"`, `"t"`, `"https://"`), "audience_not_allowed"},
		"aud suffix":                  {asked, claims(`"j"`, `"t"`, `"https://a/x"`), "audience_not_allowed"},
		"aud slash":                   {asked, claims(`"j"`, `"t"`, `"https://a/"`), "audience_not_allowed"},
		"aud case":                    {asked, claims(`"j"`, `"t"`, `["B"]`), "audience_not_allowed"},
		"aud empty":                   {asked, claims(`"j"`, `"t"`, `""`), "audience_not_allowed"},
		"aud empty array":             {asked, claims(`"j"`, `"t"`, `[]`), "audience_not_allowed"},
		"aud joined":                  {asked, claims(`"j"`, `"t"`, `"https://a,b"`), "audience_not_allowed"},
		"aud number":                  {asked, claims(`"j"`, `"t"`, `1`), "invalid_claim"},
		"aud numbers":                 {asked, claims(`"j"`, `"t"`, `[1]`), "invalid_claim"},
		"aud mixed":                   {asked, claims(`"j"`, `"t"`, `["b",1]`), "invalid_claim"},
		"aud null":                    {asked, claims(`"j"`, `"t"`, `null`), "invalid_claim"},
		"aud object":                  {asked, claims(`"j"`, `"t"`, `{"b":true}`), "invalid_claim"},
		"aud nested":                  {asked, claims(`"j"`, `"t"`, `[["b"]]`), "invalid_claim"},
		"aud not required, number":    {Policy{}, claims(`"j"`, `"t"`, `1`), "invalid_claim"},
		"aud not required, null":      {Policy{}, claims(`"j"`, `"t"`, `null`), "invalid_claim"},
	} {
		t.Run(name, func(t *testing.T) { wantCodes(t, verifier(t, c.policy, key), es256(t, es256Header, c.claims), c.want) })
	}
}

func TestS39_NamesAreExact(t *testing.T) {
	v := verifier(t, Policy{}, signingKey(t, keys.ES256))
	strict := verifier(t, Policy{RequireExpiry: true, Issuers: []string{"i"}, Audiences: []string{"a"}}, signingKey(t, keys.ES256))
	for name, c := range map[string]struct {
		v            *Verifier
		claims, want string
	}{
		"exp decides, not EXP":       {v, `{"exp":1,"EXP":3000000000}`, "token_expired"},
		"exp first or last":          {v, `{"EXP":3000000000,"exp":1}`, "token_expired"},
		"EXP is not exp":             {v, `{"EXP":1}`, "ok"},
		"EXP is not enough":          {strict, `{"iss":"i","aud":"a","EXP":3000000000}`, "claim_missing"},
		"Iss and AUD are not enough": {strict, `{"Iss":"i","AUD":"a","exp":3000000000}`, "issuer_not_allowed,audience_not_allowed"},
		"long s":                     {strict, `{"iſs":"i","aud":"a","exp":3000000000}`, "issuer_not_allowed"},
		"exp with a space":           {strict, `{"iss":"i","aud":"a","exp ":3000000000}`, "claim_missing"},
		"NBF is not nbf":             {v, `{"NBF":3000000000,"Nbf":"x"}`, "ok"},
	} {
		t.Run(name, func(t *testing.T) { wantCodes(t, c.v, es256(t, es256Header, c.claims), c.want) })
	}
}
