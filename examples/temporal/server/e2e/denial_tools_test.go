package e2e

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// signingKey signs tokens that jwtctl itself would not make.
type signingKey struct {
	alg, kid string
	private  crypto.Signer
}

// signingKey makes a key file with jwtctl and reads it.
func (p place) signingKey(t *testing.T, bin programs, alg, file string) signingKey {
	t.Helper()
	kid := p.mustRun(t, bin.jwtctl, "keygen", "--alg", alg, "-o", file)
	text, err := os.ReadFile(filepath.Join(p.dir, file))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return signingKey{alg, kid[:len(kid)-1], private.(crypto.Signer)}
}

func newKey(alg, kid string) signingKey {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return signingKey{alg, kid, private}
}

// token signs claims under a header with changes; nil removes a member.
func (k signingKey) token(header map[string]any, c claims) string {
	all := map[string]any{"alg": k.alg, "kid": k.kid, "typ": "JWT"}
	maps.Copy(all, header)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return k.sign(all, c)
}

// sign signs header and payload, each a JSON text or a value to encode, with SHA-256
// whatever the header says.
func (k signingKey) sign(header, payload any) string {
	input := part(header) + "." + part(payload)
	digest := sha256.Sum256([]byte(input))
	if private, isEC := k.private.(*ecdsa.PrivateKey); isEC {
		r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
		if err != nil {
			panic(err)
		}
		signature := make([]byte, 64)
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
		return input + "." + base64.RawURLEncoding.EncodeToString(signature)
	}
	signature, err := k.private.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		panic(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func part(v any) string {
	text, isText := v.(string)
	if !isText {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		text = string(b)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// call calls any method by its descriptor, with only the namespace in the request.
func call(ctx context.Context, t *testing.T, conn *grpc.ClientConn, c denialCase) error {
	t.Helper()
	service, method := filepath.Split(c.api)
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service[1 : len(service)-1]))
	if err != nil {
		t.Fatal(err)
	}
	m := d.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(method))
	request, response := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
	if field := m.Input().Fields().ByName("namespace"); field != nil && field.Kind() == protoreflect.StringKind {
		request.Set(field, protoreflect.ValueOfString(c.namespace))
	}
	if !m.IsStreamingServer() {
		return conn.Invoke(ctx, c.api, request, response)
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, c.api)
	if err != nil {
		return err
	}
	_ = stream.SendMsg(request) // fails with io.EOF if the server was faster; the response has been received
	return stream.RecvMsg(response)
}
