package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"strings"
	"testing"

	auth "go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/namespace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// audienceCases are for a server with the audience "temporal" and the permissions in the
// claim "roles".
func audienceCases(e *explainer) []denialCase {
	with := func(changes map[string]any) string {
		return "Bearer " + e.ec.token(nil, goodClaims(changes))
	}
	roles := []string{"own:write", "temporal-system:admin"}
	const stream = "/temporal.server.api.adminservice.v1.AdminService/StreamWorkflowReplicationMessages"
	var cases []denialCase
	for name, header := range map[string]string{
		"no token":           "",
		"valid":              with(map[string]any{"roles": roles, "aud": "temporal"}),
		"array":              with(map[string]any{"roles": roles, "aud": []string{"x", "temporal"}}),
		"no audience":        with(map[string]any{"roles": roles}),
		"wrong audience":     with(map[string]any{"roles": roles, "aud": "x"}),
		"upper case":         with(map[string]any{"roles": roles, "aud": "Temporal"}),
		"empty":              with(map[string]any{"roles": roles, "aud": ""}),
		"empty array":        with(map[string]any{"roles": roles, "aud": []string{}}),
		"array of several":   with(map[string]any{"roles": roles, "aud": []any{"temporal", 5}}),
		"a number":           with(map[string]any{"roles": roles, "aud": 5}),
		"permissions only":   with(map[string]any{"aud": "temporal"}),
		"roles not an array": with(map[string]any{"roles": "own:write", "aud": "temporal"}),
		"no sub either":      with(map[string]any{"sub": nil, "roles": roles}),
	} {
		for _, api := range []string{startAPI, openAPI, stream} {
			cases = append(cases, denialCase{name: name + ", calls " + api, api: api, namespace: "own", authorization: header})
		}
	}
	return cases
}

// keyCases is one valid token of each key, and one with an empty kid.
func keyCases(e *explainer) []denialCase {
	c := goodClaims(nil)
	return []denialCase{
		{name: "ES256", api: startAPI, namespace: "own", authorization: "Bearer " + e.ec.token(nil, c)},
		{name: "RS256", api: startAPI, namespace: "own", authorization: "Bearer " + e.rsa.token(nil, c)},
		{name: "empty kid", api: startAPI, namespace: "own", authorization: "Bearer " + e.ec.token(map[string]any{"kid": ""}, c)},
	}
}

