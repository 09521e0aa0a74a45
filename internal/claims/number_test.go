package claims

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"
)

// TestA82_IntegersExactly: each limit of each integer size, in all spellings that JSON
// permits. A82.
func TestA82_IntegersExactly(t *testing.T) {
	type integer struct {
		text string
		ok   bool
	}
	tests := map[string]struct {
		read func(string) (string, bool)
		rows []integer
	}{
		"int32": {signedText(32), []integer{
			{"2147483647", true}, {"2147483648", false}, {"-2147483648", true}, {"-2147483649", false}, {"2147483647.0", true}, {"2147483647.1", false},
		}},
		"uint32": {unsignedText(32), []integer{{"4294967295", true}, {"4294967296", false}, {"-1", false}, {"-0", true}, {"-0.0e7", true}}},
		"int64": {signedText(64), []integer{
			{"9223372036854775807", true}, {"9223372036854775808", false}, {"-9223372036854775808", true}, {"-9223372036854775809", false},
			{"9007199254740993", true}, {"9.007199254740993e15", true}, {"9007199254740993000e-3", true}, {"9007199254740993001e-3", false},
			{"1e18", true}, {"1e19", false}, {"0.001e21", true}, {"1e-1", false}, {"10e-1", true}, {"0e999999999999999999999", true},
			{"1e999999999999999999999", false}, {"1e-999999999999999999999", false}, {"0.0e-999999999999999999999", true},
		}},
		"uint64": {unsignedText(64), []integer{
			{"18446744073709551615", true}, {"18446744073709551616", false}, {"1.8446744073709551615e19", true}, {"184467440737095516150", false}, {"-1", false},
		}},
		"grammar": {signedText(64), []integer{
			{"", false}, {"-", false}, {"+1", false}, {"01", false}, {"-01", false}, {"1.", false}, {".1", false}, {"1e", false}, {"1e+", false}, {"1e+-1", false},
			{"1e-+1", false}, {" 1", false}, {"1 ", false}, {"0x1", false}, {"1_0", false}, {"--1", false}, {"1e1.0", false}, {"١", false}, {"NaN", false}, {"1E+1", true},
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, row := range tt.rows {
				got, ok := tt.read(row.text)
				if ok != row.ok {
					t.Errorf("%s: got %s, %t", row.text, got, ok)
					continue
				}
				if !strings.ContainsAny(row.text, "eE") { // big.Rat would write out the zeros
					if want, _ := new(big.Rat).SetString(row.text); ok && want.RatString() != got {
						t.Errorf("%s: read as %s", row.text, got)
					}
				}
			}
		})
	}
}

func signedText(bits int) func(string) (string, bool) {
	return func(text string) (string, bool) {
		n, ok := signed([]byte(text), bits)
		return big.NewInt(n).String(), ok
	}
}

func unsignedText(bits int) func(string) (string, bool) {
	return func(text string) (string, bool) {
		n, ok := unsigned([]byte(text), bits)
		return new(big.Int).SetUint64(n).String(), ok
	}
}

const jsonNumber = `-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,8})?([eE][+-]?[0-9]{1,2})?`

// TestA82_IntegersAsMathAndProtojson: integers equal the exact quotients, and protojson
// accepts no number that we refuse.
func TestA82_IntegersAsMathAndProtojson(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(jsonNumber).Draw(t, "number")
		exact, _ := new(big.Rat).SetString(text)
		n, ok := signed([]byte(text), 64)
		if want := exact.IsInt() && exact.Num().IsInt64(); ok != want || ok && exact.Num().Int64() != n {
			t.Fatalf("%s: got %d, %t, want %s", text, n, ok, exact)
		}
		u, ok := unsigned([]byte(text), 64)
		if want := exact.IsInt() && exact.Num().IsUint64(); ok != want || ok && exact.Num().Uint64() != u {
			t.Fatalf("%s: got %d, %t, want %s", text, u, ok, exact)
		}
		var theirs wrapperspb.Int64Value
		if protojson.Unmarshal([]byte(text), &theirs) == nil && theirs.Value != n {
			t.Fatalf("%s: got %d, protojson has %d", text, n, theirs.Value)
		}
	})
}

// TestA80_FloatsAsProtojson: floats are formatted as protojson does.
func TestA80_FloatsAsProtojson(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edge := []float64{1e-6, 1e21, 9.99999e-7, 9.999999e20, 1e-7, 1e-10, 0, 5e-324, 1e300}
		double := rapid.OneOf(rapid.Float64(), rapid.SampledFrom(edge)).Draw(t, "double")
		want, _ := protojson.Marshal(wrapperspb.Double(double))
		if got := appendFloat(nil, double, 64); string(got) != string(want) {
			t.Errorf("got %s, protojson has %s", got, want)
		}
		single := float32(double)
		if want, _ = protojson.Marshal(wrapperspb.Float(single)); string(appendFloat(nil, float64(single), 32)) != string(want) {
			t.Errorf("got %s, protojson has %s", appendFloat(nil, float64(single), 32), want)
		}
	})
}

func TestA51_SameComparesJSONValues(t *testing.T) {
	tests := map[string]struct {
		a, b string
		want bool
	}{
		"number spellings":     {`100`, `1.00e2`, true},
		"decimals":             {`0.0010`, `1e-3`, true},
		"zeros":                {`0`, `-0.0e7`, true},
		"signs":                {`1`, `-1`, false},
		"powers":               {`1`, `10`, false},
		"beyond float64":       {`9007199254740993`, `9007199254740992`, false},
		"tiny difference":      {`0.10000000000000000001`, `0.1`, false},
		"far exponents":        {`1e9999999999`, `1e9999999998`, false},
		"number and string":    {`1`, `"1"`, false},
		"escapes":              {`"\u0061"`, `"a"`, true},
		"strings":              {`"a"`, `"b"`, false},
		"literals":             {`true`, `false`, false},
		"null":                 {`null`, `null`, true},
		"null and absent":      {`{"a":null}`, `{}`, false},
		"members in any order": {`{"a":1,"b":[true]}`, `{ "b": [true], "\u0061": 1.0 }`, true},
		"different member":     {`{"a":1}`, `{"b":1}`, false},
		"additional member":    {`{"a":1}`, `{"a":1,"b":1}`, false},
		"elements in order":    {`[1,2]`, `[2,1]`, false},
		"additional element":   {`[1]`, `[1,1]`, false},
		"array and element":    {`["a"]`, `"a"`, false},
		"nested":               {`[{"a":[{"b":1}]}]`, `[{"a":[{"b":2}]}]`, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Same(claim(tt.a), claim(tt.b)); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
			if got := Same(claim(tt.b), claim(tt.a)); got != tt.want {
				t.Errorf("got %t in reverse, want %t", got, tt.want)
			}
			if !json.Valid([]byte(tt.a)) || !json.Valid([]byte(tt.b)) {
				t.Error("not JSON")
			}
		})
	}
}
