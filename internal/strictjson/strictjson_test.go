package strictjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// nested returns an object with n levels in all, by the nesting of its value.
func nested(n int) string {
	return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}`
}

// errSyntax stands for any error that is not one of the package's own.
var errSyntax = errors.New("a fault of syntax")

// TestS30_ObjectsAreStrict: texts that two readers could read differently are refused.
func TestS30_ObjectsAreStrict(t *testing.T) {
	tests := map[string]struct {
		text string
		want error // nil, one of the package's own, or errSyntax
	}{
		"empty object":              {`{}`, nil},
		"all kinds of value":        {`{"a":null,"b":true,"c":-1.5e3,"d":"x","e":[1,{}],"f":{"a":1}}`, nil},
		"white space around":        {" \t\r\n{ \"a\" : 1 } \r\n", nil},
		"names differ in case":      {`{"a":1,"A":2}`, nil},
		"same name, other object":   {`{"a":{"a":{"a":1}}}`, nil},
		"paired surrogates":         {`{"a":"\ud83d\ude00"}`, nil},
		"depth 64":                  {nested(64), nil},
		"brackets in a string":      {`{"a":"` + strings.Repeat("[{", 100) + `"}`, nil},
		"an escaped quote":          {`{"a":"\"` + strings.Repeat("[", 100) + `\\"}`, nil},
		"repeated name":             {`{"a":1,"a":1}`, errSyntax},
		"repeated, deep":            {`{"a":[{"b":{"c":1,"d":2,"c":3}}]}`, errSyntax},
		"repeated by an escape":     {`{"a":1,"\u0061":2}`, errSyntax},
		"repeated by a slash":       {`{"/":1,"\/":2}`, errSyntax},
		"repeated by surrogates":    {`{"😀":1,"\ud83d\ude00":2}`, errSyntax},
		"repeated empty name":       {`{"":1,"":2}`, errSyntax},
		"repeated after many":       {`{` + manyNames(2000) + `"n1999":0}`, errSyntax},
		"lone surrogate in a name":  {`{"\ud800":1}`, errSyntax},
		"lone high surrogate":       {`{"a":"\ud800"}`, errSyntax},
		"lone low surrogate":        {`{"a":"\udc00"}`, errSyntax},
		"surrogates in wrong order": {`{"a":"\ude00\ud83d"}`, errSyntax},
		"invalid UTF-8":             {"{\"a\":\"\xff\"}", errSyntax},
		"overlong UTF-8":            {"{\"a\":\"\xc0\xaf\"}", errSyntax},
		"surrogate in UTF-8":        {"{\"a\":\"\xed\xa0\x80\"}", errSyntax},
		"byte order mark":           {"\xef\xbb\xbf{}", errSyntax},
		"UTF-16":                    {"{\x00}\x00", errSyntax},
		"NUL in a string":           {"{\"a\":\"\x00\"}", errSyntax},
		"line feed in a string":     {"{\"a\":\"\n\"}", errSyntax},
		"leading no-break space":    {"\u00a0{}", errSyntax},
		"inner no-break space":      {"{\u00a0}", errSyntax},
		"trailing no-break space":   {"{}\u00a0", strictjson.ErrTrailing},
		"trailing NUL":              {"{}\x00", strictjson.ErrTrailing},
		"two objects":               {`{}{}`, strictjson.ErrTrailing},
		"two objects apart":         {"{}\n{}", strictjson.ErrTrailing},
		"trailing comma":            {`{},`, strictjson.ErrTrailing},
		"trailing bracket":          {`{}}`, strictjson.ErrTrailing},
		"depth 65":                  {nested(65), strictjson.ErrTooDeep},
		"a million levels":          {nested(1_000_000), strictjson.ErrTooDeep},
		"a million open brackets":   {strings.Repeat("[", 1_000_000), strictjson.ErrTooDeep},
		"array":                     {`[]`, strictjson.ErrNotObject},
		"null":                      {`null`, strictjson.ErrNotObject},
		"true":                      {`true`, strictjson.ErrNotObject},
		"number":                    {`1`, strictjson.ErrNotObject},
		"string":                    {`"{}"`, strictjson.ErrNotObject},
		"nothing":                   {``, errSyntax},
		"only white space":          {" \n", errSyntax},
		"truncated in a name":       {`{"a`, errSyntax},
		"truncated after a name":    {`{"a"`, errSyntax},
		"truncated after a colon":   {`{"a":`, errSyntax},
		"truncated after a value":   {`{"a":1`, errSyntax},
		"truncated in a value":      {`{"a":tru`, errSyntax},
		"comment":                   {`{/**/}`, errSyntax},
		"comma before the end":      {`{"a":1,}`, errSyntax},
		"single quotes":             {`{'a':1}`, errSyntax},
		"name without quotes":       {`{a:1}`, errSyntax},
		"number as name":            {`{1:1}`, errSyntax},
		"NaN":                       {`{"a":NaN}`, errSyntax},
		"Infinity":                  {`{"a":Infinity}`, errSyntax},
		"leading zero":              {`{"a":01}`, errSyntax},
		"plus sign":                 {`{"a":+1}`, errSyntax},
		"point without a digit":     {`{"a":1.}`, errSyntax},
		"unknown escape":            {`{"a":"\x41"}`, errSyntax},
		"True in capitals":          {`{"a":True}`, errSyntax},
		"extra colon":               {`{"a"::1}`, errSyntax},
		"mismatched brackets":       {`{"a":[1}}`, errSyntax},
		"closing before opening":    {`}{`, errSyntax},
		"depth after a line break":  {`}}}}{"a":[[[]]]}`, errSyntax},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			members, err := strictjson.Object([]byte(c.text), 64)
			if (err == nil) == (members == nil) && c.want != strictjson.ErrTrailing {
				t.Errorf("members %v with error %v", members, err)
			}
			checkError(t, err, c.want)
		})
	}
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`"n` + string(json.Number(itoa(i))) + `":0,`)
	}
	return b.String()
}

