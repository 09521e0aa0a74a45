package keygen_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestMain turns the test binary into a program that writes keys until it is killed, if
// JWTCTL_TEST_SAVE names a folder to write to.
func TestMain(m *testing.M) {
	if dir := os.Getenv("JWTCTL_TEST_SAVE"); dir != "" {
		fmt.Println(saveForEver(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// saveForEver replaces one pair of files again and again with keys of two sizes, and
// writes new files next to it.
func saveForEver(dir string) error {
	var list []*keys.Key
	for _, alg := range []keys.Algorithm{keys.ES256, keys.EdDSA} {
		k, err := keygen.Generate(keygen.Request{Algorithm: alg})
		if err != nil {
			return err
		}
		list = append(list, k)
	}
	fmt.Println("ready")
	for n := 0; ; n++ {
		o := pair(dir)
		if n%2 == 0 {
			o.Force = true
		} else {
			o.Private = filepath.Join(dir, fmt.Sprintf("new-%d-%d.pem", os.Getpid(), n))
			o.Public = ""
		}
		if err := keygen.Save(files.Writer{}, list[n/2%2], o); err != nil {
			return err
		}
	}
}

// TestS73_KilledProcessLeavesWholeFiles kills a process that writes keys at 200 points of its work. Each file is
// then a complete old or new one, and partial files are separate and readable only by
// their owner.
func TestS73_KilledProcessLeavesWholeFiles(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	partial := 0
	for n, end := 0, time.Now().Add(testkit.Timeout); n < 200 || partial == 0 && time.Now().Before(end); n++ {
		killSoon(t, dir, elsewhere)
		partial += checkFolder(t, dir)
	}
	if left := names(t, elsewhere); left != "" {
		t.Errorf("temporary files in another folder: got %s, want none", left)
	}
	t.Logf("%d were killed while writing a file", partial)
	if partial == 0 {
		t.Error("none was killed while writing a file: this test proves nothing")
	}
}

// killSoon starts the process and kills it within a few writes.
func killSoon(t *testing.T, dir, elsewhere string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "JWTCTL_TEST_SAVE="+dir, "TMPDIR="+elsewhere)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		t.Fatalf("the process did not start: %v", err)
	}
	time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(out)
	_ = cmd.Wait()
	if len(said) != 0 {
		t.Fatalf("the process ended by itself: %s", said)
	}
}

// checkFolder checks each file in dir, removes all but the pair, and returns the number
// of partial files.
func checkFolder(t *testing.T, dir string) (partial int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		temporary, public := strings.HasSuffix(e.Name(), ".tmp"), strings.Contains(e.Name(), ".pub.pem")
		if mode := info.Mode(); mode != files.Private && !(public && mode == files.Shared) {
			t.Errorf("%s has mode %v", e.Name(), mode)
		}
		switch {
		case temporary:
			partial = 1
		case load(t, path).CanSign() == public:
			t.Errorf("%s contains the other half", e.Name())
		}
		if temporary || strings.HasPrefix(e.Name(), "new-") {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	return partial
}
