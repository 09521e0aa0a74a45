package verify_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

const benchSchema = `
message M {
  string tok = 1 [(kalix.field).jwt = {token: true issuer: "https://issuer.example" expires_seconds: 300}];
  string user = 2 [(kalix.field).jwt = {claim: EXTRACT name: "sub"}];
  int64 account = 3 [(kalix.field).jwt = {claim: INCLUDE}];
  repeated string roles = 4 [(kalix.field).jwt = {claim: INCLUDE}];
  string note = 5;
  repeated M ms = 6 [(kalix.field).jwt = {token: true}];
}`

const benchMessage = `{"user":"alice","account":"12345","roles":["reader","writer"],"note":"nothing of it is signed"}`

func benchWorld(b *testing.B, alg keys.Algorithm) (*policytest.World, *dynamicpb.Message) {
	w := policytest.New(b, benchSchema, policytest.Setup{Keys: []*keys.Key{policytest.Key(b, alg, keys.Attributes{ID: "bench-key"})}})
	m, err := w.Sign("M", benchMessage, nil)
	if err != nil {
		b.Fatal(err)
	}
	return w, m
}

// BenchmarkMessage compares a whole validation, from ProtoJSON on, with the bare hash and
// signature check. ratio is the bare time divided by ours: 1 means no overhead. Targets:
// ES256 0.90, RS256 0.80.
func BenchmarkMessage(b *testing.B) {
	for _, alg := range []keys.Algorithm{keys.ES256, keys.RS256} {
		b.Run(string(alg), func(b *testing.B) {
			w, m := benchWorld(b, alg)
			in, desc := []byte(w.JSON(m)), m.Descriptor()
			p, _ := w.Message("M", `{}`)
			compare(b, func() bool {
				m, err := w.Codec.Read(in, desc)
				if err == nil {
					_, err = w.Verifier.Message(context.Background(), p, m, nil)
				}
				return err == nil
			}, bareVerify(b, w.Key, m.Get(p.Token.Field).String()))
		})
	}
}

// BenchmarkSign compares signing a message with the bare hash and signature. Target:
// 0.80.
func BenchmarkSign(b *testing.B) {
	for _, alg := range []keys.Algorithm{keys.ES256, keys.RS256} {
		b.Run(string(alg), func(b *testing.B) {
			w, signed := benchWorld(b, alg)
			p, m := w.Message("M", benchMessage)
			input := signed.Get(p.Token.Field).String()
			compare(b, func() bool {
				_, err := w.Signer.Message(p, m, nil)
				return err == nil
			}, bareSign(w.Key, input[:strings.LastIndexByte(input, '.')]))
		})
	}
}

// BenchmarkTokens: the time is proportional to the number of tokens: us/token stays
// constant.
func BenchmarkTokens(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, one := benchWorld(b, keys.ES256)
			p, m := w.Message("M", `{}`)
			proto.Merge(m, one)
			list := m.Mutable(p.Desc.Fields().ByName("ms")).List()
			for range n - 1 {
				element := list.AppendMutable().Message().Interface()
				proto.Merge(element, one)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.Verifier.Message(context.Background(), p, m, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "us/token")
		})
	}
}

// compare runs ours and bare in turns. ratio compares the medians, which load on the
// machine distorts least.
func compare(b *testing.B, ours, bare func() bool) {
	b.ReportAllocs()
	var oursTimes, bareTimes []time.Duration
	for b.Loop() {
		start := time.Now()
		ok := ours()
		middle := time.Now()
		if !bare() || !ok {
			b.Fatal("refused")
		}
		oursTimes = append(oursTimes, middle.Sub(start))
		bareTimes = append(bareTimes, time.Since(middle))
	}
	slices.Sort(oursTimes)
	slices.Sort(bareTimes)
	median, bareMedian := float64(oursTimes[len(oursTimes)/2]), float64(bareTimes[len(bareTimes)/2])
	b.ReportMetric(median, "ns/op")
	b.ReportMetric(bareMedian, "bare-ns/op")
	b.ReportMetric(bareMedian/median, "ratio")
}

func bareVerify(b *testing.B, key *keys.Key, token string) func() bool {
	i := strings.LastIndexByte(token, '.')
	signed := []byte(token[:i])
	signature, err := base64.RawURLEncoding.DecodeString(token[i+1:])
	if err != nil {
		b.Fatal(err)
	}
	switch k := key.VerifyingMaterial().(type) {
	case *ecdsa.PublicKey:
		der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])})
		if err != nil {
			b.Fatal(err)
		}
		return func() bool { digest := sha256.Sum256(signed); return ecdsa.VerifyASN1(k, digest[:], der) }
	case *rsa.PublicKey:
		return func() bool {
			digest := sha256.Sum256(signed)
			return rsa.VerifyPKCS1v15(k, crypto.SHA256, digest[:], signature) == nil
		}
	}
	b.Fatal(key)
	return nil
}

func bareSign(key *keys.Key, input string) func() bool {
	signed := []byte(input)
	return func() bool {
		digest := sha256.Sum256(signed)
		switch k := key.SigningMaterial().(type) {
		case *ecdsa.PrivateKey:
			_, err := ecdsa.SignASN1(rand.Reader, k, digest[:])
			return err == nil
		case *rsa.PrivateKey:
			_, err := rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, digest[:])
			return err == nil
		}
		return false
	}
}
