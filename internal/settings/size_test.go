package settings

import (
	"testing"

	"github.com/spf13/pflag"
)

// TestSizeFlag reads numbers of bytes with and without a unit, within bounds, and
// prints what it reads.
func TestSizeFlag(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"1KiB": 1 << 10, "1024": 1 << 10, "1024B": 1 << 10, "4MiB": 4 << 20, "4 MiB": 4 << 20, "1500": 1500, "1GiB": 1 << 30,
		"": 0, "MiB": 0, "1MB": 0, "1mib": 0, "-1": 0, "1.5MiB": 0, "0": 0, "1023": 0, "2GiB": 0, "1073741825": 0, "99999999999999999999": 0, "2147483647GiB": 0, "1e3": 0, "0x10KiB": 0,
	} {
		var n int
		fs := pflag.NewFlagSet("", pflag.ContinueOnError)
		SizeVar(fs, &n, "x", 7, 1<<10, 1<<30, "")
		err := fs.Set("x", text)
		if want == 0 {
			if err == nil || n != 7 {
				t.Errorf("%q: got %d, %v, want 7", text, n, err)
			}
			continue
		}
		if err != nil || n != want {
			t.Errorf("%q: got %d, %v, want %d", text, n, err, want)
			continue
		}
		shown := fs.Lookup("x").Value.String()
		if err := fs.Set("x", shown); err != nil || n != want {
			t.Errorf("%q is printed as %q: got %d, %v, want %d", text, shown, n, err, want)
		}
	}
}