// keySets has the key sets in temporal.md section 5, and more.
func keySets(t *testing.T, e *explainer) map[string]string {
	t.Helper()
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(e.set, &set); err != nil {
		t.Fatal(err)
	}
	ec, rsa := set.Keys[0], set.Keys[1]
	foreign := newKey("ES256", e.ec.kid)
	jwks := func(list ...any) string {
		text, err := json.Marshal(map[string]any{"keys": list})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	but := func(jwk map[string]any, changes map[string]any) map[string]any {
		jwk = maps.Clone(jwk)
		maps.Copy(jwk, changes)
		maps.DeleteFunc(jwk, func(_ string, v any) bool { return v == nil })
		return jwk
	}
	text := jwks(ec, rsa)
	private, err := e.ec.private.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreignJWK := but(ec, coordinates(t, &foreign.private.(*ecdsa.PrivateKey).PublicKey))
	return map[string]string{
		"good": text, "trailing text": text + "garbage", "KEYS": strings.Replace(text, `"keys"`, `"KEYS"`, 1),
		"keys twice": strings.Replace(text, `"keys":`, `"keys":[],"keys":`, 1), "kty twice": strings.Replace(text, `"kty":`, `"kty":"EC","kty":`, 1),
		"alg, use and ops": jwks(but(ec, map[string]any{"alg": "ES384", "use": "enc", "key_ops": []string{"encrypt"}}), rsa),
		"next to Ed25519":  jwks(ec, map[string]any{"kty": "OKP", "crv": "Ed25519", "x": ec["x"], "kid": "ed"}), "next to X25519": jwks(ec, map[string]any{"kty": "OKP", "crv": "X25519", "x": ec["x"]}),
		"next to a secret": jwks(ec, map[string]any{"kty": "oct", "k": "AA"}), "next to unknown": jwks(ec, map[string]any{"kty": "X"}), "next to secp256k1": jwks(rsa, but(ec, map[string]any{"crv": "secp256k1"})),
		"private":     jwks(but(ec, map[string]any{"d": base64.RawURLEncoding.EncodeToString(private)}), rsa),
		"certificate": jwks(but(ec, map[string]any{"x5c": []string{certificate(t, e.ec)}}), rsa), "another key's certificate": jwks(but(ec, map[string]any{"x5c": []string{certificate(t, foreign)}}), rsa),
		"bad certificate": jwks(but(ec, map[string]any{"x5c": []string{"AAAA"}}), rsa), "bad thumbprint": jwks(but(ec, map[string]any{"x5t": "AAAA"}), rsa),
		"no kid": jwks(but(ec, map[string]any{"kid": nil}), rsa), "kid of another type": jwks(but(ec, map[string]any{"kid": 5}), rsa),
		"kid twice, valid last":  jwks(foreignJWK, ec),
		"kid twice, valid first": jwks(ec, foreignJWK),
		"one kid for two types":  jwks(ec, but(rsa, map[string]any{"kid": e.ec.kid})), "P-384": jwks(but(ec, coordinates(t, &p384.PublicKey))),
		"wrong length": jwks(but(ec, map[string]any{"x": "AAAA"}), rsa), "not on the curve": jwks(but(ec, map[string]any{"x": ec["y"]}), rsa), "no n": jwks(ec, but(rsa, map[string]any{"n": nil})), "n empty": jwks(ec, but(rsa, map[string]any{"n": ""})),
		"not a set": "{}", "null": "null", "error": `{"error":"x"}`, "single JWK": string(mustMarshal(t, ec)), "HTML": "<html>", "nothing": "", "array": "[" + text + "]", "null key": jwks(ec, nil),
	}
}

// coordinates returns what distinguishes the JWKs of two EC keys.
func coordinates(t *testing.T, k *ecdsa.PublicKey) map[string]any {
	t.Helper()
	point, err := k.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	size := len(point) / 2
	return map[string]any{
		"crv": k.Params().Name,
		"x":   base64.RawURLEncoding.EncodeToString(point[1 : 1+size]),
		"y":   base64.RawURLEncoding.EncodeToString(point[1+size:]),
	}
}

func mustMarshal(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func certificate(t *testing.T, k signingKey) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.private.Public(), k.private)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// interceptorAsker returns a function that runs a case only through the server's
// authorization, which reads the keys once.
func interceptorAsker(t *testing.T, jwksURL string) func(*testing.T, denialCase) answer {
	t.Helper()
	log := &recorder{}
	settings := &config.Authorization{Authorizer: "default", ClaimMapper: "default"}
	settings.JWTKeyProvider.KeySourceURIs = []string{jwksURL}
	mapper, err := auth.GetClaimMapperFromConfig(settings, log)
	if err != nil {
		t.Fatal(err)
	}
	i := newInterceptor(mapper, log)
	return func(_ *testing.T, c denialCase) answer {
		ctx := metadata.NewIncomingContext(context.Background(), metadata.Pairs("authorization", c.authorization))
		mark := log.mark()
		_, err := i.Intercept(ctx, inNamespace(c.namespace), &grpc.UnaryServerInfo{FullMethod: c.api}, func(context.Context, any) (any, error) { return nil, nil })
		return answer{err != nil, log.refusals(mark)}
	}
}

// inNamespace is a request with only a namespace.
type inNamespace string

func (n inNamespace) GetNamespace() string { return string(n) }

// anyNamespace knows every namespace; only metrics use it.
type anyNamespace struct{}

func (anyNamespace) Exists(namespace.Name) error { return nil }
