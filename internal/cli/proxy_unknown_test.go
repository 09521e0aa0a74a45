package cli

import (
	"context"
	"path/filepath"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestA38_ProxyRefusesUnknownFields: a field that the type does not declare is forwarded,
// unless --refuse-unknown-fields is set.
func TestA38_ProxyRefusesUnknownFields(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testkit.File(t, filepath.Join(dir, "proto", "s.proto"), `syntax = "proto3"; package t; import "kalix/annotations.proto";
message Mine { option (kalix.message).jwt = {validate_bearer_token: true}; string sub = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }
service S { rpc Check(Mine) returns (Mine) { option (kalix.method).jwt = {validate: BEARER_TOKEN, validate: MESSAGE}; } }`)
	sign := makeKey(t, filepath.Join(dir, "key.jwk"))
	for flag, want := range map[string]codes.Code{"--refuse-unknown-fields=false": codes.OK, "--refuse-unknown-fields": codes.InvalidArgument} {
		u := startEcho(t)
		r := startProxy(t, t.TempDir(), u.addr, flag, "--proto", filepath.Join(dir, "proto"), "--key", filepath.Join(dir, "key.jwk"))
		in := wrapperspb.String("alice")
		in.ProtoReflect().SetUnknown([]byte{0xc0, 0x3e, 1}) // field 1000
		ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+sign(`{"sub":"alice"}`))
		var out wrapperspb.StringValue
		if err := r.conn.Invoke(ctx, path("S/Check"), in, &out); status.Code(err) != want || (u.calls.Load() == 1) != (want == codes.OK) {
			t.Errorf("%s: %v, %d calls", flag, err, u.calls.Load())
		}
		if want == codes.OK && len(out.ProtoReflect().GetUnknown()) == 0 {
			t.Errorf("%s: the field was dropped", flag)
		}
		r.stop(0)
	}
}
