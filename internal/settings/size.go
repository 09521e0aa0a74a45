package settings

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// size is the value of a flag for a number of bytes: 4MiB, 16KiB, 1000.
type size struct {
	to       *int
	min, max int
}

// SizeVar defines a flag for a number of bytes from min to max.
func SizeVar(fs *pflag.FlagSet, to *int, name string, initial, min, max int, usage string) {
	*to = initial
	fs.Var(size{to, min, max}, name, usage)
}

var sizeUnits = []struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

// Set implements pflag.Value.
func (s size) Set(text string) error {
	for _, unit := range sizeUnits {
		digits, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 31)
		if err != nil {
			break
		}
		if total := n * uint64(unit.bytes); total < uint64(s.min) || total > uint64(s.max) {
			break
		}
		*s.to = int(n) * unit.bytes
		return nil
	}
	return errors.New(s.needed())
}

func (s size) needed() string {
	return fmt.Sprintf("must be a number of bytes from %s to %s", sizeText(s.min), sizeText(s.max))
}

// String implements pflag.Value.
func (s size) String() string {
	if s.to == nil { // pflag makes a zero value to compare with
		return ""
	}
	return sizeText(*s.to)
}

// Type implements pflag.Value.
func (size) Type() string { return "string" }

// sizeText formats n in the largest unit that divides it.
func sizeText(n int) string {
	for _, unit := range sizeUnits {
		if unit.bytes > 1 && n >= unit.bytes && n%unit.bytes == 0 {
			return strconv.Itoa(n/unit.bytes) + unit.name
		}
	}
	return strconv.Itoa(n)
}
