package jwtpolicy_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"log/slog"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/protofile"
	"github.com/jwtctl/jwtctl/jwtpolicy"
	"github.com/jwtctl/jwtctl/jwtpolicy/protosource"
)

const shopProto = "../examples/inprocess/shop/shop.proto"

// newKey returns a private key as jwtctl keygen would write it.
func newKey() []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		log.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// shopKey verifies and signs under the policy of shopPolicy.
var shopKey = newKey()

// shopPolicy loads the policy of the example. A service with generated code uses
// jwtpolicy.Linked() instead of protosource.Files.
func shopPolicy(o jwtpolicy.Options) *jwtpolicy.Policy {
	o.Log = slog.New(slog.DiscardHandler)
	policy, err := jwtpolicy.New(context.Background(), protosource.Files(nil, shopProto),
		[]jwtpolicy.Key{jwtpolicy.KeyBytes(shopKey, jwtpolicy.KeyOptions{ID: "shop"})}, o)
	if err != nil {
		log.Fatal(err)
	}
	return policy
}

// token returns a token as an identity provider would issue it.
func token(claims jwt.MapClaims) string {
	key, err := jwt.ParseECPrivateKeyFromPEM(shopKey)
	if err != nil {
		log.Fatal(err)
	}
	t := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	t.Header["kid"] = "shop"
	text, err := t.SignedString(key)
	if err != nil {
		log.Fatal(err)
	}
	return text
}

func ExampleNew() {
	policy := shopPolicy(jwtpolicy.Options{})
	// Packages grpcauth and connectauth make this call for you.
	_, err := policy.Call(context.Background(), "/shop.Shop/Buy")
	var refused *jwtpolicy.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Code, refused.Status, refused.Message)
	}
	// Output: token_missing 16 Bearer token expected
}

func ExamplePolicy_SignMessage() {
	policy := shopPolicy(jwtpolicy.Options{})
	set, err := protofile.Load(context.Background(), protofile.Sources{Protos: []string{shopProto}})
	if err != nil {
		log.Fatal(err)
	}
	desc := set.Message("shop.Receipt") // with generated code: &shop.Receipt{Item: "tea"}
	receipt := dynamicpb.NewMessage(desc)
	receipt.Set(desc.Fields().ByName("item"), valueOf("tea"))
	if err := policy.SignMessage(receipt, jwtpolicy.Claims{}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(policy.VerifyMessage(context.Background(), receipt, jwtpolicy.Claims{}))
	receipt.Set(desc.Fields().ByName("item"), valueOf("gold"))
	fmt.Println(errors.Is(policy.VerifyMessage(context.Background(), receipt, jwtpolicy.Claims{}), &jwtpolicy.Error{Code: "claim_mismatch"}))
	// Output:
	// <nil>
	// true
}

func ExamplePolicy_Reload() {
	policy := shopPolicy(jwtpolicy.Options{RefuseWeaker: true})
	keys := []jwtpolicy.Key{jwtpolicy.KeyBytes(newKey(), jwtpolicy.KeyOptions{Issuer: "accounts"})}
	if err := policy.Reload(context.Background(), protosource.Files(nil, shopProto), keys); err != nil {
		log.Print(err) // the old policy and keys remain in force
	}
	fmt.Println(policy.Reload(context.Background(), jwtpolicy.DescriptorSets("none.binpb"), keys) != nil)
	// Output: true
}

func ExampleFromContext() {
	handler := func(ctx context.Context) string {
		claims, ok := jwtpolicy.FromContext(ctx)
		if !ok {
			return "no token is required"
		}
		var groups []string
		if err := claims.Decode("groups", &groups); err != nil {
			return err.Error()
		}
		return claims.Subject()
	}
	fmt.Println(handler(context.Background()))
	// Output: no token is required
}
