// Package e2e runs jwtctl, the worker and the starter as programs against a real Temporal
// server, which is embedded so that its log can be read: only the log has the reason why a
// token was refused. Every case has its own server.
//
// JWTCTL_BIN names a jwtctl to test instead of one built from this clone;
// JWTCTL_E2E_TEMPORAL the temporal CLI, and JWTCTL_E2E_WORKERS the folder of the workers
// in other languages, as make installs them: without them, tests that need them are
// skipped.
//
// The server is that of go.mod or, with -modfile=../server-1.30.8.mod -tags=server130, an
// older one.
package e2e

import (
	"os"
	"testing"
	"time"
)

func TestTemporal(t *testing.T) {
	t.Cleanup(func() { forbidCaching(t) })
	bin := buildPrograms(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, programs)
	}{
		{name: "temporal CLI", run: testCLI},
		{name: "temporal jwt", run: testExtension},
		{name: "ES256", run: func(t *testing.T, bin programs) { testGreeting(t, bin, "ES256") }},
		{name: "RS256", run: func(t *testing.T, bin programs) { testGreeting(t, bin, "RS256") }},
		{name: "refused", run: testRefused},
		{name: "token rotation", run: testTokenRotation},
		{name: "key rotation", run: testKeyRotation},
		{name: "Go worker", run: func(t *testing.T, bin programs) { testFileWorker(t, bin, goWorker(bin)) }},
		{name: "Python worker", run: func(t *testing.T, bin programs) { testFileWorker(t, bin, pythonWorker(t)) }},
		{name: "TypeScript worker", run: func(t *testing.T, bin programs) { testFileWorker(t, bin, typescriptWorker(t)) }},
		{name: "Java worker", run: func(t *testing.T, bin programs) { testFileWorker(t, bin, javaWorker(t)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, bin)
		})
	}
}

// forbidCaching makes go test see a file just changed, so that it runs the test again the
// next time.
func forbidCaching(t *testing.T) {
	const file = "testdata/uncached"
	if err := os.Chtimes(file, time.Time{}, time.Now()); err != nil {
		t.Logf("this result may be cached: %v", err)
	}
	if _, err := os.ReadFile(file); err != nil {
		t.Error(err)
	}
}
