package web_test

import (
	"encoding/binary"
	"net/http"
	"strings"
	"testing"
)

// TestWebEmptyMessageDoesNotEndStream: an empty message, wherever it is in a stream of
// requests, reaches the server, and so does what follows. S78.
func TestWebEmptyMessageDoesNotEndStream(t *testing.T) {
	t.Parallel()
	r := start(t)
	for kind, forms := range map[string]struct{ empty, full, want string }{
		"grpc-web+proto": {"", "\x0a\x01x", "\x12\x013"},
		"connect+proto":  {"", "\x0a\x01x", "\x12\x013"},
		"connect+json":   {"{}", `{"id":"x"}`, `"name":"3"`},
	} {
		for order, messages := range map[string][]string{
			"first": {forms.empty, forms.full, forms.full}, "between": {forms.full, forms.empty, forms.full},
			"last": {forms.full, forms.full, forms.empty}, "alone": {forms.empty, forms.empty, forms.empty},
		} {
			var body []byte
			for _, m := range messages {
				body = append(binary.BigEndian.AppendUint32(append(body, 0), uint32(len(m))), m...)
			}
			if a := r.do(http.MethodPost, "/t.S/Count", string(body), "Content-Type: application/"+kind); !strings.Contains(a.body, forms.want) {
				t.Errorf("%s, an empty message %s: got status %d, %q, want a count of 3 messages", kind, order, a.status, a.body)
			}
		}
	}
}
