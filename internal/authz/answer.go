package authz

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
)

// answer is how a client is refused over HTTP.
type answer struct {
	status  int
	headers []Header
	body    string
}

// answerTo returns the answer for r: one of gRPC with the content type grpc, that is
// 200 with the status in headers (PROTOCOL-HTTP2.md, Trailers-Only), and one of HTTP
// where grpc is "".
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

// challenge is the WWW-Authenticate of RFC 6750, section 3: without an error where no
// token came.
func challenge(r *enforce.Refusal) string {
	if r.Fault.Code == fault.TokenMissing {
		return "Bearer"
	}
	return `Bearer error="invalid_token", error_description="` + r.Text + `"`
}

// httpStatus is the HTTP status of a gRPC status, as google/rpc/code.proto has it.
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

// grpcType returns the content type in which the call with headers is refused as
// gRPC: its own if it is one of gRPC, and else "". gRPC-Web reads a status in headers
// as well.
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
// Content-Type), which that of gRPC-Web is not.
func isGRPC(kind string) bool {
	rest, found := strings.CutPrefix(kind, "application/grpc")
	return found && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// headerValue is the value of p on the wire: what gRPC calls binary is base64 there.
func headerValue(p enforce.Pair) string {
	if strings.HasSuffix(p.Key, "-bin") {
		return base64.RawStdEncoding.EncodeToString([]byte(p.Value))
	}
	return p.Value
}
