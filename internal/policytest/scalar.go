package policytest

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// scalar is how numbers of a kind are on the wire: their wire type, and their bits there.
type scalar struct {
	wire  protowire.Type
	bits  func(protoreflect.Value) uint64
	value func(uint64) protoreflect.Value
}

// scalars are the kinds whose values can be packed.
var scalars = map[protoreflect.Kind]scalar{
	protoreflect.BoolKind:     {protowire.VarintType, func(v protoreflect.Value) uint64 { return protowire.EncodeBool(v.Bool()) }, func(n uint64) protoreflect.Value { return protoreflect.ValueOfBool(n != 0) }},
	protoreflect.EnumKind:     {protowire.VarintType, func(v protoreflect.Value) uint64 { return uint64(v.Enum()) }, func(n uint64) protoreflect.Value { return protoreflect.ValueOfEnum(protoreflect.EnumNumber(int32(n))) }},
	protoreflect.Int32Kind:    {protowire.VarintType, signed, asInt32},
	protoreflect.Int64Kind:    {protowire.VarintType, signed, asInt64},
	protoreflect.Sint32Kind:   {protowire.VarintType, zigZag, func(n uint64) protoreflect.Value { return asInt32(uint64(protowire.DecodeZigZag(n & math.MaxUint32))) }},
	protoreflect.Sint64Kind:   {protowire.VarintType, zigZag, func(n uint64) protoreflect.Value { return asInt64(uint64(protowire.DecodeZigZag(n))) }},
	protoreflect.Uint32Kind:   {protowire.VarintType, protoreflect.Value.Uint, asUint32},
	protoreflect.Uint64Kind:   {protowire.VarintType, protoreflect.Value.Uint, protoreflect.ValueOfUint64},
	protoreflect.Fixed32Kind:  {protowire.Fixed32Type, protoreflect.Value.Uint, asUint32},
	protoreflect.Sfixed32Kind: {protowire.Fixed32Type, signed, asInt32},
	protoreflect.FloatKind:    {protowire.Fixed32Type, func(v protoreflect.Value) uint64 { return uint64(math.Float32bits(float32(v.Float()))) }, func(n uint64) protoreflect.Value { return protoreflect.ValueOfFloat32(math.Float32frombits(uint32(n))) }},
	protoreflect.Fixed64Kind:  {protowire.Fixed64Type, protoreflect.Value.Uint, protoreflect.ValueOfUint64},
	protoreflect.Sfixed64Kind: {protowire.Fixed64Type, signed, asInt64},
	protoreflect.DoubleKind:   {protowire.Fixed64Type, func(v protoreflect.Value) uint64 { return math.Float64bits(v.Float()) }, func(n uint64) protoreflect.Value { return protoreflect.ValueOfFloat64(math.Float64frombits(n)) }},
}

func signed(v protoreflect.Value) uint64   { return uint64(v.Int()) }
func zigZag(v protoreflect.Value) uint64   { return protowire.EncodeZigZag(v.Int()) }
func asInt32(n uint64) protoreflect.Value  { return protoreflect.ValueOfInt32(int32(n)) }
func asInt64(n uint64) protoreflect.Value  { return protoreflect.ValueOfInt64(int64(n)) }
func asUint32(n uint64) protoreflect.Value { return protoreflect.ValueOfUint32(uint32(n)) }

func numeric(fd protoreflect.FieldDescriptor) bool {
	_, ok := scalars[fd.Kind()]
	return ok
}

// wireType is how one value of kind k is on the wire.
func wireType(k protoreflect.Kind) protowire.Type {
	if s, ok := scalars[k]; ok {
		return s.wire
	}
	if k == protoreflect.GroupKind {
		return protowire.StartGroupType
	}
	return protowire.BytesType
}

// append writes v, without a tag.
func (s scalar) append(b []byte, v protoreflect.Value) []byte {
	switch bits := s.bits(v); s.wire {
	case protowire.Fixed32Type:
		return protowire.AppendFixed32(b, uint32(bits))
	case protowire.Fixed64Type:
		return protowire.AppendFixed64(b, bits)
	default:
		return protowire.AppendVarint(b, bits)
	}
}

// consume reads the value that b begins with, and returns of how many bytes it is: less
// than 0 if there is none.
func (s scalar) consume(b []byte) (v protoreflect.Value, n int) {
	var bits uint64
	switch s.wire {
	case protowire.Fixed32Type:
		var short uint32
		short, n = protowire.ConsumeFixed32(b)
		bits = uint64(short)
	case protowire.Fixed64Type:
		bits, n = protowire.ConsumeFixed64(b)
	default:
		bits, n = protowire.ConsumeVarint(b)
	}
	return s.value(bits), n
}
