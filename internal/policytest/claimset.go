package policytest

import (
	"bytes"
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// ClaimSet is the claims that the fields of m make: what a bearer token needs
// that is the token of m.
func (w *World) ClaimSet(tb testing.TB, t *Type, m protoreflect.Message) map[string]any {
	tb.Helper()
	all := map[string]any{}
	w.claimSet(tb, t, m, all)
	return all
}

func (w *World) claimSet(tb testing.TB, t *Type, m protoreflect.Message, into map[string]any) {
	tb.Helper()
	for _, f := range t.Fields {
		fd := f.in(m)
		if !m.Has(fd) {
			continue
		}
		switch {
		case f.Claim == "INCLUDE" || f.Claim == "EXTRACT":
			value, err := w.Claims.Value(fd, m.Get(fd))
			if err != nil {
				tb.Fatal(err)
			}
			into[f.ClaimName] = json.RawMessage(value)
		case f.Claim == "DESCEND" && f.Type != nil:
			w.claimSet(tb, f.Type, m.Get(fd).Message(), into)
		case f.Claim == "NEST" && f.Type != nil:
			var list []any
			for _, child := range elements(m, fd) {
				inner := map[string]any{}
				w.claimSet(tb, f.Type, child, inner)
				list = append(list, inner)
			}
			if into[f.ClaimName] = list; !fd.IsList() {
				into[f.ClaimName] = list[0]
			}
		}
	}
}

// JSONOf is a claim set as JSON, without the escapes of HTML.
func JSONOf(tb testing.TB, claims map[string]any) string {
	tb.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(claims); err != nil {
		tb.Fatal(err)
	}
	return string(bytes.TrimSpace(b.Bytes()))
}