func itoa(i int) string { b, _ := json.Marshal(i); return string(b) }

func checkError(t *testing.T, err, want error) {
	t.Helper()
	switch {
	case want == nil && err != nil:
		t.Errorf("refused: %v", err)
	case want == errSyntax:
		if err == nil || errors.Is(err, strictjson.ErrTooDeep) || errors.Is(err, strictjson.ErrNotObject) || errors.Is(err, strictjson.ErrTrailing) {
			t.Errorf("got %v, want a syntax error", err)
		}
	case !errors.Is(err, want):
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestS30_ArraysAreStrict(t *testing.T) {
	tests := map[string]struct {
		text string
		n    int
		want error
	}{
		"empty":                       {`[]`, 0, nil},
		"mixed":                       {` [1, "a", {"b":[]}] `, 3, nil},
		"depth 3":                     {`[[[]]]`, 1, nil},
		"depth 4":                     {`[[[[]]]]`, 0, strictjson.ErrTooDeep},
		"two":                         {`[][]`, 0, strictjson.ErrTrailing},
		"object":                      {`{}`, 0, errSyntax},
		"null":                        {`null`, 0, errSyntax},
		"nothing":                     {``, 0, errSyntax},
		"cut":                         {`[1,`, 0, errSyntax},
		"comma before the end":        {`[1,]`, 0, errSyntax},
		"repeated name in an element": {`[{"a":1,"a":2}]`, 0, errSyntax},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			elements, err := strictjson.Array([]byte(c.text), 3)
			checkError(t, err, c.want)
			if err == nil && len(elements) != c.n {
				t.Errorf("%d elements, want %d", len(elements), c.n)
			}
		})
	}
}

// TestA84_ErrorsShowNoText: the text around an error may be part of a secret.
func TestA84_ErrorsShowNoText(t *testing.T) {
	for _, text := range []string{
		`{"d":"hunter2hunter2","d":1}`, `{"d":"hunter2hunter2`, `{"hunter2":hunter2}`, `{"d":"hunter2\x"}`,
		`{"d":"hunter2"} hunter2`, `{"d":hunter2}`, `{"hunter2":1,"hunter2":2}`, `{"a":{"hunter2":1,"hunter2":2}}`,
	} {
		_, err := strictjson.Object([]byte(text), 64)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestS41_NumbersKeepTheirSpelling(t *testing.T) {
	for _, number := range []string{"12345678901234567890", "1.0", "-0", "1e400", "0.1000000000000000055511151231257827", "1E+2"} {
		members, err := strictjson.Object([]byte(`{"a":`+number+`}`), 64)
		if err != nil || string(members[0].Value) != number {
			t.Errorf("%s: got %v (%v)", number, members, err)
		}
	}
}

func TestString(t *testing.T) {
	tests := map[string]struct {
		value, text string
		ok          bool
	}{
		"text":    {`"aé\n\u0041\ud83d\ude00"`, "aé\nA😀", true},
		"empty":   {`""`, "", true},
		"number":  {`1`, "", false},
		"null":    {`null`, "", false},
		"array":   {`["a"]`, "", false},
		"nothing": {``, "", false},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			text, ok := strictjson.String(strictjson.Value(c.value))
			if text != c.text || ok != c.ok {
				t.Errorf("got %q %v, want %q, %v", text, ok, c.text, c.ok)
			}
		})
	}
}

// TestValuesStay: the values of early members are unchanged when later ones have been
// read, in a text larger than any buffer.
func TestValuesStay(t *testing.T) {
	text := `{"first":"` + strings.Repeat("a", 100_000) + `","second":[` + strings.Repeat("1,", 100_000) + `2],"third":3}`
	members, err := strictjson.Object([]byte(text), 64)
	if err != nil || len(members) != 3 {
		t.Fatal(len(members), err)
	}
	for _, m := range members {
		if !strings.Contains(text, `"`+m.Name+`":`+string(m.Value)) {
			t.Errorf("the value of %s has changed", m.Name)
		}
	}
}

// TestObjectAgreesWithEncodingJSON: accepted text has the same meaning in encoding/json.
func TestObjectAgreesWithEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.SampledFrom([]string{
			"{", "}", "[", "]", ",", ":", `"a"`, `"b"`, `"\u0061"`, `"é"`, "1", "-0", "1.50", "1e3", "null", "true", " ", "\n", `{"a":1}`, `"c":`, `"d":2`,
		}), 0, 12).Draw(t, "pieces")
		text := []byte("{" + strings.Join(pieces, "") + "}")
		members, err := strictjson.Object(text, 64)
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%s is accepted, but encoding/json returns %v", text, err)
		}
		if len(want) != len(members) {
			t.Fatalf("%s: got %d members, want %d", text, len(members), len(want))
		}
		for _, m := range members {
			if !bytes.Equal(m.Value, want[m.Name]) {
				t.Fatalf("%s: got %s %s, want %s", text, m.Name, m.Value, want[m.Name])
			}
		}
	})
}
