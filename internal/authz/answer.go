package authz

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
)

// answer is the HTTP response for a refused client.
type answer struct {
	status  int
	headers []Header
	body    string
}

// answerTo returns the response for r. With the gRPC content type grpc, it is a 200 with
// the status in headers (PROTOCOL-HTTP2.md, Trailers-Only); if grpc is "", it is an HTTP
// error.
func answerTo(r *enforce.Refusal, grpc string) answer {
	code := strconv.Itoa(int(r.Status))
	headers := []Header{{"grpc-status", code}, {"grpc-message", r.Text}}
	if grpc != "" {
		return answer{http.StatusOK, append(headers, Header{"content-type", grpc}), ""}
	}
	status := httpStatus(r.Status)
	headers = append(headers, Header{"content-type", "text/plain; charset=utf-8"}, Header{"cache-control", "no-store"})
	if status == http.StatusUnauthorized {
		headers = append(headers, Header{"www-authenticate", challenge(r)})
	}
	return answer{status, headers, r.Text + "\n"}
}

// challenge returns the WWW-Authenticate value of RFC 6750 section 3, without an error if
// there was no token.
func challenge(r *enforce.Refusal) string {
	if r.Fault.Code == fault.TokenMissing {
		return "Bearer"
	}
	return `Bearer error="invalid_token", error_description="` + r.Text + `"`
}

// httpStatus returns the HTTP status for a gRPC status, as in google/rpc/code.proto.
func httpStatus(code fault.GRPC) int {
	switch code {
	case fault.GRPCInvalidArgument:
		return http.StatusBadRequest
	case fault.GRPCUnauthenticated:
		return http.StatusUnauthorized
	case fault.GRPCPermissionDenied:
		return http.StatusForbidden
	case fault.GRPCUnimplemented:
		return http.StatusNotFound
	case fault.GRPCResourceExhausted:
		return http.StatusRequestHeaderFieldsTooLarge
	case fault.GRPCUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// grpcType returns the content type in which to refuse the call with headers as gRPC: its
// own if that is one of gRPC, and "" otherwise. gRPC-Web also reads a status in headers.
func grpcType(headers []Header) string {
	for _, h := range headers {
		if h.Name == "content-type" && strings.HasPrefix(h.Value, "application/grpc") {
			kind, _, _ := strings.Cut(h.Value, ";")
			return strings.TrimRight(kind, " ")
		}
	}
	return ""
}

// isGRPC reports whether kind is a content type of gRPC over HTTP/2 (PROTOCOL-HTTP2.md,
// Content-Type). gRPC-Web has another.
func isGRPC(kind string) bool {
	rest, found := strings.CutPrefix(kind, "application/grpc")
	return found && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// headerValue returns the value of p on the wire, where gRPC's binary values are base64.
func headerValue(p enforce.Pair) string {
	if strings.HasSuffix(p.Key, "-bin") {
		return base64.RawStdEncoding.EncodeToString([]byte(p.Value))
	}
	return p.Value
}
