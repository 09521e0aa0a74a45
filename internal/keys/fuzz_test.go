package keys_test

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// FuzzF5_Load: reading any file returns keys or an error with a code, without much
// memory. Keys that were read can be written and read back.
func FuzzF5_Load(f *testing.F) {
	for _, path := range fixtures(f) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		if bytes.Contains(data, []byte("-----BEGIN ")) { // also a set by kid, as Google publishes it
			f.Add(testkit.Must(json.Marshal(map[string]string{"a": string(data), "b": ""})))
			f.Add(testkit.Must(json.Marshal(map[string]string{"a": string(data)})))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		loaded, err := keys.Parse(data, keys.Attributes{Source: "k"})
		remote, remoteErr := keys.ParseSet(data, keys.Attributes{Source: "k"}, true)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
			t.Errorf("allocated %d MiB", used>>20)
		}
		if err != nil && (len(loaded.Keys) != 0 || fault.ClassOf(err) != fault.Undecided || !strings.HasPrefix(err.Error(), "k")) {
			t.Errorf("%v: %v", loaded, err)
		}
		if (err == nil) != (len(loaded.Keys) > 0) || (remoteErr == nil) != (len(remote.Keys) > 0) {
			t.Errorf("got %v %v, %v %v", loaded, err, remote, remoteErr)
		}
		for _, k := range remote.Keys {
			if k.CanSign() {
				t.Errorf("a remote set gave %v, which signs", k)
			}
		}
		for _, k := range loaded.Keys {
			checkSaved(t, k)
		}
	})
}

// checkSaved writes k in each form and reads it back.
func checkSaved(t *testing.T, k *keys.Key) {
	texts := []string{string(testkit.Must(k.JWK()))}
	if k.Type() != keys.TypeSecret {
		texts = append(texts, string(testkit.Must(k.PEM())), string(testkit.Must(keys.PublicSet([]*keys.Key{k}))))
	}
	plain := testkit.Must(keys.New(k.VerifyingMaterial(), keys.Attributes{})).ID() // the thumbprint
	for _, text := range texts {
		back := mustParse(t, text)
		if !back.SameMaterial(k) || testkit.Must(keys.New(back.VerifyingMaterial(), keys.Attributes{})).ID() != plain {
			t.Errorf("%v became %v by\n%s", k, back, text)
		}
		if !strings.Contains(text, "BEGIN") && back.ID() != k.ID() {
			t.Errorf("id %q became %q", k.ID(), back.ID())
		}
	}
}
