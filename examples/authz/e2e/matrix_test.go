package e2e

import (
	"context"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/testkit/ports"
)

// newMatrix is a fixture with the policy of matrix.proto: keys of the issuer "far" are
// unavailable, and tokens of "shop" must be for the audience "shop".
func newMatrix(t *testing.T) (*fixture, *minter) {
	t.Helper()
	f := &fixture{upstream: newUpstream(t), ways: map[string]*way{}}
	dir := t.TempDir()
	f.key, f.other = filepath.Join(dir, "key.priv.pem"), filepath.Join(dir, "other.pem")
	run(t, "keygen", "-o", f.key)
	run(t, "keygen", "-o", f.other)
	set := filepath.Join(dir, "set.json") // keys with an ID, which tokens must name
	run(t, "jwks", "--key", f.key, "-o", set)
	config := write(t, "jwtctl.yaml", `
keys: [{issuer: shop, file: "`+set+`", audiences: [shop]}]
key_sets: [{issuer: far, jwks: "http://`+ports.Address(t)+`/jwks.json"}]
`)
	f.policy = []string{"--config", config, "--proto", "../matrix.proto"}
	f.proxy(t)
	return f, newMinter(t, f.key, f.token(t, f.key, "--iss", "shop", "--aud", "shop"))
}

// kinds are the kinds of calls, by the name of the method.
func kinds() map[string]*grpc.StreamDesc {
	return map[string]*grpc.StreamDesc{
		"Unary": {}, "Client": {ClientStreams: true}, "Server": {ServerStreams: true}, "Both": {ClientStreams: true, ServerStreams: true},
	}
}

// stream makes a call of any kind with one message, and returns its status.
func (w *way) stream(desc *grpc.StreamDesc, method string, md metadata.MD, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(context.Background(), md), limit)
	defer cancel()
	s, err := w.conn.NewStream(ctx, desc, method)
	if err != nil {
		return err
	}
	if err := s.SendMsg([]byte{}); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	for {
		var m []byte
		if err = s.RecvMsg(&m); errors.Is(err, io.EOF) || err == nil && !desc.ServerStreams {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// TestS59_NoPlanePassesABadToken: whatever is wrong with a token, and whatever the kind of
// call, the call is refused with the same code as by jwtctl proxy and the server sees
// nothing of it; the same calls with a valid token pass.
func TestS59_NoPlanePassesABadToken(t *testing.T) {
	f, mint := newMatrix(t)
	_, grpcAt, httpAt := f.authz(t)
	maps.Copy(f.ways, f.planes(t, grpcAt, httpAt))
	type over = map[string]any
	now := time.Now().Unix()
	good := mint.token(t, nil, nil)
	header, rest := cut(good)
	claims, signature := cut(rest)
	flipped := "A"
	if strings.HasPrefix(signature, "A") {
		flipped = "B"
	}
	rows := map[string]struct {
		service string
		token   string
		code    codes.Code
	}{
		"good":               {"Guarded", good, codes.OK},
		"valid, with a role": {"Role", mint.token(t, nil, over{"role": "admin"}), codes.OK},
		"none":               {"Guarded", "", codes.Unauthenticated},
		"malformed":          {"Guarded", "a.b.c", codes.Unauthenticated},
		"no signature":       {"Guarded", header + "." + claims + ".", codes.Unauthenticated},
		"two parts":          {"Guarded", header + "." + claims, codes.Unauthenticated},
		"wrong signature":    {"Guarded", header + "." + claims + "." + flipped + signature[1:], codes.Unauthenticated},
		"changed claims":     {"Guarded", header + "." + claims[:len(claims)-4] + "." + signature, codes.Unauthenticated},
		"expired":            {"Guarded", mint.token(t, nil, over{"exp": now - 3600}), codes.Unauthenticated},
		"not yet valid":      {"Guarded", mint.token(t, nil, over{"nbf": now + 3600}), codes.Unauthenticated},
		"unknown issuer":     {"Guarded", mint.token(t, nil, over{"iss": "elsewhere"}), codes.Unauthenticated},
		"no issuer":          {"Guarded", mint.token(t, nil, over{"iss": nil}), codes.Unauthenticated},
		"wrong audience":     {"Guarded", mint.token(t, nil, over{"aud": "stock"}), codes.Unauthenticated},
		"no audience":        {"Guarded", mint.token(t, nil, over{"aud": nil}), codes.Unauthenticated},
		"unknown kid":        {"Guarded", mint.token(t, over{"kid": "another"}, nil), codes.Unauthenticated},
		"the algorithm none": {"Guarded", mint.token(t, over{"alg": "none"}, nil), codes.Unauthenticated},
		"wrong algorithm":    {"Guarded", mint.token(t, over{"alg": "HS256"}, nil), codes.Unauthenticated},
		"unknown key":        {"Guarded", f.token(t, f.other, "--iss", "shop", "--aud", "shop"), codes.Unauthenticated},
		"wrong claim":        {"Role", mint.token(t, nil, over{"role": "user"}), codes.PermissionDenied},
		"missing claim":      {"Role", good, codes.PermissionDenied},
		"keys unavailable":   {"Far", mint.token(t, nil, over{"iss": "far", "aud": nil}), codes.Unavailable},
		"unknown method":     {"Missing", good, codes.Unimplemented},
	}
	for name, row := range rows {
		for kind, desc := range kinds() {
			method := "/matrix." + row.service + "/" + kind
			for plane, w := range f.ways {
				f.upstream.taken()
				md := metadata.MD{}
				if row.token != "" {
					md.Set("authorization", "Bearer "+row.token)
				}
				code := status.Code(w.stream(desc, method, md, patience/4))
				calls := len(f.upstream.taken())
				if code != row.code || (calls != 0) != (row.code == codes.OK) {
					t.Errorf("%s, %s through %s: got %v, and %d calls at the server", name, method, plane, code, calls)
				}
			}
		}
	}
}
