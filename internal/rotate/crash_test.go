package rotate_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/rotate"
)

// dyingDisk is the real disk until a number of changes is used up; then every change
// fails, as if the program had been killed there.
type dyingDisk struct{ left int }

var errDied = errors.New("the program died here")

func (d *dyingDisk) spend() error {
	if d.left--; d.left < 0 {
		return errDied
	}
	return nil
}

func (d *dyingDisk) CreateTemp(dir, pattern string) (files.File, error) {
	if err := d.spend(); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, pattern)
	return dyingFile{f, d}, err
}

type dyingFile struct {
	*os.File
	disk *dyingDisk
}

func (f dyingFile) Write(p []byte) (int, error) {
	if err := f.disk.spend(); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f dyingFile) Chmod(mode fs.FileMode) error {
	return errors.Join(f.disk.spend(), f.File.Chmod(mode))
}
func (f dyingFile) Sync() error { return f.disk.spend() }

func (d *dyingDisk) change(do func() error) error {
	if err := d.spend(); err != nil {
		return err
	}
	return do()
}
func (d *dyingDisk) Link(a, b string) error { return d.change(func() error { return os.Link(a, b) }) }
func (d *dyingDisk) Rename(a, b string) error {
	return d.change(func() error { return os.Rename(a, b) })
}
func (d *dyingDisk) Remove(a string) error { return d.change(func() error { return os.Remove(a) }) }
func (d *dyingDisk) SyncDir(string) error  { return d.spend() }

// TestS73_DiesAtEachChange lets a complete life of keys die at its first change to the
// disk, its second, and so on. The next run must continue as if nothing had happened.
func TestS73_DiesAtEachChange(t *testing.T) {
	whole := 0
	for left := 0; whole < 3; left++ {
		dir, c := t.TempDir(), &clock{noon}
		disk := &dyingDisk{left: left}
		died := false
		for hour := 0; hour < 30; hour++ {
			r := newRotation(dir, c)
			r.Writer.Disk = disk
			if _, _, err := r.Run(); err != nil {
				if fault.CodeOf(err) != fault.FileFailed || died {
					t.Fatalf("died at change %d: got %v, want %v", left, err, fault.FileFailed)
				}
				died = true
				disk.left = 1 << 30 // the disk works for the next run
				run(t, newRotation(dir, c))
			}
			before, err := rotate.ReadState(dir)
			if err != nil {
				t.Fatal(err)
			}
			if got := signer(t, dir); got != before.Active.KeyID {
				t.Fatalf("got signer %s, want %s", got, before.Active.KeyID)
			}
			if n := len(served(t, dir)); n > 3 {
				t.Fatalf("died at change %d: %d keys are published after %d hours", left, n, hour)
			}
			c.advance(time.Hour)
		}
		checkNames(t, dir)
		if !died {
			whole++
		}
	}
}

// checkNames fails unless the state names every key file in dir.
func checkNames(t *testing.T, dir string) {
	t.Helper()
	s, err := rotate.ReadState(dir)
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	named = append(named, s.Active.KeyID)
	if s.Next != nil {
		named = append(named, s.Next.KeyID)
	}
	for _, r := range s.Retired {
		named = append(named, r.KeyID)
	}
	for _, id := range served(t, dir) {
		if !slices.Contains(named, id) {
			t.Errorf("%s is published, but not in the state %+v", id, s)
		}
	}
}

// TestS73_RotationContinuesAfterKill repeatedly kills a program that rotates all the time.
func TestS73_RotationContinuesAfterKill(t *testing.T) {
	if dir := os.Getenv("ROTATE_FOREVER"); dir != "" {
		rotateForever(dir)
	}
	dir := t.TempDir()
	for i := range 100 {
		child := exec.Command(os.Args[0], "-test.run=^TestS73_RotationContinuesAfterKill$")
		child.Env = append(os.Environ(), "ROTATE_FOREVER="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i*700%5000) * time.Microsecond)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait()
		if _, err := rotate.Signer(dir); err != nil && i > 0 {
			t.Errorf("after kill %d: %v", i, err)
		}
		checkModes(t, dir)
	}
	r := newRotation(dir, &clock{time.Now().Add(24 * time.Hour)})
	run(t, r)
	r.Now = func() time.Time { return time.Now().Add(48 * time.Hour) }
	run(t, r)
	checkNames(t, dir)
}

// checkModes fails if others can read more than the state.
func checkModes(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		isState := strings.Contains(e.Name(), jwks.RotationState)
		if info.Mode().Perm()&0o077 != 0 && !isState {
			t.Errorf("%s has mode %s", e.Name(), info.Mode())
		}
	}
}

// rotateForever makes, promotes and removes keys until it is killed.
func rotateForever(dir string) {
	c := &clock{time.Now()}
	for first := true; ; first = false {
		r := newRotation(dir, c)
		r.Policy.Force = true
		if _, _, err := r.Run(); err != nil {
			panic(err)
		}
		if first {
			_, _ = os.Stdout.WriteString(".")
		}
		c.advance(time.Hour)
	}
}
