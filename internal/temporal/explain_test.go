package temporal

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

var now = time.Unix(1_800_000_000, 999_000_000)

// Keys for all tests; generating RSA keys takes time.
var (
	ecKey  = sync.OnceValue(func() *ecdsa.PrivateKey { return testkit.Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	ecKey2 = sync.OnceValue(func() *ecdsa.PrivateKey { return testkit.Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return testkit.Must(rsa.GenerateKey(rand.Reader, 2048)) })
)

// serverKeys returns the keys of the tests' server.
func serverKeys(t *testing.T) *KeySet {
	t.Helper()
	return HeldKeys([]*keys.Key{
		testkit.Must(keys.New(&ecKey().PublicKey, keys.Attributes{ID: "k-es"})),
		testkit.Must(keys.New(&rsaKey().PublicKey, keys.Attributes{ID: "k-rs"})),
	})
}

// HeldKeys returns the set of list, as if published under their IDs.
func HeldKeys(list []*keys.Key) *KeySet {
	s := newKeySet()
	for _, k := range list {
		s.add(k.ID(), k.VerifyingMaterial(), k.Source())
	}
	return s
}

// claims returns valid claims with changes applied; nil removes a claim.
func claims(changes map[string]any) map[string]any {
	c := map[string]any{"sub": "me", "exp": now.Unix() + 600, "permissions": []string{"default:write"}}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func segment(v any) string {
	text, isText := v.(string)
	if !isText {
		text = string(testkit.Must(json.Marshal(v)))
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// token signs header and claims, which may be invalid JSON texts, with SHA-256 whatever
// the header says.
func token(key crypto.Signer, header, claims any) string {
	input := segment(header) + "." + segment(claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(signature(key, input))
}

func signature(key crypto.Signer, input string) []byte {
	digest := sha256.Sum256([]byte(input))
	if k, isEC := key.(*ecdsa.PrivateKey); isEC {
		r, s, err := ecdsa.Sign(rand.Reader, k, digest[:])
		if err != nil {
			panic(err)
		}
		out := make([]byte, 64)
		r.FillBytes(out[:32])
		s.FillBytes(out[32:])
		return out
	}
	return testkit.Must(key.Sign(rand.Reader, digest[:], crypto.SHA256))
}

func es256(changes map[string]any) string {
	return token(ecKey(), map[string]any{"alg": "ES256", "kid": "k-es"}, claims(changes))
}

// explain explains a call of StartWorkflowExecution in namespace default.
func explain(t *testing.T, authorization string, change func(*Request)) Verdict {
	t.Helper()
	r := Request{Authorization: authorization, API: "StartWorkflowExecution", Namespace: "default", Keys: serverKeys(t), Now: now}
	if change != nil {
		change(&r)
	}
	v, err := Explain(r)
	if err != nil {
		t.Fatal(err)
	}
	checkVerdict(t, v)
	return v
}

// checkVerdict checks what holds for every verdict.
func checkVerdict(t *testing.T, v Verdict) {
	t.Helper()
	if (v.Allowed || v.Undecided != "") != (len(v.Faults) == 0) {
		t.Errorf("got allowed %v with the faults %v", v.Allowed, v.Faults)
	}
	if v.Allowed && v.Fix != "" {
		t.Errorf("got a fix although allowed: %s", v.Fix)
	}
	for _, f := range v.Faults {
		if fault.Lookup(f.Code).Class != fault.Refused || f.Reason == "" {
			t.Errorf("fault %+v: want a code that means refused, and a reason", f)
		}
	}
	if v.HeldRoles == nil || v.Faults == nil || v.Notes == nil {
		t.Error("a list is nil, which JSON writes as null")
	}
}

// found formats faults as "code", or "code: log" if the server logs them.
func found(v Verdict) []string {
	var list []string
	for _, f := range v.Faults {
		if f.Log != "" {
			list = append(list, fmt.Sprintf("%s: %s", f.Code, f.Log))
		} else {
			list = append(list, string(f.Code))
		}
	}
	return list
}

func noted(v Verdict, text string) bool {
	return slices.ContainsFunc(v.Notes, func(n string) bool { return strings.Contains(n, text) })
}

// TestTemporal4Audience: the audience is only checked if one is configured (section 4).
func TestTemporal4Audience(t *testing.T) {
	const mismatch = "audience_not_allowed: audience mismatch"
	for name, row := range map[string]struct {
		aud      any
		audience string
		want     []string
	}{
		"missing":           {audience: "temporal", want: []string{mismatch}},
		"other":             {aud: "x", audience: "temporal", want: []string{mismatch}},
		"empty":             {aud: "", audience: "temporal", want: []string{mismatch}},
		"string":            {aud: "temporal", audience: "temporal"},
		"array with it":     {aud: []any{"x", "temporal"}, audience: "temporal"},
		"array without":     {aud: []any{"x"}, audience: "temporal", want: []string{mismatch}},
		"array with others": {aud: []any{"temporal", 5}, audience: "temporal", want: []string{mismatch}},
		"blank means none":  {aud: "x", audience: " "},
	} {
		t.Run(name, func(t *testing.T) {
			v := explain(t, Header(es256(map[string]any{"aud": row.aud})), func(r *Request) { r.Audience = row.audience })
			if got := found(v); !slices.Equal(got, row.want) {
				t.Errorf("got faults %q, want %q", got, row.want)
			}
		})
	}
	t.Run("denial of a stream is logged", func(t *testing.T) {
		v := explain(t, Header(es256(nil)), func(r *Request) { r.API = "StreamWorkflowReplicationMessages" })
		if got := found(v); !slices.Equal(got, []string{"role_missing: Request unauthorized."}) {
			t.Errorf("faults %q", got)
		}
	})
}

// TestExplainAudienceByRelease: releases differ in what they check on streams, and none
// checks the audience of Nexus calls (temporal.md section 6).
func TestExplainAudienceByRelease(t *testing.T) {
	const stream, nexus = "StreamWorkflowReplicationMessages", "NexusService/DispatchByEndpoint"
	admin := Header(es256(map[string]any{"permissions": []string{"temporal-system:admin"}}))
	for _, row := range []struct {
		version, api, authorization string
		allowed                     bool
	}{
		{"1.32.2", stream, admin, false},
		{"1.32.1", stream, admin, false},
		{"1.31.5", stream, admin, true},
		{"1.31.4", stream, admin, true},
		{"1.31.4", stream, "", false},
		{"1.31.0", stream, "", true},
		{"1.31.0", stream, "nonsense", true},
		{"1.31.0", "StartWorkflowExecution", admin, false},
		{"1.30.9", stream, admin, true},
		{"1.30.8", stream, admin, true},
		{"1.30.8", nexus, admin, true},
		{"1.32.2", nexus, admin, true},
	} {
		v := explain(t, row.authorization, func(r *Request) {
			r.API, r.Audience, r.Release = row.api, "temporal", testkit.Must(ParseRelease(row.version))
		})
		if v.Allowed != row.allowed || v.ServerVersion != row.version {
			t.Errorf("%s %s: got %+v", row.version, row.api, v)
		}
	}
}

func TestTemporal4OpenAPIs(t *testing.T) {
	for _, api := range []string{"GetSystemInfo", "grpc.health.v1.Health/Check"} {
		for name, row := range map[string]struct {
			authorization string
			want          []string
		}{
			"no token":       {},
			"powerless":      {authorization: Header(es256(map[string]any{"permissions": nil}))},
			"bad token":      {authorization: Header(es256(map[string]any{"exp": 1})), want: []string{"token_expired: Token is expired"}},
			"no Bearer":      {authorization: "x", want: []string{"header_malformed: unexpected authorization token format", "token_malformed: token contains an invalid number of segments"}},
			"other audience": {authorization: Header(es256(nil))},
		} {
			t.Run(api+"/"+name, func(t *testing.T) {
				v := explain(t, row.authorization, func(r *Request) { r.API, r.Namespace = api, "" })
				if got := found(v); !slices.Equal(got, row.want) {
					t.Errorf("got faults %q, want %q", got, row.want)
				}
			})
		}
	}
}

// TestTemporal4NobodysAPIs: gRPC reflection and the other health methods are refused even
// to an admin.
func TestTemporal4NobodysAPIs(t *testing.T) {
	for _, api := range []string{"Health/Watch", "Health/List", "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"} {
		v := explain(t, Header(es256(map[string]any{"permissions": []string{"temporal-system:admin"}})), func(r *Request) { r.API = api })
		if v.Allowed || v.Faults[0].Code != fault.AccessDenied || v.Fix != "" {
			t.Errorf("%s: got %+v", api, v)
		}
	}
}

func TestExplainUnknownKeys(t *testing.T) {
	v := explain(t, Header(token(ecKey2(), map[string]any{"alg": "ES256", "kid": "nope"}, claims(nil))), func(r *Request) { r.Keys = nil })
	if !v.Allowed || !noted(v, "kid and signature were not checked") {
		t.Errorf("got %+v", v)
	}
}

// FuzzExplain looks for inputs that crash Explain or violate what holds for every
// verdict.
func FuzzExplain(f *testing.F) {
	good := es256(nil)
	for _, seed := range []string{"", "Bearer", "Bearer ..", "Bearer " + good, "bearer  " + good, "Bearer " + token(ecKey(), "null", "{\"permissions\":{}}")} {
		f.Add(seed, "StartWorkflowExecution", "default", "")
	}
	f.Fuzz(func(t *testing.T, authorization, api, namespace, audience string) {
		v, err := Explain(Request{Authorization: authorization, API: api, Namespace: namespace, Audience: audience, Now: now})
		if err != nil {
			if fault.CodeOf(err) != fault.UsageError {
				t.Fatal(err)
			}
			return
		}
		checkVerdict(t, v)
		_ = ParseAuthHeader(authorization)
	})
}
