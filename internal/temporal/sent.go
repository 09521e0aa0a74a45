package temporal

import (
	"strings"
)

// DefaultHeader is the default authHeaderName of a server.
const DefaultHeader = "authorization"

// AuthHeader is the authorization header of a call.
type AuthHeader struct {
	// Name is the header's name in lower case; "" if unknown.
	Name string
	// Value is sent unchanged; "" for none.
	Value string
}

// Sendable reports whether clients send the value: gRPC metadata is printable ASCII.
func (s AuthHeader) Sendable() bool { return unsendable(s.Value) < 0 }

// unsendable returns the index of the first byte that a header cannot hold, or -1.
func unsendable(value string) int {
	return strings.IndexFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}

// ParseAuthHeader returns the header for what a person pasted: a variable with its value as in
// Client, a header line, an argument of the temporal CLI's --grpc-meta, a header's value,
// or only a token. It keeps spaces and, except after only a token, a line end: clients
// send the former and fail at the latter.
func ParseAuthHeader(text string) AuthHeader {
	variable := strings.TrimPrefix(text, "export ")
	for _, c := range Clients() {
		if value, found := strings.CutPrefix(variable, c.Variable()+"="); found {
			if value = unquote(value); c == APIKey {
				value = Header(value)
			}
			return AuthHeader{DefaultHeader, value}
		}
	}
	const meta = "TEMPORAL_GRPC_META_" // any header, in the temporal CLI's spelling
	if name, value, found := strings.Cut(variable, "="); found && strings.HasPrefix(name, meta) && isHeaderName(name) {
		return AuthHeader{strings.ReplaceAll(strings.ToLower(name[len(meta):]), "_", "-"), unquote(value)}
	}
	for _, flag := range []string{"--grpc-meta ", "--grpc-meta="} {
		if after, found := strings.CutPrefix(text, flag); found {
			text = unquote(after)
		}
	}
	if s, found := headerLine(text); found {
		return s
	}
	token := WithoutLineEnd(text)
	if token == "" || strings.Contains(token, " ") {
		return AuthHeader{Value: text}
	}
	return AuthHeader{Value: Header(token)}
}

// WithoutLineEnd returns the text of a file that ends in a line end.
func WithoutLineEnd(text string) string { return strings.TrimRight(text, "\r\n") }

// headerLine parses "NAME: VALUE" or "NAME=VALUE" if the name is authorization or the
// value starts with "Bearer ".
func headerLine(text string) (AuthHeader, bool) {
	i := strings.IndexAny(text, ":=")
	if i < 0 || !isHeaderName(text[:i]) {
		return AuthHeader{}, false
	}
	s := AuthHeader{strings.ToLower(text[:i]), text[i+1:]}
	if text[i] == ':' {
		s.Value = strings.TrimLeft(s.Value, " ")
	}
	scheme, _, _ := strings.Cut(s.Value, " ")
	return s, s.Name == DefaultHeader || strings.EqualFold(scheme, "bearer")
}

// isHeaderName reports whether name can be a key of gRPC metadata.
func isHeaderName(name string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	return name != "" && strings.Trim(name, allowed) == ""
}

// unquote removes one pair of quotes, like a shell.
func unquote(text string) string {
	if n := len(text); n >= 2 && text[0] == text[n-1] && (text[0] == '"' || text[0] == '\'') {
		return text[1 : n-1]
	}
	return text
}
