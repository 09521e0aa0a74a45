package claims

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// BenchmarkClaims measures the cost of a claim. The metric is that cost as a share of an
// ES256 signature check, which every token needs anyway.
func BenchmarkClaims(b *testing.B) {
	s := newSchema(b)
	signature := signatureCheck(b)
	for name, one := range map[string]struct {
		field protoreflect.FullName
		value string
	}{
		"string":  {"p3.All.string", `"alice@example.com"`},
		"int64":   {"p3.All.int64", `1893553445`},
		"list":    {"p3.All.strings", `["reader","writer","admin"]`},
		"message": {"p3.All.child", `{"name":"alice","big":"7","children":[{"name":"bob"}]}`},
	} {
		m, fd := s.value(b, one.field, one.value)
		v := m.Get(fd)
		text, err := s.codec.Value(fd, v)
		if err != nil {
			b.Fatal(err)
		}
		run := func(what string, f func() error) {
			b.Run(what+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := f(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(100*float64(b.Elapsed())/float64(b.N)/float64(signature), "%ES256")
			})
		}
		run("Equal", func() error { return s.codec.Equal(fd, v, text) })
		run("Value", func() error { _, err := s.codec.Value(fd, v); return err })
		if v, ok := v.Interface().(protoreflect.Message); ok {
			run("proto.Equal", func() error { proto.Equal(v.Interface(), v.New().Interface()); return nil })
		}
	}
}

// signatureCheck returns how long a bare P-256 signature check takes.
func signatureCheck(b *testing.B) time.Duration {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	hash := make([]byte, 32)
	sig, err := ecdsa.SignASN1(rand.Reader, key, hash)
	if err != nil {
		b.Fatal(err)
	}
	const times = 200
	begin := time.Now()
	for range times {
		if !ecdsa.VerifyASN1(&key.PublicKey, hash, sig) {
			b.Fatal("the signature does not verify")
		}
	}
	return time.Since(begin) / times
}
