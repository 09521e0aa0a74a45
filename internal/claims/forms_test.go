package claims

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// TestA80_CanonicalForms has, for each kind of field, its claim in canonical ProtoJSON, and claims
// that equal it or differ from it (A82).
func TestA80_CanonicalForms(t *testing.T) {
	s := newSchema(t)
	tests := map[string]struct {
		field protoreflect.FullName
		value string // the field's value, for protojson
		want  string // its claim
		same  []string
		other []string // JSON that does not equal the claim; the types of S48 are below
	}{
		"bool":               {field: "p3.All.bool", value: `true`, want: `true`, other: []string{`false`}},
		"string":             {field: "p3.All.string", value: `"é\n\"<"`, want: `"é\n\"<"`, same: []string{`"\u00e9\u000a\u0022\u003c"`}, other: []string{`"é"`}},
		"bytes":              {field: "p3.All.bytes", value: `"+/8="`, want: `"+/8="`, same: []string{`"-_8="`, `"-_8"`, `"+/8"`, `"\u002b/8"`}, other: []string{`"+/+="`, `"+/9="`, `"+/8=\n"`, `"+/\n8="`, `"+_8="`, `"AAAA"`}},
		"enum":               {field: "p3.All.level", value: `2`, want: `"LEVEL_HIGH"`, same: []string{`2`, `2.0`}, other: []string{`"LEVEL_LOW"`, `1`}},
		"unknown number":     {field: "p3.All.level", value: `9`, want: `9`, other: []string{`"LEVEL_HIGH"`, `"9"`}},
		"int32":              {field: "p3.All.int32", value: `-5`, want: `-5`, same: []string{`-5.0`, `-50e-1`, `-0.5E+1`}, other: []string{`5`, `-5.5`, `-4294967301`}},
		"uint32":             {field: "p3.All.uint32", value: `4294967295`, want: `4294967295`, other: []string{`-1`, `4294967296`}},
		"int64":              {field: "p3.All.int64", value: `7`, want: `7`, same: []string{`"7"`, `7.0`, `"7.0"`, `70e-1`}, other: []string{`8`, `"8"`, `7.000000000000000001`}},
		"uint64":             {field: "p3.All.uint64", value: `"18446744073709551615"`, want: `"18446744073709551615"`, same: []string{`18446744073709551615`}, other: []string{`18446744073709551616`, `-1`, `1.8446744073709551615e20`}},
		"float":              {field: "p3.All.float", value: `0.1`, want: `0.1`, same: []string{`0.10000000149011612`, `1e-1`}, other: []string{`0.11`, `1e39`}},
		"double":             {field: "p3.All.double", value: `1e21`, want: `1e+21`, same: []string{`1000000000000000000000`}, other: []string{`1e400`, `1e20`}},
		"child":              {field: "p3.All.child", value: `{"name":"a","big":"5"}`, want: `{"name":"a","big":"5"}`, same: []string{`{"big":5,"name":"a"}`, `{"name":"a","big":"5","children":[]}`, `{"name":"a","big":"5","any":null}`}, other: []string{`{"name":"a"}`, `{"name":"a","big":"5","x":1}`, `{"name":"a","big":"5","maybe":0}`}},
		"empty child":        {field: "p3.All.child", value: `{}`, want: `{}`, other: []string{`{"name":"a"}`}},
		"list":               {field: "p3.All.strings", value: `["a","b"]`, want: `["a","b"]`, other: []string{`["b","a"]`, `["a"]`, `["a","b","b"]`, `[]`, `"a"`}},
		"list of numbers":    {field: "p3.All.int64s", value: `[1,"9007199254740993"]`, want: `[1,"9007199254740993"]`, same: []string{`["1",9007199254740993]`}, other: []string{`[1,9007199254740992]`}},
		"list of one number": {field: "p3.All.strings", value: `["a"]`, want: `["a"]`, other: []string{`"a"`}},
		"list of levels":     {field: "p3.All.levels", value: `[1,0]`, want: `["LEVEL_LOW","LEVEL_NONE"]`, same: []string{`[1,0]`}, other: []string{`[1]`}},
		"list of children":   {field: "p3.All.childs", value: `[{"name":"a"},{}]`, want: `[{"name":"a"},{}]`, other: []string{`[{"name":"a"}]`, `[{"name":"a"},null]`}},
		"list of values":     {field: "p3.All.values", value: `[null,1]`, want: `[null,1]`, other: []string{`[1,null]`}},
		"map":                {field: "p3.All.m_int64", value: `{"b":1,"a":2}`, want: `{"a":2,"b":1}`, same: []string{`{"b":"1","a":2}`}, other: []string{`{"a":2}`, `{"a":2,"b":1,"c":1}`, `{"a":2,"c":1}`, `{"a":2,"b":1,"b":1}`}},
		"map of children":    {field: "p3.All.m_child", value: `{"a":{"big":1}}`, want: `{"a":{"big":"1"}}`, same: []string{`{"a":{"big":1}}`}, other: []string{`{"a":{}}`}},
		"optional false":     {field: "p3.All.o_bool", value: `false`, want: `false`, other: []string{`true`}},
		"oneof":              {field: "p3.All.one_int64", value: `0`, want: `0`, other: []string{`1`}},
		"timestamp":          {field: "p3.All.time", value: `"2030-01-02T03:04:05.5Z"`, want: `"2030-01-02T03:04:05.500Z"`, same: []string{`"2030-01-02T04:04:05.5+01:00"`}, other: []string{`1893553445`, `"2030-01-02"`}},
		"duration":           {field: "p3.All.duration", value: `"-1.5s"`, want: `"-1.500s"`, same: []string{`"-1.50s"`}, other: []string{`-1.5`}},
		"struct":             {field: "p3.All.struct", value: `{"b":[1,null],"a":{"c":true}}`, want: `{"a":{"c":true},"b":[1,null]}`, same: []string{`{"b":[1.0,null],"a":{"c":true}}`}, other: []string{`{"b":[1],"a":{"c":true}}`}},
		"value":              {field: "p3.All.value", value: `null`, want: `null`, other: []string{`"null"`, `0`, `false`}},
		"list value":         {field: "p3.All.list", value: `[1,"1"]`, want: `[1,"1"]`, other: []string{`[1,1]`}},
		"null":               {field: "p3.All.null", value: `null`, want: `null`, same: []string{`"NULL_VALUE"`, `0`}, other: []string{`1`}},
		"field mask":         {field: "p3.All.mask", value: `"fooBar,b.c"`, want: `"fooBar,b.c"`, other: []string{`["fooBar"]`, `"foo_bar,b.c"`}},
		"empty":              {field: "p3.All.empty", value: `{}`, want: `{}`, other: []string{`{"a":1}`}},
		"any":                {field: "p3.All.any", value: `{"@type":"x.y/p3.Child","name":"a"}`, want: `{"@type":"x.y/p3.Child","name":"a"}`, same: []string{`{"name":"a","@type":"x.y/p3.Child"}`}, other: []string{`{"@type":"p3.Child","name":"a"}`, `{"@type":"x.y/p3.Nobody"}`, `{}`}},
		"wrapped int64":      {field: "p3.All.w_int64", value: `"5"`, want: `"5"`, same: []string{`5`}, other: []string{`6`, `{"value":5}`}},
		"wrapped int32":      {field: "p3.All.w_int32", value: `0`, want: `0`, other: []string{`"0"`}},
		"wrapped string":     {field: "p3.All.w_string", value: `""`, want: `""`, other: []string{`"a"`}},
		"wrapped bytes":      {field: "p3.All.w_bytes", value: `"-_8"`, want: `"+/8="`, same: []string{`"-_8"`}},
		"wrapped double":     {field: "p3.All.w_double", value: `"NaN"`, want: `"NaN"`, other: []string{`0`}},
		"proto2 zero":        {field: "p2.All.int64", value: `0`, want: `0`, other: []string{`7`}},
		"proto2 closed":      {field: "p2.All.closed", value: `"TWO"`, want: `"TWO"`, same: []string{`2`}, other: []string{`3`, `"THREE"`}},
		"group":              {field: "p2.All.part", value: `{"id":"a"}`, want: `{"id":"a"}`, other: []string{`{}`, `{"data":""}`}},
		"list of groups":     {field: "p2.All.piece", value: `[{"n":1},{}]`, want: `[{"n":1},{}]`, other: []string{`[{"n":1}]`}},
		"extension":          {field: "p2.All.open", value: `{"name":"a","[p2.more]":"5"}`, want: `{"name":"a","[p2.more]":"5"}`, same: []string{`{"[p2.more]":5,"name":"a"}`}, other: []string{`{"name":"a"}`, `{"name":"a","[p2.less]":"5"}`}},
		"edition open":       {field: "e23.All.open", value: `0`, want: `"OPEN_ZERO"`, same: []string{`0`}, other: []string{`5`}},
		"edition closed":     {field: "e23.All.closed", value: `1`, want: `"CLOSED_ONE"`, other: []string{`5`, `0`}},
		"edition group":      {field: "e23.All.part", value: `{"id":"x"}`, want: `{"id":"x"}`, other: []string{`{}`}},
		"edition fixed64":    {field: "e23.All.unpacked", value: `[1]`, want: `[1]`, same: []string{`["1"]`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, fd := s.value(t, tt.field, tt.value)
			got, err := s.codec.Value(fd, m.Get(fd))
			if err != nil || string(got) != tt.want {
				t.Fatalf("Value: got %s, %v, want %s", got, err, tt.want)
			}
			for _, text := range append(tt.same, tt.want) {
				if err := s.codec.Equal(fd, m.Get(fd), claim(text)); err != nil {
					t.Errorf("%s: %v", text, err)
				}
				into, _ := s.field(t, tt.field)
				if err := s.codec.Parse(fd, claim(text), into); err != nil {
					t.Errorf("%s: %v", text, err)
				}
				wantEqual(t, into, m)
			}
			for _, text := range tt.other {
				if err := s.codec.Equal(fd, m.Get(fd), claim(text)); !fault.Has(err, fault.ClaimMismatch) {
					t.Errorf("Equal of %s: %v", text, err)
				}
			}
		})
	}
}

