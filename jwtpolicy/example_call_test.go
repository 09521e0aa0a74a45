package jwtpolicy_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/jwtctl/jwtctl/jwtpolicy"
)

func ExampleOIDC() {
	keys := []jwtpolicy.Key{
		jwtpolicy.OIDC("https://idp.example.org", jwtpolicy.KeyOptions{Audiences: []string{"shop"}}),
		jwtpolicy.KeySet("https://partner.example.org/keys", jwtpolicy.KeyOptions{Issuer: "partner", RequireExpiry: true}),
		jwtpolicy.KeyFile("key.priv.pem", jwtpolicy.KeyOptions{Issuer: "shop"}),        // signs responses
		jwtpolicy.KeyBytes(newKey(), jwtpolicy.KeyOptions{ID: "test", Issuer: "test"}), // for tests
	}
	fmt.Println(keys)
	// Output: [https://idp.example.org https://partner.example.org/keys key.priv.pem key]
}

func ExampleLinked() {
	keys := []jwtpolicy.Key{jwtpolicy.OIDC("https://idp.example.org", jwtpolicy.KeyOptions{})}
	for _, source := range []jwtpolicy.Source{
		jwtpolicy.Linked(), // generated code of this program, which has no service here
		jwtpolicy.Registry(&protoregistry.Files{}),
		jwtpolicy.DescriptorSets("shop.binpb"), // from protoc -o or buf build -o
	} {
		_, err := jwtpolicy.New(context.Background(), source, keys, jwtpolicy.Options{})
		var e *jwtpolicy.Error
		if errors.As(err, &e) {
			fmt.Println(e.Code, e.Path)
		}
	}
	// Output:
	// descriptor_invalid descriptors
	// descriptor_invalid descriptors
	// descriptor_unreadable shop.binpb
}

func ExamplePolicy_VerifyBearer() {
	policy := shopPolicy(jwtpolicy.Options{})
	claims, err := policy.VerifyBearer(context.Background(), "shop.Shop/Buy", token(jwt.MapClaims{
		"iss": "accounts", "sub": "alice", "role": "customer", "groups": []string{"friends"},
	}))
	if err != nil {
		log.Fatal(err)
	}
	var groups []string
	fmt.Println(claims.Issuer(), claims.Subject(), claims.Audience(), claims.Expiry().IsZero(), claims.Has("role"), claims.All())
	fmt.Println(claims.Decode("groups", &groups), groups, string(claims.JSON("groups")))
	_, err = policy.VerifyBearer(context.Background(), "shop.Shop/Buy", token(jwt.MapClaims{"iss": "accounts", "role": "guest"}))
	fmt.Println(errors.Is(err, &jwtpolicy.Error{Code: "static_claim_mismatch"}))
	// Output:
	// accounts alice [] true true [groups iss role sub]
	// <nil> [friends] ["friends"]
	// true
}

// A transport of your own enforces a policy as packages grpcauth and connectauth do.
func ExamplePolicy_Call() {
	policy := shopPolicy(jwtpolicy.Options{})
	serve := func(ctx context.Context, path string, headers map[string]string, handler func(context.Context) error) error {
		var authorization []string // all values of the header
		if value, has := headers["authorization"]; has {
			authorization = append(authorization, value)
		}
		for key := range headers {
			if jwtpolicy.IsClaimKey(key) { // only the policy may set these
				delete(headers, key)
			}
		}
		if policy.Unguarded(path) {
			return handler(ctx)
		}
		call, err := policy.Call(ctx, path, authorization...)
		if err != nil {
			return err
		}
		defer call.Close()
		if call.RequiresBearer() {
			delete(headers, "authorization")
		}
		for key, value := range call.Metadata {
			headers[key] = value
		}
		if claims, has := call.Claims(); has && claims.Subject() != "" {
			ctx = call.Context(ctx)
		}
		var request proto.Message = call.NewRequest() // filled by the transport
		if err := call.Request(ctx, request); err != nil {
			return err
		}
		if call.OneRequest() {
			if err := call.End(ctx); err != nil {
				return err
			}
		}
		if err := handler(ctx); err != nil || !call.Signs() {
			return err
		}
		_, err = call.Response(ctx, nil) // the handler's response
		return err
	}
	headers := map[string]string{"authorization": "Bearer " + token(jwt.MapClaims{"iss": "accounts", "sub": "alice"}), "_kalix-jwt-claim-sub": "mallory"}
	err := serve(context.Background(), "/shop.Shop/Watch", headers, func(ctx context.Context) error {
		claims, _ := jwtpolicy.FromContext(ctx)
		fmt.Println(claims.Subject(), headers)
		return nil
	})
	fmt.Println(err)
	fmt.Println(serve(context.Background(), "/shop.Shop/Watch", map[string]string{}, nil))
	// Output:
	// alice map[_kalix-jwt-claim-iss:accounts _kalix-jwt-claim-sub:alice]
	// <nil>
	// bearer token: authorization: missing
}

// observer prints what it observes.
type observer struct{}

func (observer) Begin(method string) { fmt.Println("begin", method) }
func (observer) End(method string, refused *jwtpolicy.Error) {
	fmt.Println("end", method, refused != nil)
}
func (observer) WouldRefuse(method string, e *jwtpolicy.Error) {
	fmt.Println("would refuse", method, e.Code)
}
func (observer) Weakened(c jwtpolicy.Change) { fmt.Println("weaker:", c.Kind, c.Subject) }

// With ReportOnly, a service whose callers do not send tokens yet learns which calls
// would be refused.
func ExampleObserver() {
	policy := shopPolicy(jwtpolicy.Options{ReportOnly: true, Observer: observer{}})
	call, err := policy.Call(context.Background(), "/shop.Shop/Watch")
	if err != nil {
		log.Fatal(err)
	}
	call.Close()
	// Output:
	// begin shop.Shop/Watch
	// would refuse shop.Shop/Watch token_missing
	// end shop.Shop/Watch false
}
