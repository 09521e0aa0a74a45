package diff

import (
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
)

const admitted = `[
  {"kind": "issuer-added", "subject": "t.S/Do", "what": "two", "reason": "the new region", "until": "2026-12-31"},
  {"kind": "bearer-not-validated", "subject": "t.S/Do", "reason": "never happened", "until": "2027-01-31"},
  {"kind": "expiry-removed", "subject": "t.M.tok", "reason": "long ago", "until": "2026-01-31"}
]`

func TestAllow(t *testing.T) {
	allow, err := ReadAllow([]byte(admitted))
	if err != nil {
		t.Fatal(err)
	}
	changes := of(t, one(`bearer_token_issuer: "one"`), one(`bearer_token_issuer: "one" bearer_token_issuer: "two" bearer_token_issuer: "evil"`))
	day := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	marked, expired, unused := allow.Apply(changes, day("2026-12-31T23:59:59Z"))
	if len(marked) != 2 || marked[0].Fails() || marked[0].Accepted.Reason != "the new region" || !marked[1].Fails() || marked[1].What != "evil" {
		t.Errorf("got %+v", marked)
	}
	if changes[0].Accepted != nil {
		t.Error("the argument has changed")
	}
	if len(expired) != 1 || expired[0].Reason != "long ago" || len(unused) != 1 || unused[0].Reason != "never happened" {
		t.Errorf("expired %v, unused %v", expired, unused)
	}
	text := textOf(t, marked)
	if !strings.Contains(text, "note: weaker: ") || !strings.Contains(text, "accepted until 2026-12-31: the new region") || !strings.Contains(text, `hint: revert it, or accept it with {"kind": "issuer-added", "subject": "t.S/Do", "what": "evil", "reason": "", "until": ""}`) {
		t.Error(text)
	}
	marked, expired, _ = allow.Apply(changes, day("2027-01-01T00:00:00Z"))
	if !marked[0].Fails() || len(expired) != 2 {
		t.Errorf("the entry still counts the day after: %v", expired)
	}
	// The hint can be pasted.
	e := changes[1].Entry()
	e.Reason, e.Until = "because\n\"so\"", "2030-02-28"
	again, err := ReadAllow([]byte("[" + e.String() + "]"))
	if err != nil || len(again) != 1 || again[0] != e {
		t.Errorf("got %v, %v", again, err)
	}
}

// one is a service whose method has a bearer token with these options.
func one(options string) string {
	return `service S { rpc Do(E) returns (E) { option (kalix.method).jwt = {validate: BEARER_TOKEN ` + options + `}; } } message E {}`
}

func TestReadAllow(t *testing.T) {
	entry := func(kind, until string) string {
		return `{"kind": "` + kind + `", "subject": "s", "reason": "r", "until": "` + until + `"}`
	}
	rows := map[string]struct{ data, about, why string }{
		"nothing":                     {``, "", "not a valid list of changes"},
		"object":                      {`{}`, "", "not a valid list of changes"},
		"string":                      {`["a"]`, "entry 1", "must be a JSON object"},
		"too deep":                    {`[{"kind": {}}]`, "", "not a valid list of changes"},
		"trailing data":               {`[] []`, "", "not a valid list of changes"},
		"duplicate name":              {`[{"kind": "a", "kind": "b"}]`, "", "not a valid list of changes"},
		"unknown member":              {`[{"kinds": "a"}]`, "entry 1", `unknown member "kinds"`},
		"number":                      {`[{"kind": 1}]`, "entry 1", "kind must be a JSON string"},
		"no kind":                     {`[{"subject": "s"}]`, "entry 1", "has no kind"},
		"no subject":                  {`[{"kind": "issuer-added"}]`, "entry 1", "has no subject"},
		"no reason":                   {`[{"kind": "issuer-added", "subject": "s", "reason": " "}]`, "entry 1", "has no reason"},
		"no until":                    {`[{"kind": "issuer-added", "subject": "s", "reason": "r"}]`, "entry 1", "has no until"},
		"unknown kind":                {`[` + entry("issuer-add", "2026-12-31") + `]`, "entry 1", "unknown kind of change"},
		"unknown kind, no suggestion": {`[` + entry("xyz", "2026-12-31") + `]`, "entry 1", "unknown kind of change"},
		"kind of a harmless change":   {`[` + entry("issuer-removed", "2026-12-31") + `]`, "entry 1", "they are stronger"},
		"malformed date":              {`[` + entry("issuer-added", "2026-12-31T00:00:00Z") + `]`, "entry 1", "must be a date such as"},
		"invalid date":                {`[` + entry("issuer-added", "2026-02-30") + `]`, "entry 1", "must be a date such as"},
		"duplicate entry":             {`[` + entry("issuer-added", "2026-12-31") + `, ` + entry("issuer-added", "2027-12-31") + `]`, "entry 2", "same change as entry 1"},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			allow, err := ReadAllow([]byte(r.data))
			f, ok := err.(*fault.Error)
			if !ok || allow != nil || f.Code != fault.ConfigInvalid || f.What != r.about || !strings.Contains(f.Reason, r.why) {
				t.Errorf("got %v, %+v", allow, err)
			}
			if name == "unknown kind" && !strings.Contains(f.Hint, "issuer-added") {
				t.Errorf("hint %q", f.Hint)
			}
		})
	}
	if allow, err := ReadAllow([]byte(" [] ")); err != nil || len(allow) != 0 {
		t.Errorf("got %v, %v", allow, err)
	}
}

func FuzzReadAllow(f *testing.F) {
	f.Add([]byte(admitted))
	f.Add([]byte(`[{"kind":"issuer-added","subject":"s","reason":"r","until":"9999-12-31"}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		allow, err := ReadAllow(data)
		if err != nil {
			return
		}
		var list []string
		for _, e := range allow {
			list = append(list, e.String())
		}
		again, err := ReadAllow([]byte("[" + strings.Join(list, ",") + "]"))
		if err != nil || len(again) != len(allow) {
			t.Errorf("got %v, %v", again, err)
		}
	})
}
