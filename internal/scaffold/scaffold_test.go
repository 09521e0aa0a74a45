package scaffold

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/protofile"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

const annotatedProto = `syntax = "proto3";
package shop.v1;
import "kalix/annotations.proto";
service Orders { rpc Place(Order) returns (Order) { option (kalix.method).jwt = {validate: BEARER_TOKEN bearer_token_issuer: ["b", "a", "${WHO}"]}; } }
message Order { string token = 1 [(kalix.field).jwt = {token: true issuer: "a"}]; string user = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }
`

// TestLook finds the sources and the folder that their imports start from, so that they
// compile from there.
func TestLook(t *testing.T) {
	t.Parallel()
	user := strings.Replace(annotatedProto, "import", "import \"shop/v1/money.proto\";\nimport", 1)
	const money = "syntax = \"proto3\";\npackage shop.v1;\nmessage Money {}\n"
	for name, c := range map[string]struct {
		files         map[string]string
		paths, protos string
	}{
		"by package":                  {map[string]string{"proto/shop/v1/orders.proto": annotatedProto}, "proto", "proto/**/*.proto"},
		"package at the top":          {map[string]string{"shop/v1/orders.proto": annotatedProto}, ".", "shop/**/*.proto"},
		"separate folder":             {map[string]string{"api/orders.proto": annotatedProto}, "api", "api/**/*.proto"},
		"in the folder itself":        {map[string]string{"orders.proto": annotatedProto}, ".", "*.proto"},
		"imports from another folder": {map[string]string{"proto/shop/v1/orders.proto": user, "third_party/shop/v1/money.proto": money}, "proto third_party", "proto/**/*.proto"},
		"imported by others":          {map[string]string{"a/b/orders.proto": annotatedProto, "a/x.proto": "syntax = \"proto3\";\nimport 'b/orders.proto';"}, "a", "a/**/*.proto"},
		"none annotated":              {map[string]string{"a.proto": money}, "", ""},
		"hidden and vendored":         {map[string]string{".x/a.proto": annotatedProto, "node_modules/a.proto": annotatedProto}, "", ""},
		"copy of the options":         {map[string]string{"proto/shop/v1/orders.proto": annotatedProto, "vendor/kalix/annotations.proto": schemaText(t, "annotations"), "vendor/kalix/jwt.proto": schemaText(t, "jwt")}, "proto vendor", "proto/**/*.proto"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := Scan(context.Background(), testkit.Folder(t, c.files))
			if err != nil || found.Faulty != nil {
				t.Fatal(err, found.Faulty)
			}
			if got := strings.Join(found.ProtoPaths, " "); got != c.paths {
				t.Errorf("proto_paths %q, want %q", got, c.paths)
			}
			if got := strings.Join(found.Protos, " "); got != c.protos {
				t.Errorf("protos %q, want %q", got, c.protos)
			}
			if len(c.protos) > 0 && (strings.Join(found.Issuers, " ") != "a b" || !slices.Equal(found.Methods, []string{"shop.v1.Orders/Place"}) || !slices.Equal(found.Types, []string{"shop.v1.Order"})) {
				t.Errorf("issuers %v, methods %v, types %v", found.Issuers, found.Methods, found.Types)
			}
		})
	}
}

// schemaText returns a file of the schema as a user may have it.
func schemaText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../descset/kalix/" + name + ".proto")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLook_Faulty: sources that do not compile are found, and reported as faulty.
func TestLook_Faulty(t *testing.T) {
	t.Parallel()
	found, err := Scan(context.Background(), testkit.Folder(t, map[string]string{"a/x.proto": annotatedProto + "message {"}))
	if err != nil || found.Faulty == nil || !strings.Contains(found.Faulty.Error(), "x.proto") || len(found.Protos) != 1 {
		t.Errorf("%v %+v", err, found)
	}
	if _, err := Scan(context.Background(), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("want no results for a missing folder")
	}
}

// TestLook_Sets: a descriptor set counts if it has annotations.
func TestLook_Sets(t *testing.T) {
	t.Parallel()
	dir := testkit.Folder(t, map[string]string{"shop/v1/orders.proto": annotatedProto})
	set, err := protofile.Load(context.Background(), protofile.Sources{Protos: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	all, plain := &descriptorpb.FileDescriptorSet{}, &descriptorpb.FileDescriptorSet{}
	for _, f := range set.Files() {
		one := protodesc.ToFileDescriptorProto(f.Descriptor)
		all.File = append(all.File, one)
		if strings.HasPrefix(one.GetName(), "google/") {
			plain.File = append(plain.File, one)
		}
	}
	marshal := func(m proto.Message) string {
		text, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	found, err := Scan(context.Background(), testkit.Folder(t, map[string]string{
		"build/api.binpb": marshal(all), "build/other.binpb": marshal(plain), "build/junk.pb": "junk",
	}))
	if err != nil || !slices.Equal(found.Sets, []string{"build/api.binpb"}) || !slices.Equal(found.Types, []string{"shop.v1.Order"}) {
		t.Errorf("%v: got %+v", err, found)
	}
}

// TestLook_Keys: keys that sign come first, the public half of one of them is not a
// separate key, and a file with several keys is a set.
func TestLook_Keys(t *testing.T) {
	t.Parallel()
	encode := func(k *keys.Key, f keygen.Format) string {
		text, err := keygen.Encode(k, f)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	made := func() *keys.Key {
		k, err := keygen.Generate(keygen.Request{Algorithm: keys.ES256})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	half := func(k *keys.Key) *keys.Key {
		p, err := k.Public()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	own, partner := made(), made()
	set := `{"keys":[` + encode(half(own), keygen.JWK) + "," + encode(half(partner), keygen.JWK) + `]}`
	found, err := Scan(context.Background(), testkit.Folder(t, map[string]string{
		"a.pub.pem": encode(half(own), keygen.PEM), "b.pub.jwk": encode(half(partner), keygen.JWK), "key.priv.pem": encode(own, keygen.PEM),
		"jwks.json": set, "package.json": set, "broken.pem": "-----BEGIN", "ca.pem": "-----BEGIN CERTIFICATE-----\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := []Key{{"key.priv.pem", own.ID(), keys.ES256, true}, {"b.pub.jwk", partner.ID(), keys.ES256, false}}
	if !slices.Equal(found.Keys, want) || !slices.Equal(found.KeySets, []string{"jwks.json"}) {
		t.Errorf("got keys %+v, want %+v; sets %v", found.Keys, want, found.KeySets)
	}
}
