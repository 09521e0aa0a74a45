package grpcauth

import (
	"context"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// Token sends token as the bearer token of every call. Calls without TLS fail, unless
// insecure is true.
func Token(token string, insecure bool) credentials.PerRPCCredentials {
	return TokenFunc(func(context.Context) (string, error) { return token, nil }, insecure)
}

// TokenFile sends the bearer token in a file that another process keeps fresh, such as
// jwtctl token --refresh. It reads the file again after a change. If the file is empty or
// cannot be read, the call fails as UNAVAILABLE. insecure is as for Token.
func TokenFile(path string, insecure bool) credentials.PerRPCCredentials {
	f := &file{path: path}
	return TokenFunc(f.token, insecure)
}

// TokenFunc calls get for the token of each call. An error of get that is not a status
// fails the call as UNAVAILABLE. insecure is as for Token.
func TokenFunc(get func(context.Context) (string, error), insecure bool) credentials.PerRPCCredentials {
	return bearer{get, insecure}
}

type bearer struct {
	get      func(context.Context) (string, error)
	insecure bool
}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	token, err := b.get(ctx)
	if err != nil {
		if _, ok := status.FromError(err); ok {
			return nil, err
		}
		return nil, status.Errorf(codes.Unavailable, "no token: %v", err)
	}
	return map[string]string{authorization: "Bearer " + token}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (b bearer) RequireTransportSecurity() bool { return !b.insecure }

// file is a token in a file.
type file struct {
	path string

	mu    sync.Mutex
	was   time.Time // the file's modification time when it was read
	size  int64
	value string
}

func (f *file) token(context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		return "", err
	}
	if f.value != "" && info.ModTime().Equal(f.was) && info.Size() == f.size {
		return f.value, nil
	}
	data, err := os.ReadFile(f.path)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(data))
	if token == "" || strings.ContainsAny(token, " \r\n\t") {
		return "", status.Errorf(codes.Unavailable, "no token: %s must contain exactly one token", f.path)
	}
	f.value, f.was, f.size = token, info.ModTime(), info.Size()
	return token, nil
}
