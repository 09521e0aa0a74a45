package proxy_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"google.golang.org/grpc"
)

// TestS50_DeepMessagesAreRefused: a message that nests deeper than ProtoJSON permits is refused before
// anything walks it: encoding it costs its size times its depth.
func TestS50_DeepMessagesAreRefused(t *testing.T) {
	t.Parallel()
	r := start(t, setup{source: `
message Deep { string tok = 1 [(kalix.field).jwt = {token: true}]; Deep deep = 2; bytes blob = 3; }
service S { rpc Check(Deep) returns (Deep) { option (kalix.method).jwt = {validate: MESSAGE}; } }`})
	nested := func(depth, size int) []byte {
		wire := protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), make([]byte, size))
		for range depth - 1 {
			wire = protowire.AppendBytes(protowire.AppendTag(make([]byte, 0, len(wire)+8), 2, protowire.BytesType), wire)
		}
		return append(protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), r.Token(`{}`)), wire...)
	}
	for name, c := range map[string]struct {
		request []byte
		want    codes.Code
	}{
		"within":   {nested(100, 1000), codes.OK},
		"too deep": {nested(101, 1000), codes.InvalidArgument},
		"deeper":   {nested(1000, 64<<10), codes.InvalidArgument},
	} {
		begun := time.Now()
		err := r.invoke("/t.S/Check", &c.request, new([]byte), grpc.ForceCodecV2(bytesCodec{}))
		if status.Code(err) != c.want {
			t.Errorf("%s: %v after %s", name, err, time.Since(begun))
		}
	}
}
