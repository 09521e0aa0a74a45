package message

import (
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestS49_RefusesLooseJSON: texts that are not strict ProtoJSON of their type, with the
// error. An error never includes a value of the message.
func TestS49_RefusesLooseJSON(t *testing.T) {
	set := load(t)
	c := New(set.Types(), Limits{})
	tests := map[string]struct {
		desc protoreflect.FullName // p3.Node if empty
		text string
		want string
	}{
		"both spellings":               {text: `{"my_token":"a","myToken":"a"}`, want: `line 1:17: duplicate field "myToken"`},
		"both, other order":            {text: "{\"myToken\":\"a\",\n \"my_token\":\"b\"}", want: `line 2:2: duplicate field "my_token"`},
		"unknown field":                {text: `{"my_tokens":"a"}`, want: `line 1:2: unknown field "my_tokens"`},
		"field in other case":          {text: `{"MyToken":"a"}`, want: `line 1:2: unknown field "MyToken"`},
		"unknown in a message":         {text: "{\n \"nodes\":[{},\n  {\"é\":1, \"x\":{}}]}", want: `line 3:4: unknown field "é"`},
		"duplicate key":                {text: `{"left":"a","left":"a"}`, want: `line 1:13: duplicate name "left" in one object`},
		"duplicate, escaped":           {text: `{"left":"a","l\u0065ft":"a"}`, want: `line 1:13: duplicate name "left" in one object`},
		"duplicate in a message":       {text: `{"struct":{"a":[{"b":1,"b":1}]}}`, want: `line 1:24: duplicate name "b" in one object`},
		"duplicate in a skipped value": {text: `{"child":null,"struct":null,"value":{"a":1,"a":2}}`, want: `line 1:44: duplicate name "a" in one object`},
		"duplicate map key":            {text: `{"levels":{"1":0,"01":0}}`, want: `line 1:18: duplicate map key "01"`},
		"two members of a oneof":       {text: `{"left":"a","right":1}`, want: `line 1:13: oneof p3.Node.pick is already set`},
		"trailing text":                {text: "{} \n {}", want: `line 2:2: more text follows the message`},
		"trailing brace":               {text: `{}}`, want: `line 1:3: more text follows the message`},
		"trailing NUL":                 {text: "{}\x00", want: `line 1:3: more text follows the message`},
		"nothing":                      {text: ``, want: `line 1:1: unexpected end`},
		"blank":                        {text: " \n", want: `line 2:1: unexpected end`},
		"truncated":                    {text: `{"left":"a"`, want: `line 1:12: unexpected end`},
		"array":                        {text: `[]`, want: `line 1:1: unexpected token [`},
		"null":                         {text: `null`, want: `line 1:1: unexpected token null`},
		"comment":                      {text: `{/**/}`, want: `line 1:2: `},
		"comma":                        {text: `{"@type":"p3.Node",}`, want: `line 1:19: `},
		"byte order mark":              {text: "\xef\xbb\xbf{}", want: `line 1:1: begins with a byte order mark`},
		"not utf-8":                    {text: "{\"left\":\"\xff\"}", want: `line 1:10: invalid UTF-8`},
		"lone surrogate":               {text: `{"left":"\ud800"}`, want: `line 1:10: `},
		"utf-16":                       {text: "{\x00}\x00", want: `line 1:2: `},
		"wrong type":                   {text: `{"my_token":1}`, want: `line 1:13: invalid value for string field myToken: 1`},
		"secret in number":             {text: `{"n":"eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}`, want: `line 1:6: invalid value for int32 field n (a string)`},
		"secret in message":            {text: `{"child":"eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}`, want: `line 1:10: unexpected token (a string)`},
		"secret in timestamp":          {text: `{"time":"eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}`, want: `line 1:9: invalid google.protobuf.Timestamp value (a string)`},
		"24 hours from UTC":            {text: `{"time":"2026-01-31T00:00:00+24:00"}`, want: `line 1:9: a time must have the form 2026-01-31T08:00:00.5Z, with an offset of at most 23:59 (RFC 3339 section 5.6)`},
		"60 minutes from UTC":          {text: `{"n":1,"time":"2026-01-31T00:00:00.5-00:60"}`, want: `line 1:15: a time must have the form 2026-01-31T08:00:00.5Z, with an offset of at most 23:59 (RFC 3339 section 5.6)`},
		"hour of one digit":            {text: `{"time":"2026-01-31T8:00:00Z"}`, want: `line 1:9: a time must have the form 2026-01-31T08:00:00.5Z, with an offset of at most 23:59 (RFC 3339 section 5.6)`},
		"comma before the fraction":    {text: `{"time":"2026-01-31T08:00:00,5Z"}`, want: `line 1:9: a time must have the form 2026-01-31T08:00:00.5Z, with an offset of at most 23:59 (RFC 3339 section 5.6)`},
		"comma and many digits":        {text: `{"time":"2026-01-31T08:00:00,1234567890+01:00"}`, want: `line 1:9: a time must have the form 2026-01-31T08:00:00.5Z, with an offset of at most 23:59 (RFC 3339 section 5.6)`},
		"offset, escaped":              {text: `{"time":"2026-01-31T00:00:00\u002b24:00"}`, want: `line 1:9: a time must have the form 2026-01-31T08:00:00.5Z, with an offset of at most 23:59 (RFC 3339 section 5.6)`},
		"offset in an any":             {text: `{"left":"2026-01-31T00:00:00+24:00","any":{"@type":"x/google.protobuf.Timestamp","value":"2026-01-31T00:00:00+24:00"}}`, want: `a time must have the form 2026-01-31T08:00:00.5Z, with an offset of at most 23:59 (RFC 3339 section 5.6)`},
		"secret in mask":               {text: `{"mask":"eyJhbGciOiJIUzI1NiJ9_"}`, want: `line 1:9: google.protobuf.FieldMask.paths contains invalid path (a string)`},
		"enum name":                    {text: `{"level":"HIGH"}`, want: `line 1:10: invalid value for enum field level (a string)`},
		"number too large":             {text: `{"value":1e400}`, want: `line 1:10: invalid google.protobuf.Value: 1e400`},
		"any without a type name":      {text: `{"any":{"@type":"x/p3.Nobody"}}`, want: `line 1:17: the descriptors have no type "x/p3.Nobody", which an Any names`}, // S47
		"any without type":             {text: `{"any":{"left":"a"}}`, want: `line 1:8: missing "@type" field`},
		"any without value":            {text: `{"any":{"@type":"google.protobuf.Value"}}`, want: `line 1:40: missing "value" field`},
		"any, type not a string":       {text: `{"any":{"@type":1}}`, want: `line 1:17: @type field value is not a string: 1`},
		"unknown in any":               {text: `{"any":{"@type":"x/p3.Node","x":1}}`, want: `line 1:29: unknown field "x"`},
		"required":                     {desc: "p2.Needs", text: `{}`, want: `required field p2.Needs.id not set`},
		"required in a message":        {desc: "p2.Below", text: `{"one":{}}`, want: `required field p2.Hard.id not set`},
		"required in a loop":           {desc: "p2.Below", text: `{"loop":{"loop":{"one":{}}}}`, want: `required field p2.Hard.id not set`},
		"required in a list":           {desc: "p2.Below", text: `{"list":[{"id":"a"},{}]}`, want: `required field p2.Hard.id not set`},
		"required in a map":            {desc: "p2.Below", text: `{"byName":{"a":{}}}`, want: `required field p2.Hard.id not set`},
		"required extended":            {desc: "p2.Wide", text: `{"[p2.hard]":{}}`, want: `required field p2.Hard.id not set`},
		"other extension":              {desc: "p2.Needs", text: `{"id":"a","[p2.less]":1}`, want: `line 1:11: unknown field "[p2.less]"`},
		"other type":                   {text: `{"@type":"p2.Needs","id":"a"}`, want: `"@type" says it is a p2.Needs, not a p3.Node`},
		"type not a string":            {text: `{ "@type" : 7}`, want: `line 1:13: "@type" names no message type`},
		"type not a name":              {text: `{"@type":"x/"}`, want: `line 1:10: "@type" names no message type`},
		"duplicate type":               {text: `{"@type":"p3.Node","@type":"p3.Node"}`, want: `line 1:20: duplicate name "@type" in one object`},
		"type in a message":            {text: `{"child":{"@type":"p3.Node"}}`, want: `line 1:11: unknown field "@type"`},
		"after a type":                 {text: "{\"@type\":\"p3.Node\",\n\"x\":1}", want: `line 2:1: unknown field "x"`},
		"lines of a type":              {text: "{\n\"@type\"\n:\"p3.Node\",\n\"x\":1}", want: `line 4:1: unknown field "x"`},
		"on a type's line":             {text: `{"left":"a", "@type":"p3.Node", "x":1}`, want: `line 1:33: unknown field "x"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.desc == "" {
				tt.desc = "p3.Node"
			}
			m, err := c.Read([]byte(tt.text), find(t, set, tt.desc))
			if !fault.Has(err, fault.MessageMalformed) || m != nil {
				t.Fatalf("got %v, %v", m, err)
			}
			if got := err.Error(); !strings.HasPrefix(got, "message: "+tt.want) || tt.want[len(tt.want)-1] != ' ' && got != "message: "+tt.want {
				t.Errorf("got  %s\nwant message: %s", got, tt.want)
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				if strings.Contains(e.Error(), "eyJ") {
					t.Errorf("a value is in the error: %v", e)
				}
			}
			var f *fault.Error
			if !errors.As(err, &f) || f.Reason == "" {
				t.Errorf("no reason: %v", err)
			}
		})
	}
}

// Either spelling of a name is accepted alone, and "@type" is never a field.
func TestA41_ReadsEitherSpelling(t *testing.T) {
	set := load(t)
	c := New(set.Types(), Limits{})
	tests := map[string]struct {
		desc protoreflect.FullName
		text string
		same string // for protojson
	}{
		"proto name":                {"p3.Node", `{"my_token":"a"}`, `{"myToken":"a"}`},
		"json name":                 {"p3.Node", ` {"myToken":"a"} ` + "\r\n\t", `{"myToken":"a"}`},
		"null is absent":            {"p3.Node", `{"child":null,"left":null,"maybe":null}`, `{}`},
		"null is a value":           {"p3.Node", `{"value":null}`, `{"value":null}`},
		"only a type":               {"p3.Node", `{"@type":"p3.Node"}`, `{}`},
		"type first":                {"p3.Node", `{"@type":"type.googleapis.com/p3.Node" , "left":"a"}`, `{"left":"a"}`},
		"type last":                 {"p3.Node", `{"left":"a",` + "\n" + `"@type":"p3.Node"}`, `{"left":"a"}`},
		"type between":              {"p3.Node", `{"left":"a", "@type": "p3.Node" ,"maybe":true}`, `{"left":"a","maybe":true}`},
		"type escaped":              {"p3.Node", `{"\u0040type":"p3\u002eNode","left":"a"}`, `{"left":"a"}`},
		"extension":                 {"p2.Needs", `{"@type":"p2.Needs","id":"a","[p2.more]":"5","part":{"n":1}}`, `{"id":"a","[p2.more]":5,"part":{"n":1}}`},
		"edition":                   {"e23.Card", `{"id":"","n":0,"card":{"id":"a"}}`, `{"id":"","card":{"id":"a"}}`},
		"any keeps its type":        {"google.protobuf.Any", `{"@type":"x/p3.Node","left":"a"}`, `{"@type":"x/p3.Node","left":"a"}`},
		"struct keeps its type":     {"google.protobuf.Struct", `{"@type":"p3.Node","a":1}`, `{"@type":"p3.Node","a":1}`},
		"empty has no special form": {"google.protobuf.Empty", `{"@type":"google.protobuf.Empty"}`, `{}`},
		"no time, comma":            {"p3.Node", `{"left":"2026-01-31T8:00:00,5Z","time":"2026-01-31T08:00:00.5Z"}`, `{"left":"2026-01-31T8:00:00,5Z","time":"2026-01-31T08:00:00.500Z"}`},
		"no time":                   {"p3.Node", `{"left":"2026-01-31T00:00:00+24:00","time":"2026-01-31T00:00:00+23:59"}`, `{"left":"2026-01-31T00:00:00+24:00","time":"2026-01-30T00:01:00Z"}`},
		"wrapper":                   {"google.protobuf.Int64Value", `"5"`, `5`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			desc := find(t, set, tt.desc)
			want := dynamicpb.NewMessage(desc)
			if err := (protojson.UnmarshalOptions{Resolver: set.Types()}).Unmarshal([]byte(tt.same), want); err != nil {
				t.Fatal(err)
			}
			text := []byte(tt.text)
			got, err := c.Read(text, desc)
			if err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
			if string(text) != tt.text {
				t.Error("the text was changed")
			}
		})
	}
}

func TestTypeOf(t *testing.T) {
	tests := map[string]struct {
		text string
		name protoreflect.FullName
		bad  bool
	}{
		"name":             {text: `{"@type":"pkg.T"}`, name: "pkg.T"},
		"url":              {text: ` { "a" : {"@type":"no"} , "@type" : "type.googleapis.com/pkg.T" } `, name: "pkg.T"},
		"other host":       {text: `{"@type":"a.b/c/pkg.T"}`, name: "pkg.T"},
		"escaped":          {text: `{"\u0040\u0074ype":"pkg\u002eT"}`, name: "pkg.T"},
		"none":             {text: `{"type":"pkg.T","a":[]}`},
		"below":            {text: `{"a":{"@type":"pkg.T"}}`},
		"empty":            {text: `{}`},
		"array":            {text: `["@type","pkg.T"]`},
		"string":           {text: `"@type"`},
		"nothing":          {text: ``},
		"number":           {text: `{"@type":7}`, bad: true},
		"null":             {text: `{"@type":null}`, bad: true},
		"no name":          {text: `{"@type":"pkg.T "}`, bad: true},
		"the url's host":   {text: `{"@type":"pkg.T/"}`, bad: true},
		"truncated":        {text: `{"a":1`, bad: true},
		"not JSON":         {text: `{"a":01}`, bad: true},
		"not JSON in name": {text: "{\"\xff\":1}", bad: true},
		"no JSON at all":   {text: `{x}`, bad: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok, err := TypeOf([]byte(tt.text))
			if got != tt.name || ok != (tt.name != "") || (err != nil) != tt.bad || err != nil && !fault.Has(err, fault.MessageMalformed) {
				t.Errorf("got %q, %t, %v, want %q, %t", got, ok, err, tt.name, tt.name != "")
			}
		})
	}
}

// TestS50_LimitsPrecedeParsing: input beyond the limits is refused before protojson parses it, quickly
// whatever its structure.
func TestS50_LimitsPrecedeParsing(t *testing.T) {
	set := load(t)
	c := New(set.Types(), Limits{})
	desc := find(t, set, "p3.Node")
	nest := func(n int, open, middle, shut string) string {
		return strings.Repeat(open, n) + middle + strings.Repeat(shut, n)
	}
	anys := func(n int) string { return nest(n, `{"any":{"@type":"x/p3.Node","any":`, `{}`, `}}`) }
	late := func(n int) string {
		return `{"any":` + nest(n, `{"any":`, `{"@type":"x/p3.Node"}`, `,"@type":"x/p3.Node"}`) + `}`
	}
	tests := map[string]struct {
		text string
		ok   bool
	}{
		"100 levels":                   {nest(99, `{"child":`, `{}`, `}`), true},
		"101 levels":                   {nest(100, `{"child":`, `{}`, `}`), false},
		"lists count":                  {nest(50, `{"nodes":[`, `{}`, `]}`), false},
		"unterminated":                 {strings.Repeat(`[`, 4<<20), false},
		"4 MiB":                        {`{"left":"` + strings.Repeat("a", 4<<20-11) + `"}`, true},
		"4 MiB and one byte":           {`{"left":"` + strings.Repeat("a", 4<<20-10) + `"}`, false},
		"5 anys":                       {late(4), true},
		"6 anys":                       {late(5), false},
		"any in any":                   {anys(100), false},
		"any in any, 480 KB":           {nest(10000, `{"any":{"@type":"x/google.protobuf.Any","value":`, `{}`, `}}`), false},
		"type after its content":       {late(98), false},
		"deep value first":             {`{"any":{"@type":"x/p3.Node","nodes":[` + late(4) + `,{}]}}`, false},
		"value that looks like a name": {nest(20, `{"left":"@type","child":`, `{}`, `}`), true},
		"escaped type":                 {strings.ReplaceAll(late(40), "@", `\u0040`), false},
		"any in any and large":         {`{"any":` + nest(40, `{"@type":"x/p3.Node","any":`, `{"@type":"x/p3.Node","left":"`+strings.Repeat("a", 4<<20-2000)+`"}`, `}`) + `}`, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var err error
			took := testkit.CPU(func() { _, err = c.Read([]byte(tt.text), desc) })
			if tt.ok && err != nil || !tt.ok && !fault.Has(err, fault.LimitExceeded) {
				t.Errorf("got %v", err)
			}
			// 200 ms by S50 on a fast machine; without the limits it takes 9 s.
			if took > 2*time.Second {
				t.Errorf("took %s", took)
			}
			t.Log(took.Round(time.Millisecond))
		})
	}
}

func TestA102_LimitsCanBeSet(t *testing.T) {
	set := load(t)
	desc := find(t, set, "p3.Node")
	for name, tt := range map[string]struct {
		limits Limits
		text   string
	}{
		"bytes": {Limits{Bytes: 20}, `{"left":"abcdefghijk"}`},
		"depth": {Limits{Depth: 2}, `{"child":{"child":{}}}`},
		"anys":  {Limits{AnyDepth: 1}, `{"any":{"@type":"x/p3.Node","any":{"@type":"x/p3.Node"}}}`},
	} {
		if _, err := New(set.Types(), tt.limits).Read([]byte(tt.text), desc); !fault.Has(err, fault.LimitExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := New(set.Types(), Limits{}).Read([]byte(tt.text), desc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUnmarshal: Unmarshal accepts generated messages, and "@type" only in types that
// have it.
func TestUnmarshal(t *testing.T) {
	set := load(t)
	c := New(set.Types(), Limits{})
	var s structpb.Struct
	if err := c.Unmarshal([]byte(`{"@type":"x","a":null}`), s.ProtoReflect()); err != nil || len(s.Fields) != 2 {
		t.Errorf("got %v, %v", &s, err)
	}
	node := dynamicpb.NewMessage(find(t, set, "p3.Node"))
	for _, text := range []string{`{"@type":"p3.Node"}`, `{"struct":{"a":1,"a":2}}`, `null`, `{}{}`} {
		if err := c.Unmarshal([]byte(text), node); !fault.Has(err, fault.MessageMalformed) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
