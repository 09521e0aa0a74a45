package claims

import (
	"bytes"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// Object returns the JSON object with members, in their order. It returns
// message_malformed for a duplicate name, or a name or value that is not strict JSON.
func Object(members []strictjson.Member) (strictjson.Value, error) {
	var w writer
	w.object(members)
	if w.err != nil {
		return nil, w.err
	}
	if !w.out.IsValid() {
		return nil, fault.New(fault.MessageMalformed, "claims", "duplicate claim, or not valid JSON")
	}
	return w.out, nil
}

// Same reports whether two claims of unknown type are the same JSON value: numbers are
// compared exactly in any notation, strings by content, objects regardless of order.
func Same(a, b strictjson.Value) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if a.Kind() != b.Kind() {
		return false
	}
	switch a.Kind() {
	case '0':
		return sameNumber(a, b)
	case '"':
		x, okX := content(a)
		y, okY := content(b)
		return okX && okY && bytes.Equal(x, y)
	case '[':
		return sameArray(a, b)
	case '{':
		return sameObject(a, b)
	}
	return true // true, false and null have only one spelling
}

func sameArray(a, b strictjson.Value) bool {
	x, errX := strictjson.Array(a, message.MaxDepth)
	y, errY := strictjson.Array(b, message.MaxDepth)
	if errX != nil || errY != nil || len(x) != len(y) {
		return false
	}
	for i := range x {
		if !Same(x[i], y[i]) {
			return false
		}
	}
	return true
}

func sameObject(a, b strictjson.Value) bool {
	x, errX := strictjson.Object(a, message.MaxDepth)
	y, errY := strictjson.Object(b, message.MaxDepth)
	if errX != nil || errY != nil || len(x) != len(y) {
		return false
	}
	values := make(map[string]strictjson.Value, len(y))
	for _, m := range y {
		values[m.Name] = m.Value
	}
	for _, m := range x {
		value, has := values[m.Name]
		if !has || !Same(m.Value, value) {
			return false
		}
	}
	return true
}
