package proxy_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// TestA34_ClaimMetadata sends claims through a proxy and checks what a real server
// receives. A35.
func TestA34_ClaimMetadata(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	tests := map[string]struct {
		claims string            // a JSON object
		want   map[string]string // without the prefix
	}{
		"strings are unquoted":           {`{"sub":"alice","s":"say \"hi\"\\"}`, map[string]string{"sub": "alice", "s": `say "hi"\`}},
		"empty string":                   {`{"s":""}`, map[string]string{"s": ""}},
		"numbers as written":             {`{"a":12345678901234567890,"b":1.0,"c":1E3,"d":-0}`, map[string]string{"a": "12345678901234567890", "b": "1.0", "c": "1E3", "d": "-0"}},
		"other scalars":                  {`{"a":true,"b":null}`, map[string]string{"a": "true", "b": "null"}},
		"arrays and objects":             {`{"a":[ 1, "x" , [ ] ],"b":{ "k" : "v w" }}`, map[string]string{"a": `[1,"x",[]]`, "b": `{"k":"v w"}`}},
		"all printable ASCII":            {`{"s":" !~"}`, map[string]string{"s-bin": " !~"}},
		"inner space":                    {`{"s":"a ~ b"}`, map[string]string{"s": "a ~ b"}},
		"trailing space":                 {`{"s":"a "}`, map[string]string{"s-bin": "a "}},
		"string beyond ASCII":            {`{"name":"Zoë 🎉"}`, map[string]string{"name-bin": "Zoë 🎉"}},
		"escaped beyond ASCII":           {`{"name":"\u00e9\ud83c\udf89"}`, map[string]string{"name-bin": "é🎉"}},
		"controls":                       {`{"a":"x\ny","b":"\u0000","c":"\u007f","d":"\t"}`, map[string]string{"a-bin": "x\ny", "b-bin": "\x00", "c-bin": "\x7f", "d-bin": "\t"}},
		"JSON beyond ASCII":              {`{"a":["Zoë 🎉\u007f"],"b":{"é":1}}`, map[string]string{"a": `["Zo\u00eb \ud83c\udf89\u007f"]`, "b": `{"\u00e9":1}`}},
		"names in lower case":            {`{"X-Claim_1.a":"v","SUB":"s"}`, map[string]string{"x-claim_1.a": "v", "sub": "s"}},
		"names that are not a valid key": {`{"a b":1,"":2,"é":3,"a:b":4,"https://x/y":5,"a/b":6,"ok":7,"a\u0000":8}`, map[string]string{"ok": "7"}},
		"name ending in -bin":            {`{"photo-bin":"x","PHOTO-BIN2":"y","b-Bin":"z"}`, map[string]string{"photo-bin2": "y"}},
		"authorization as a claim":       {`{"authorization":"x"}`, map[string]string{"authorization": "x"}},
		"no claims":                      {`{}`, map[string]string{}},
	}
	for name, c := range tests {
		if got := r.call(bearing(r.Token(c.claims)), r.conn, "Bearer", `{}`); got.err != nil {
			t.Errorf("%s: got %v", name, got.err)
			continue
		}
		got := map[string]string{}
		for key, values := range r.upstream.metadata() {
			if claim, is := strings.CutPrefix(key, "_kalix-jwt-claim-"); is {
				got[claim] = strings.Join(values, "|")
			}
		}
		if !maps.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		for key, text := range got { // anything but a string is still the same JSON
			var is, was any
			claims := map[string]json.RawMessage{}
			_ = json.Unmarshal([]byte(c.claims), &claims)
			if raw := claims[key]; len(raw) > 0 && raw[0] != '"' {
				if json.Unmarshal([]byte(text), &is) != nil || json.Unmarshal(raw, &was) != nil || !slices.Equal(canonical(is), canonical(was)) {
					t.Errorf("%s: got %s, want %s", name, text, raw)
				}
			}
		}
	}
}

func canonical(v any) []byte { text, _ := json.Marshal(v); return text }

// TestA35_NamesAlike: a token is refused if two of its claims would have the same key.
func TestA35_NamesAlike(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	for _, claims := range []string{`{"a":1,"A":1}`, `{"sub":"x","x":1,"sUb":"x"}`, `{"É":1,"é":2}`, `{"k":1,"K":2}`} {
		got := r.call(bearing(r.Token(claims)), r.conn, "Bearer", `{}`)
		if status.Code(got.err) != codes.Unauthenticated {
			t.Errorf("%s: got %v, want %v", claims, got.err, codes.Unauthenticated)
		}
	}
	r.noCalls()
}

// TestS67_TraceContext: trace metadata is forwarded (W3C Trace Context, OpenCensus).
func TestS67_TraceContext(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	sent := map[string]string{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "a=1,b=2", "baggage": "k=v", "grpc-trace-bin": "\x00\x01"}
	ctx := bearing(r.Token(goodClaims))
	for key, value := range sent {
		ctx = metadata.AppendToOutgoingContext(ctx, key, value)
	}
	if got := r.call(ctx, r.conn, "Who", `{}`); got.err != nil {
		t.Fatal(got.err)
	}
	for key, value := range sent {
		if got := r.upstream.metadata().Get(key); len(got) != 1 || got[0] != value {
			t.Errorf("%s: got %q", key, got)
		}
	}
}
