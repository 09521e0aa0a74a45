package claims

import (
	"encoding/base64"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// maxSafeInteger is the largest magnitude of an integer that is written as a JSON number (A81):
// readers that use float64 represent these exactly (RFC 7493 section 2.2).
const maxSafeInteger = 1 << 53

// writer writes one claim. After an error it writes nothing more.
type writer struct {
	messages *message.Codec
	out      strictjson.Value
	err      error
}

func (w *writer) list(fd protoreflect.FieldDescriptor, list protoreflect.List) {
	w.out = append(w.out, '[')
	for i := range list.Len() {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.one(fd, list.Get(i))
	}
	w.out = append(w.out, ']')
}

func (w *writer) object(members []strictjson.Member) {
	w.out = append(w.out, '{')
	for i, m := range members {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.quote("a name", m.Name)
		w.out = append(append(w.out, ':'), m.Value...)
	}
	w.out = append(w.out, '}')
}

// one appends v, a value of fd or one of its elements.
func (w *writer) one(fd protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch fd.Kind() {
	case protoreflect.StringKind:
		w.quote(string(fd.FullName()), v.String())
	case protoreflect.BoolKind:
		w.out = strconv.AppendBool(w.out, v.Bool())
	case protoreflect.BytesKind:
		w.out = append(base64.StdEncoding.AppendEncode(append(w.out, '"'), v.Bytes()), '"')
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		w.out = strconv.AppendInt(w.out, v.Int(), 10)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		w.out = strconv.AppendUint(w.out, v.Uint(), 10)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		mark := w.open64Bit(-maxSafeInteger <= v.Int() && v.Int() <= maxSafeInteger)
		w.out = append(strconv.AppendInt(w.out, v.Int(), 10), mark...)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		mark := w.open64Bit(v.Uint() <= maxSafeInteger)
		w.out = append(strconv.AppendUint(w.out, v.Uint(), 10), mark...)
	case protoreflect.FloatKind:
		w.out = appendFloat(w.out, v.Float(), 32)
	case protoreflect.DoubleKind:
		w.out = appendFloat(w.out, v.Float(), 64)
	case protoreflect.EnumKind:
		w.enum(fd.Enum(), v.Enum())
	default:
		w.message(v.Message())
	}
}

func (w *writer) quote(what, text string) {
	out, err := jsontext.AppendQuote(w.out, text)
	if err != nil && w.err == nil {
		w.err = fault.New(fault.MessageMalformed, what, "is not UTF-8")
	}
	w.out = out
}

// open64Bit starts a 64-bit integer and returns what ends it: a quotation mark unless it
// is a number.
func (w *writer) open64Bit(safe bool) string {
	if safe {
		return ""
	}
	w.out = append(w.out, '"')
	return `"`
}

func (w *writer) enum(enum protoreflect.EnumDescriptor, n protoreflect.EnumNumber) {
	switch value := enum.Values().ByNumber(n); {
	case isNullValue(enum):
		w.out = append(w.out, "null"...)
	case value == nil:
		w.out = strconv.AppendInt(w.out, int64(n), 10)
	default:
		w.out = append(append(append(w.out, '"'), value.Name()...), '"')
	}
}

func (w *writer) message(m protoreflect.Message) {
	if w.err != nil {
		return
	}
	text, err := w.messages.Marshal(m)
	w.out, w.err = append(w.out, text...), err
}

// appendFloat formats f like protojson: with the fewest digits that parse as f again,
// with an exponent where ECMAScript uses one.
func appendFloat(out []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(out, `"NaN"`...)
	case math.IsInf(f, 0):
		if f < 0 {
			return append(out, `"-Infinity"`...)
		}
		return append(out, `"Infinity"`...)
	}
	layout, size := byte('f'), math.Abs(f)
	small, large := size < 1e-6, size >= 1e21
	if bits == 32 { // the float32 nearest to 1e-6 is less than the float64
		small, large = float32(size) < 1e-6, float32(size) >= 1e21
	}
	if size != 0 && (small || large) {
		layout = 'e'
	}
	out = strconv.AppendFloat(out, f, layout, -1, bits)
	if n := len(out); layout == 'e' && out[n-3] == '-' && out[n-2] == '0' { // e-07 becomes e-7
		out = append(out[:n-2], out[n-1])
	}
	return out
}
