package temporal

import (
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
)

func TestSentBy(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		"a.b.c":                          "Bearer a.b.c",
		"a.b.c\n":                        "Bearer a.b.c",
		"Bearer a.b.c":                   "Bearer a.b.c",
		"Bearer a.b.c ":                  "Bearer a.b.c ",
		"Basic x":                        "Basic x",
		"TEMPORAL_CLI_AUTH=Bearer a.b":   "Bearer a.b",
		"TEMPORAL_CLI_AUTH=Bearer a.b\n": "Bearer a.b\n",
		"Bearer a.b.c\r\n":               "Bearer a.b.c\r\n",
		"export TEMPORAL_CLI_AUTH='a b'": "a b",
		`TEMPORAL_GRPC_META_AUTHORIZATION="Bearer x"`: "Bearer x",
		"TEMPORAL_API_KEY=a.b.c":                      "Bearer a.b.c",
		"Authorization: Bearer x":                     "Bearer x",
		"authorization:Bearer x":                      "Bearer x",
		"Authorization=Bearer a.b.c":                  "Bearer a.b.c",
		"--grpc-meta 'Authorization=Bearer a.b.c'":    "Bearer a.b.c",
		"X-Auth=bearer a.b.c":                         "bearer a.b.c",
		"x=y":                                         "Bearer x=y",
	} {
		if got := ParseAuthHeader(text).Value; got != want {
			t.Errorf("ParseAuthHeader(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestExplainReadsOneHeader: a token counts only in the header that the server reads.
func TestExplainReadsOneHeader(t *testing.T) {
	good := "Bearer " + es256(nil)
	for name, row := range map[string]struct {
		text, server string
		allowed      bool
	}{
		"default header":                      {"Authorization: " + good, "", true},
		"default variable":                    {"TEMPORAL_CLI_AUTH=" + good, "authorization", true},
		"other header":                        {"X-Auth: " + good, "", false},
		"variable's header, not the variable": {"TEMPORAL_CLI_AUTH=" + good, "x-auth", false},
		"configured header":                   {"X-Auth: " + good, "X-AUTH", true},
		"variable of the configured header":   {"TEMPORAL_GRPC_META_X_AUTH=" + good, "x-auth", true},
		"extra header":                        {"authorization-extras=" + good, "", false},
		"value without a name":                {good, "x-auth", true},
	} {
		t.Run(name, func(t *testing.T) {
			sent := ParseAuthHeader(row.text)
			v := explain(t, sent.Value, func(r *Request) { r.SentIn, r.HeaderName = sent.Name, row.server })
			if v.Allowed != row.allowed || (!row.allowed && v.Faults[0].Code != fault.TokenMissing) {
				t.Errorf("got %+v", v)
			}
		})
	}
}
