package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestTemporalReadsKeySourcesWhateverTheirStatus: a server checks no HTTP status, so an
// error in JSON is an empty set; one that is not JSON leaves the keys it had (temporal.md
// section 5).
func TestTemporalReadsKeySourcesWhateverTheirStatus(t *testing.T) {
	t.Chdir(t.TempDir())
	newFake(t).run(t, 0, "keygen", "-q")
	set := newFake(t).run(t, 0, "jwks")
	token := strings.TrimSpace(newFake(t).run(t, 0, "token", "--namespace", "default"))
	for name, row := range map[string]struct {
		status          int
		body            string
		explain, doctor int
		says, finds     string
	}{
		"200 with a set":         {http.StatusOK, set, 0, 0, "Allowed", "no findings"},
		"500 with a set":         {http.StatusInternalServerError, set, 0, 0, "answered with status 500; the server ignores", "(key-source-unreachable)"},
		"404 in JSON":            {http.StatusNotFound, `{"error":"not found"}`, 1, 1, "drops all keys", "(key-set-unusable)"},
		"503 with an empty set":  {http.StatusServiceUnavailable, "{}", 1, 1, "answered with status 503; the server ignores", "(key-set-unusable)"},
		"404 in HTML":            {http.StatusNotFound, "<html>", 3, 0, "answered with status 404, not 200", "(key-source-unreachable)"},
		"500 with no body":       {http.StatusInternalServerError, "", 3, 0, "answered with status 500, not 200", "(key-source-unreachable)"},
		"200 with an empty set":  {http.StatusOK, "{}", 1, 1, "drops all keys", "(key-set-unusable)"},
		"200, not JSON":          {http.StatusOK, "<html>", 1, 1, "keeps the keys it had", "(key-set-unusable)"},
		"500 with a broken set":  {http.StatusInternalServerError, `{"keys":[{"kty":"X"}]}`, 3, 0, "answered with status 500, not 200", "(key-source-unreachable)"},
		"404 with a JSON string": {http.StatusNotFound, `"not found"`, 3, 0, "answered with status 404, not 200", "(key-source-unreachable)"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(row.status)
				_, _ = w.Write([]byte(row.body))
			}))
			defer server.Close()
			f := newFake(t)
			f.run(t, row.explain, "explain-denial", token, "--api", "StartWorkflowExecution", "--namespace", "default", "--jwks", server.URL)
			if all := f.out.String() + f.err.String(); !strings.Contains(all, row.says) {
				t.Errorf("explain-denial does not report %q:\n%s", row.says, all)
			}
			config := "global:\n  authorization:\n    jwtKeyProvider: {keySourceURIs: [" + server.URL + "], refreshInterval: 1m}\n" +
				"    authorizer: default\n    claimMapper: default\nservices: {internal-frontend: {}}\n"
			if err := os.WriteFile("server.yaml", []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			f = newFake(t)
			f.run(t, row.doctor, "doctor", "--server-config", "server.yaml")
			if all := f.out.String() + f.err.String(); !strings.Contains(all, row.finds) {
				t.Errorf("doctor does not report %s:\n%s", row.finds, all)
			}
		})
	}
}

// TestExplainDenialKeepsTheLineEndOfAVariable: a client does not send a header with a line
// end (temporal.md section 4). A line end in a file, or after only a token, is not part of
// the value.
func TestExplainDenialKeepsTheLineEndOfAVariable(t *testing.T) {
	t.Chdir(t.TempDir())
	newFake(t).run(t, 0, "keygen", "-q")
	line := newFake(t).run(t, 0, "token", "--namespace", "default")
	value := strings.TrimPrefix(line, "TEMPORAL_CLI_AUTH=")
	token := strings.TrimPrefix(value, "Bearer ")
	testkit.File(t, "token.env", line)
	for name, row := range map[string]struct {
		arg, stdin string
		code       int
	}{
		"a variable's value":             {arg: value, code: 1},
		"a variable":                     {arg: line, code: 1},
		"a variable's value without one": {arg: strings.TrimSpace(value)},
		"only a token":                   {arg: token},
		"a file":                         {arg: "@token.env"},
		"stdin":                          {arg: "-", stdin: value},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.In = strings.NewReader(row.stdin)
			out := f.run(t, row.code, "explain-denial", row.arg, "--api", "StartWorkflowExecution", "--namespace", "default")
			if strings.Contains(out, "header_malformed: ") != (row.code == 1) {
				t.Errorf("got:\n%s", out)
			}
			if row.stdin == "" {
				newFake(t).run(t, row.code, "doctor", "--token", row.arg)
			}
		})
	}
}