// TestS48_NoCoercion checks which types of JSON each kind of field accepts: all cells of
// the table.
func TestS48_NoCoercion(t *testing.T) {
	s := newSchema(t)
	columns := []string{
		`1`, `"1"`, `1.0`, `"1e0"`, `1.5`, `true`, `"true"`, `null`, `[1]`, `["1"]`, `{}`,
		`"LEVEL_LOW"`, `"AQ=="`, `"-_8"`, `"NaN"`, `9007199254740993`, `"9007199254740993"`, `-1`, `""`, `1e39`,
	}
	tests := map[protoreflect.FullName]string{ // the accepted columns
		"p3.All.bool":     `true`,
		"p3.All.string":   `"1" "1e0" "true" "LEVEL_LOW" "AQ==" "-_8" "NaN" "9007199254740993" ""`,
		"p3.All.bytes":    `"1e0" "true" "AQ==" "-_8" "9007199254740993" ""`,
		"p3.All.level":    `1 1.0 "LEVEL_LOW" -1`,
		"p2.All.closed":   `1 1.0`,
		"p3.All.int32":    `1 1.0 -1`,
		"p3.All.sint32":   `1 1.0 -1`,
		"p3.All.sfixed32": `1 1.0 -1`,
		"p3.All.uint32":   `1 1.0`,
		"p3.All.fixed32":  `1 1.0`,
		"p3.All.int64":    `1 "1" 1.0 "1e0" 9007199254740993 "9007199254740993" -1`,
		"p3.All.sint64":   `1 "1" 1.0 "1e0" 9007199254740993 "9007199254740993" -1`,
		"p3.All.sfixed64": `1 "1" 1.0 "1e0" 9007199254740993 "9007199254740993" -1`,
		"p3.All.uint64":   `1 "1" 1.0 "1e0" 9007199254740993 "9007199254740993"`,
		"p3.All.fixed64":  `1 "1" 1.0 "1e0" 9007199254740993 "9007199254740993"`,
		"p3.All.float":    `1 1.0 1.5 "NaN" 9007199254740993 -1`,
		"p3.All.double":   `1 1.0 1.5 "NaN" 9007199254740993 -1 1e39`,
		"p3.All.child":    `{}`,
		"p3.All.strings":  `["1"]`,
		"p3.All.int32s":   `[1]`,
		"p3.All.int64s":   `[1] ["1"]`,
		"p3.All.m_string": `{}`,
		"p3.All.numbered": ``, // A83
		"p3.All.null":     `1 1.0 null -1`,
		"p3.All.value":    `1 "1" 1.0 "1e0" 1.5 true "true" null [1] ["1"] {} "LEVEL_LOW" "AQ==" "-_8" "NaN" 9007199254740993 "9007199254740993" -1 "" 1e39`,
		"p3.All.struct":   `{}`,
		"p3.All.list":     `[1] ["1"]`,
		"p3.All.any":      `{}`,
		"p3.All.empty":    `{}`,
		"p3.All.mask":     `"true" "NaN" ""`,
		"p3.All.time":     ``,
		"p3.All.duration": ``,
		"p3.All.w_bool":   `true`,
		"p3.All.w_int32":  `1 1.0 -1`,
		"p3.All.w_int64":  `1 "1" 1.0 "1e0" 9007199254740993 "9007199254740993" -1`,
		"p3.All.w_string": `"1" "1e0" "true" "LEVEL_LOW" "AQ==" "-_8" "NaN" "9007199254740993" ""`,
		"p3.All.w_bytes":  `"1e0" "true" "AQ==" "-_8" "9007199254740993" ""`,
	}
	for name, list := range tests {
		t.Run(string(name), func(t *testing.T) {
			want := map[string]bool{}
			for _, text := range strings.Fields(list) {
				want[text] = true
			}
			for _, text := range columns {
				m, fd := s.field(t, name)
				err := s.codec.Parse(fd, claim(text), m)
				switch {
				case want[text] && err != nil:
					t.Errorf("%s: %v", text, err)
				case want[text]:
					if err := s.codec.Equal(fd, m.Get(fd), claim(text)); err != nil {
						t.Errorf("%s: %v", text, err)
					}
				case !fault.Has(err, fault.ClaimMismatch):
					t.Errorf("%s: read as %v, %v", text, m, err)
				case m.Has(fd):
					t.Errorf("%s: refused, but %v was changed", text, m)
				}
			}
		})
	}
}
