package claims

import (
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

func members(t *testing.T, text string) []strictjson.Member {
	t.Helper()
	list, err := strictjson.Object([]byte(text), 64)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestA47_RawFillTakesMatchingClaims checks which claims of a token are added to maps of
// each type; previous entries are dropped.
func TestA47_RawFillTakesMatchingClaims(t *testing.T) {
	s := newSchema(t)
	const token = `{"sub":"alice","b64":"AQ==","yes":true,"no":false,"n":1,"int":2.0,"half":1.5,"neg":-1,"big":9007199254740993,` +
		`"bigs":"9007199254740993","level":"LEVEL_HIGH","null":null,"list":["a"],"child":{"name":"c"},"other":{"x":1},"time":"2030-01-02T03:04:05Z","nan":"NaN"}`
	tests := map[protoreflect.FullName]string{
		"p3.All.m_string": `{"sub":"alice","b64":"AQ==","bigs":"9007199254740993","level":"LEVEL_HIGH","time":"2030-01-02T03:04:05Z","nan":"NaN"}`,
		"p3.All.m_bool":   `{"yes":true,"no":false}`,
		"p3.All.m_int32":  `{"n":1,"int":2,"neg":-1}`,
		"p3.All.m_uint32": `{"n":1,"int":2}`,
		"p3.All.m_int64":  `{"n":1,"int":2,"neg":-1,"big":"9007199254740993"}`,
		"p3.All.m_uint64": `{"n":1,"int":2,"big":"9007199254740993"}`,
		"p3.All.m_double": `{"n":1,"int":2,"half":1.5,"neg":-1,"big":9007199254740992}`,
		"p3.All.m_float":  `{"n":1,"int":2,"half":1.5,"neg":-1,"big":9007199254740992}`,
		"p3.All.m_level":  `{"level":"LEVEL_HIGH"}`,
		"p3.All.m_child":  `{"child":{"name":"c"}}`,
		"p3.All.m_bytes":  `{"b64":"AQ==","bigs":"9007199254740993"}`,
		"p3.All.m_time":   `{"time":"2030-01-02T03:04:05Z"}`,
		"p3.All.m_null":   `{"null":null}`,
		"p3.All.m_value":  `` + token,
	}
	for name, want := range tests {
		t.Run(string(name), func(t *testing.T) {
			m, fd := s.field(t, name)
			stale := m.NewField(fd)
			stale.Map().Set(mapKey("stale"), stale.Map().NewValue())
			m.Set(fd, stale)
			if err := s.codec.RawFill(fd, members(t, token), m); err != nil {
				t.Fatal(err)
			}
			expected, _ := s.value(t, name, want)
			wantEqual(t, m, expected)
			if err := s.codec.RawFill(fd, nil, m); err != nil || m.Has(fd) {
				t.Errorf("without claims: %v, %v", m, err)
			}
		})
	}
}

func TestA60_RawEntriesAreSorted(t *testing.T) {
	s := newSchema(t)
	m, fd := s.value(t, "p3.All.m_int64", `{"z":1,"":3,"é":2,"a":"9007199254740993"}`)
	got, err := s.codec.RawEntries(fd, m.Get(fd))
	if err != nil {
		t.Fatal(err)
	}
	text, err := Object(got)
	if want := `{"":3,"a":"9007199254740993","z":1,"é":2}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v, want %s", text, err, want)
	}
	m, fd = s.value(t, "p3.All.m_value", `{"a":1}`)
	m.Mutable(fd).Map().Set(mapKey("b"), m.Mutable(fd).Map().NewValue()) // of unspecified kind
	if _, err := s.codec.RawEntries(fd, m.Get(fd)); !fault.Has(err, fault.MessageMalformed) {
		t.Errorf("got %v", err)
	}
}

// TestA83_OnlyStringKeys: lint refuses a map with other keys; even if it did not, such a
// map makes and accepts no claims. A83.
func TestA83_OnlyStringKeys(t *testing.T) {
	s := newSchema(t)
	m, fd := s.value(t, "p3.All.numbered", `{"1":"a"}`)
	before := protojson.Format(m.Interface())
	if _, err := s.codec.Value(fd, m.Get(fd)); !fault.Has(err, fault.Internal) {
		t.Errorf("Value: %v", err)
	}
	if _, err := s.codec.RawEntries(fd, m.Get(fd)); !fault.Has(err, fault.Internal) {
		t.Errorf("RawEntries: %v", err)
	}
	if err := s.codec.Equal(fd, m.Get(fd), claim(`{"1":"a"}`)); !fault.Has(err, fault.ClaimMismatch) {
		t.Errorf("Equal: %v", err)
	}
	if err := s.codec.RawFill(fd, nil, m); !fault.Has(err, fault.Internal) {
		t.Errorf("RawFill: %v", err)
	}
	if after := protojson.Format(m.Interface()); after != before {
		t.Errorf("the message was changed: %s", after)
	}
}

func TestA61_ObjectRefusesDoubles(t *testing.T) {
	tests := map[string]struct {
		members []strictjson.Member
		want    string // "" for an error
	}{
		"in order":           {[]strictjson.Member{{Name: "b", Value: claim(`1`)}, {Name: "a\"", Value: claim(`[]`)}}, `{"b":1,"a\"":[]}`},
		"none":               {nil, `{}`},
		"twice":              {[]strictjson.Member{{Name: "a", Value: claim(`1`)}, {Name: "a", Value: claim(`1`)}}, ``},
		"no value":           {[]strictjson.Member{{Name: "a"}}, ``},
		"unknown member":     {[]strictjson.Member{{Name: "a", Value: claim(`1,"b":2`)}, {Name: "b", Value: claim(`1`)}}, ``},
		"name not in UTF-8":  {[]strictjson.Member{{Name: "\xff", Value: claim(`1`)}}, ``},
		"value not in UTF-8": {[]strictjson.Member{{Name: "a", Value: claim("\"\xff\"")}}, ``},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Object(tt.members)
			if string(got) != tt.want || (err == nil) != (tt.want != "") || err != nil && !fault.Has(err, fault.MessageMalformed) {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}
