package grpcauth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/grpcauth"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/jwtpolicy"
)

// unary returns a function that calls the method called name of policytest.CallSource
// through the unary interceptor, without gRPC. answer is what the handler returns.
func unary(tb testing.TB, w *policytest.World, name, token string, o jwtpolicy.Options, in, answer proto.Message) func() {
	interceptor := grpcauth.UnaryServerInterceptor(policyOf(tb, w, o))
	ctx, info := incoming(token), &grpc.UnaryServerInfo{FullMethod: "/t.S/" + name}
	handler := func(context.Context, any) (any, error) { return answer, nil }
	return func() {
		if _, err := interceptor(ctx, in, info, handler); err != nil {
			tb.Fatal(name, err)
		}
	}
}

// byHand passes claims to a handler as metadata: the minimum work of any interceptor.
func byHand(ctx context.Context) context.Context {
	md, _ := metadata.FromIncomingContext(ctx)
	delete(md, "authorization")
	for _, key := range []string{"iss", "sub", "role", "exp"} {
		md["_kalix-jwt-claim-"+key] = []string{"value"}
	}
	return context.WithValue(metadata.NewIncomingContext(ctx, md), claimsKey{}, md)
}

type claimsKey struct{}

// TestInterceptorsAllocate: an interceptor allocates nothing for a method without
// annotations and, for a token seen before, no more than it takes to pass the claims as
// metadata.
func TestInterceptorsAllocate(t *testing.T) {
	w := policytest.New(t, policytest.CallSource, policytest.Setup{})
	plain := dynamicpb.NewMessage(w.Set.Message("t.Plain"))
	open := unary(t, w, "Open", "", jwtpolicy.Options{}, plain, plain)
	if n := testing.AllocsPerRun(100, open); n != 0 {
		t.Errorf("a method without annotations: %v allocations, want 0", n)
	}
	token := w.Token(policytest.GoodClaims)
	seen, ctx := unary(t, w, "Who", token, jwtpolicy.Options{}, plain, plain), incoming(token)
	if n, most := testing.AllocsPerRun(100, seen), testing.AllocsPerRun(100, func() { byHand(ctx) }); n > most {
		t.Errorf("a known bearer token: %v allocations, and %v by hand", n, most)
	}
}

// BenchmarkInterceptor measures the unary interceptor for a method without annotations, a
// bearer token seen before, and a new bearer token. metadata is the cost of only passing
// the claims as metadata.
func BenchmarkInterceptor(b *testing.B) {
	w := policytest.New(b, policytest.CallSource, policytest.Setup{})
	plain, token := dynamicpb.NewMessage(w.Set.Message("t.Plain")), w.Token(policytest.GoodClaims)
	run := func(name, method, token string, o jwtpolicy.Options) {
		call := unary(b, w, method, token, o, plain, plain)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				call()
			}
		})
	}
	run("open", "Open", "", jwtpolicy.Options{})
	run("seen", "Who", token, jwtpolicy.Options{})
	run("new", "Who", token, jwtpolicy.Options{CachedTokens: -1})
	b.Run("metadata", func(b *testing.B) {
		ctx := incoming(token)
		b.ReportAllocs()
		for b.Loop() {
			byHand(ctx)
		}
	})
}

// BenchmarkBare compares the interceptor with the bare hash and signature (ES256) for a
// new bearer token, a message, and a response. ratio is the interceptor's time divided by
// the bare time; the targets are 1.15, 1.15 and 1.25. seen compares a bearer token seen
// before with passing the claims as metadata by hand; the target is 3 µs.
func BenchmarkBare(b *testing.B) {
	w := policytest.New(b, policytest.CallSource, policytest.Setup{})
	plain := dynamicpb.NewMessage(w.Set.Message("t.Plain"))
	_, message := w.Message("Signed", `{"user":"bob","tok":"`+w.Token(policytest.SignedClaims)+`"}`)
	_, answer := w.Message("Signed", `{"user":"bob"}`)
	token := w.Token(policytest.GoodClaims)
	verify, sign := bare(b, w, token)
	b.Run("bearer", func(b *testing.B) {
		inTurns(b, unary(b, w, "Who", token, jwtpolicy.Options{CachedTokens: -1}, plain, plain), verify)
	})
	b.Run("seen", func(b *testing.B) {
		ctx := incoming(token)
		inTurns(b, unary(b, w, "Who", token, jwtpolicy.Options{}, plain, plain), func() { byHand(ctx) })
	})
	b.Run("message", func(b *testing.B) {
		inTurns(b, unary(b, w, "Check", "", jwtpolicy.Options{}, message.Interface(), plain), verify)
	})
	b.Run("response", func(b *testing.B) {
		inTurns(b, unary(b, w, "Sign", "", jwtpolicy.Options{}, plain, answer.Interface()), sign)
	})
}

// bare returns functions that verify and make only the hash and signature of token.
func bare(tb testing.TB, w *policytest.World, token string) (verify, sign func()) {
	i := strings.LastIndexByte(token, '.')
	signed := []byte(token[:i])
	signature, err := base64.RawURLEncoding.DecodeString(token[i+1:])
	key, is := w.Key.SigningMaterial().(*ecdsa.PrivateKey)
	if err != nil || !is {
		tb.Fatal(err, is)
	}
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	verify = func() {
		if digest := sha256.Sum256(signed); !ecdsa.Verify(&key.PublicKey, digest[:], r, s) {
			tb.Fatal("refused")
		}
	}
	return verify, func() {
		digest := sha256.Sum256(signed)
		if _, _, err := ecdsa.Sign(rand.Reader, key, digest[:]); err != nil {
			tb.Fatal(err)
		}
	}
}

// inTurns runs ours and bare in turns and compares the medians, which load on the machine
// distorts least.
func inTurns(b *testing.B, ours, bare func()) {
	var times, bareTimes []time.Duration
	for b.Loop() {
		start := time.Now()
		ours()
		middle := time.Now()
		bare()
		times, bareTimes = append(times, middle.Sub(start)), append(bareTimes, time.Since(middle))
	}
	slices.Sort(times)
	slices.Sort(bareTimes)
	median, bareMedian := float64(times[len(times)/2]), float64(bareTimes[len(times)/2])
	b.ReportMetric(median, "ns/op")
	b.ReportMetric(bareMedian, "bare-ns/op")
	b.ReportMetric(median/bareMedian, "ratio")
}
