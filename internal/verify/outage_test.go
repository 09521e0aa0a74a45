package verify_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// TestS59_KeySetOutage: while a key set is unavailable, a token is neither accepted nor
// refused. S59.
func TestS59_KeySetOutage(t *testing.T) {
	theirs := es256(t, "theirs", "")
	set, err := keys.PublicSet([]*keys.Key{theirs})
	if err != nil {
		t.Fatal(err)
	}
	var down atomic.Bool
	down.Store(true)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			http.Error(w, "down", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(set)
	}))
	defer server.Close()
	var clock atomic.Int64 // so that a failed set is fetched again
	now := func() time.Time { return policytest.Now.Add(time.Duration(clock.Load())) }
	remote, err := jwks.NewRemote(server.URL, jwks.RemoteOptions{Issuer: "them", Now: now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w := policytest.New(t, `
message M { string tok = 1 [(kalix.field).jwt = {token: true}]; repeated M ms = 2 [(kalix.field).jwt = {token: true}]; }
message E {} service S { rpc Any(E) returns (E) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; } }`,
		policytest.Setup{Sets: []keys.Set{remote}})
	token := signed(t, theirs, `{"iss":"them"}`)
	in := `{"tok":$({}),"ms":[` + inField(token) + `]}`

	_, err = w.Verify("M", in, nil)
	if fault.CodeOf(err) != fault.KeySetUnavailable || fault.ClassOf(err) != fault.Undecided {
		t.Errorf("message: got %v, want %v", err, fault.KeySetUnavailable)
	}
	var f *fault.Error
	if errors.As(err, &f) && strings.Contains(f.What, "tok") {
		t.Errorf("the error blames the token: %v", err)
	}
	if _, err = bearer(t, w, "Any", "Bearer "+token); fault.ClassOf(err) != fault.Undecided {
		t.Errorf("bearer token: %v", err)
	}
	down.Store(false)
	clock.Store(int64(time.Hour))
	if _, err := w.Verify("M", in, nil); err != nil {
		t.Errorf("with the set available again: %v", err)
	}
}

// TestConcurrentUse: one Verifier and one Signer serve all calls.
func TestConcurrentUse(t *testing.T) {
	w := policytest.New(t, nests, policytest.Setup{})
	const in = `{"cs":[{"x":"1","e":"2","raw":{"k":"v"}},{"x":"3"}],"os":[{"x":"4"}]}`
	p, _ := w.Message("List", `{}`)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 20 {
				m, err := w.Codec.Read([]byte(in), p.Desc)
				if err == nil {
					_, err = w.Signer.Message(p, m, nil)
				}
				if err == nil {
					_, err = w.Verifier.Message(context.Background(), p, m, nil)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
