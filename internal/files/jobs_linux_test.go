package files

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// TestMain runs a job in a separate process if a test needs limits that would affect
// other tests.
func TestMain(m *testing.M) {
	if job := os.Getenv("JWTCTL_TEST_JOB"); job != "" {
		if err := jobs[job](os.Getenv("JWTCTL_TEST_PATH")); err != nil {
			fmt.Print(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// inProcess runs the job called name on path in a separate process. It returns what the
// job printed and whether it failed.
func inProcess(t *testing.T, name, path string) (string, bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "JWTCTL_TEST_JOB="+name, "JWTCTL_TEST_PATH="+path)
	out, err := cmd.Output()
	if _, isExit := err.(*exec.ExitError); err != nil && !isExit {
		t.Fatal(err)
	}
	return string(out), err != nil
}
