package proxy_test

import (
	"io"
	"net/http"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestProxyRelabelsNoResponse: the server's transport responds in the content type of the
// request, so a response in another one would be mislabeled. Such a call ends as
// INTERNAL; a status without messages passes, and so does protobuf by either name (S80).
func TestProxyRelabelsNoResponse(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		subtype, answer string
		code            codes.Code
	}{
		{"", "application/grpc", codes.OK},
		{"", "application/grpc+proto", codes.OK},
		{"", "application/grpc;charset=utf-8", codes.OK},
		{"proto", "application/grpc", codes.OK},
		{"json", "application/grpc+json", codes.OK},
		{"", "application/grpc+json", codes.Internal},
		{"json", "application/grpc", codes.Internal},
		{"json", "application/grpc+proto", codes.Internal},
		{"json", "application/grpc+jsonx", codes.Internal},
	} {
		for _, name := range []string{"Open", "OpenBidi"} {
			r := start(t, setup{dial: answering(t, row.answer)})
			var options []grpc.CallOption
			if row.subtype != "" {
				options = append(options, grpc.CallContentSubtype(row.subtype))
			}
			stream, err := r.conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/t.S/"+name, append(options, grpc.ForceCodecV2(bytesCodec{}))...)
			if err != nil {
				t.Fatal(err)
			}
			message := []byte("{}")
			if err := stream.SendMsg(&message); err != nil {
				t.Fatal(err)
			}
			_ = stream.CloseSend()
			var got []byte
			for err == nil {
				err = stream.RecvMsg(&got)
			}
			if err == io.EOF {
				err = nil
			}
			if status.Code(err) != row.code {
				t.Errorf("%s: %q, response in %q: got %v, want %s", name, row.subtype, row.answer, err, row.code)
			}
		}
	}
}

// answering starts an upstream that responds in that content type, and returns its
// address.
func answering(t *testing.T, kind string) string {
	t.Helper()
	s := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Trailer", "Grpc-Status")
		_, _ = w.Write([]byte{0, 0, 0, 0, 2, '{', '}'})
		w.Header().Set("Grpc-Status", "0")
	})}
	s.Protocols.SetUnencryptedHTTP2(true)
	l := testkit.Listen(t)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}
