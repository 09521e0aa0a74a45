package protofile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/vendortest"
)

// TestA1_NewestVendorSchema: we declare everything about JWTs in the vendor's newest
// files, which have annotations of services and static claims, with the same names,
// numbers and types, and nothing else about JWTs.
func TestA1_NewestVendorSchema(t *testing.T) {
	ours := declared(load(t, Sources{ImportPaths: []string{own}, Protos: []string{own + "/kalix"}}))
	theirs := declared(load(t, Sources{Protos: []string{vendortest.Newest(t)}}))
	var about, differ []string
	for name := range theirs {
		if strings.Contains(name, "Jwt") || strings.HasSuffix(name, ".jwt") {
			about = append(about, name)
		}
	}
	if len(about) < 35 {
		t.Fatalf("only %d declarations are about JWTs", len(about))
	}
	for name := range ours {
		if _, is := theirs[name]; !is && (strings.Contains(name, "Jwt") || strings.HasSuffix(name, ".jwt")) {
			about = append(about, name)
		}
	}
	slices.Sort(about)
	for _, name := range about {
		if ours[name] != theirs[name] {
			differ = append(differ, name+": ours "+ours[name]+", the vendor's "+theirs[name])
		}
	}
	if len(differ) > 0 {
		t.Errorf("got %s", strings.Join(differ, "\n"))
	}
}

// newestOptions uses options that only the vendor's newest files have, next to
// annotations: options that are not about JWTs may be anything (A3).
const newestOptions = `syntax = "proto3";
package newest;
import "kalix/annotations.proto";
service Carts {
  option (kalix.codegen) = {value_entity: {name: "c" type_id: "cart" state: "Cart"}};
  option (kalix.service).jwt = {validate: BEARER_TOKEN bearer_token_issuer: "i" static_claim: {claim: "r" pattern: "a|b"}};
  rpc Add(Cart) returns (Cart) {
    option (kalix.method).trigger.on = STARTUP;
    option (kalix.method).jwt = {validate: BEARER_TOKEN validate: MESSAGE};
  }
}
message Cart {
  string id = 1 [(kalix.field).id = true];
  string token = 2 [(kalix.field).jwt = {token: true static_claim: {claim: "k" value: "v"}}];
}
`

// TestA3_NewestOptions: a source with the vendor's newest options has the same
// annotations with the vendor's files on the import path, and with ours.
func TestA3_NewestOptions(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "newest.proto")
	if err := os.WriteFile(path, []byte(newestOptions), 0o600); err != nil {
		t.Fatal(err)
	}
	read := func(paths ...string) (list []string) {
		set := load(t, Sources{ImportPaths: append([]string{dir}, paths...), Protos: []string{path}})
		add := func(a *descset.Annotation) {
			if a == nil {
				t.Fatal("no annotation")
			}
			list = append(list, a.Position().String()+" "+a.Option)
		}
		add(set.Annotation(set.Service("newest.Carts")))
		add(set.Annotation(set.Method("newest.Carts/Add")))
		add(set.Annotation(set.Message("newest.Cart").Fields().ByName("token")))
		return list
	}
	if ours, theirs := read(), read(vendortest.Newest(t)); !slices.Equal(ours, theirs) {
		t.Errorf("got %q, the vendor has %q", ours, theirs)
	}
}
