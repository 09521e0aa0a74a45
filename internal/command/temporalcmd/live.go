package temporalcmd

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/jwtctl/jwtctl/internal/doctor"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

// callTimeout limits one call to a running server
const callTimeout = 5 * time.Second

// frontend is a running server.
type frontend struct {
	address string
	conn    *grpc.ClientConn
	timeout time.Duration // of a call
}

func dial(address string, secure bool) (*frontend, error) {
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" { // gRPC would use port 443
		return nil, fault.New(fault.UsageError, "--address", "%s is not host:port", quote.URL(address)).WithHint("the frontend's gRPC port is usually 7233")
	}
	transport := insecure.NewCredentials()
	if secure {
		transport = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(transport), grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{}), grpc.MaxCallRecvMsgSize(4<<20)))
	if err != nil {
		return nil, fault.New(fault.UsageError, "--address", "%w", err)
	}
	return &frontend{address, conn, callTimeout}, nil
}

func (f *frontend) close() { _ = f.conn.Close() }

// rawCodec passes messages as encoded bytes.
type rawCodec struct{}

func (rawCodec) Name() string                  { return "proto" }
func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}

// invoke calls a method with a header, or without one if it is "".
func (f *frontend) invoke(ctx context.Context, method, header, value string, request []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	if value != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, header, value)
	}
	var response []byte
	err := f.conn.Invoke(ctx, method, &request, &response)
	return response, err
}

// version returns the release that the server reports, or "".
func (f *frontend) version(ctx context.Context) string {
	response, err := f.invoke(ctx, "/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo", "", "", nil)
	if err != nil {
		return ""
	}
	version := textField(response, 1) // GetSystemInfoResponse.server_version
	if _, err := temporal.ParseRelease(version); err != nil {
		return ""
	}
	return version
}

// textField returns a field of a message, or "".
func textField(message []byte, number protowire.Number) string {
	for len(message) > 0 {
		n, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return ""
		}
		message = message[size:]
		if n == number && kind == protowire.BytesType {
			text, size := protowire.ConsumeString(message)
			if size < 0 {
				return ""
			}
			return text
		}
		if size = protowire.ConsumeFieldValue(n, kind, message); size < 0 {
			return ""
		}
		message = message[size:]
	}
	return ""
}

// probe calls every probe without a token, and also with it if there is one that clients
// send.
func (f *frontend) probe(ctx context.Context, r temporal.Request, sent temporal.AuthHeader) ([]doctor.Answer, error) {
	var answers []doctor.Answer
	for _, api := range doctor.Probes() {
		for _, withToken := range []bool{false, true} {
			if withToken && (sent.Value == "" || !sent.Sendable()) {
				continue
			}
			r.API, r.Authorization, r.SentIn = api, "", ""
			if withToken {
				r.Authorization, r.SentIn = sent.Value, sent.Name
			}
			expected, err := temporal.Explain(r)
			if err != nil {
				return nil, err
			}
			denied, err := f.denies(ctx, r)
			if err != nil {
				return nil, err
			}
			answers = append(answers, doctor.Answer{Address: f.address, WithToken: withToken, Denied: denied, Expected: expected})
		}
	}
	return answers, nil
}

// denies reports whether the server's authorizer denies the call. Any other response
// means that it was allowed, except those that say nothing about it.
func (f *frontend) denies(ctx context.Context, r temporal.Request) (bool, error) {
	var request []byte
	if api, _, err := r.Release.FindAPI(r.API); err == nil && api.Scope == temporal.ScopeNamespace {
		request = protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), r.Namespace) // DescribeNamespaceRequest.namespace
	}
	_, err := f.invoke(ctx, r.API, cmp.Or(r.SentIn, r.HeaderName, temporal.DefaultHeader), r.Authorization, request)
	s := status.Convert(err)
	switch s.Code() {
	case codes.PermissionDenied:
		return true, nil
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return false, fault.New(fault.FileFailed, f.address, "the server does not answer: %s", s.Message()).WithHint("use the gRPC port of the frontend, such as 7233; add --tls if it uses TLS")
	case codes.Unimplemented, codes.Internal, codes.Unauthenticated:
		return false, fault.New(fault.FileFailed, f.address, "does not answer like a Temporal server: %s", s.Message()).WithHint("use the gRPC port of the frontend, such as 7233")
	}
	return false, nil
}
