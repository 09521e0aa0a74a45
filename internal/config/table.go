package config

import (
	_ "embed"
	"fmt"
	"iter"
	"regexp"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// table has a row for each key of jwtctl.yaml that has a flag: key, type, choices and
// help, separated by tabs, in the order of the keys. It is generated from the flags (make
// generate), so that reading a file does not need to build them.
//
//go:embed table.txt
var table string

// Kind describes the values of a flag, or its key.
type Kind struct {
	// Type is pflag's type: bool, int, duration, string or stringArray.
	Type string
	// Choices are the choices, or nil.
	Choices []string
	// Usage is the help.
	Usage string
	// Must says what a value must be, or "" if Type says it.
	Must string
}

// lookup returns the row of key.
func lookup(key string) (k Kind, known bool) {
	start := 0
	if strings.ContainsAny(key, "\t\n") {
		return k, false
	}
	if !strings.HasPrefix(table, key+"\t") {
		if start = strings.Index(table, "\n"+key+"\t") + 1; start == 0 {
			return k, false
		}
	}
	row, _, _ := strings.Cut(table[start:], "\n")
	_, k = parseRow(row)
	return k, true
}

// hasSection reports whether keys of the table start with name and a dot.
func hasSection(name string) bool {
	return !strings.ContainsAny(name, ".\t\n") && strings.Contains("\n"+table, "\n"+name+".")
}

// keysOf yields each key of a table with its kind.
func keysOf(rows string) iter.Seq2[string, Kind] {
	return func(yield func(string, Kind) bool) {
		for row := range strings.Lines(rows) {
			if !yield(parseRow(strings.TrimSuffix(row, "\n"))) {
				return
			}
		}
	}
}

func parseRow(row string) (key string, k Kind) {
	cells := strings.SplitN(row, "\t", 4)
	k = Kind{Type: cells[1], Usage: cells[3]}
	if cells[2] != "" {
		k.Choices = strings.Split(cells[2], " ")
	}
	return cells[0], k
}

// Needed returns the end of a sentence about an invalid value of k.
func (k Kind) Needed() string {
	if k.Must != "" {
		return k.Must
	}
	switch {
	case len(k.Choices) == 2:
		return "is neither " + k.Choices[0] + " nor " + k.Choices[1]
	case k.Choices != nil:
		return "is not one of " + strings.Join(k.Choices, ", ")
	case k.Type == "duration":
		return "must be a duration such as 90s, 10m or 1h30m"
	case k.Type == "bool":
		return "must be true or false"
	case k.Type == "int":
		return "must be a whole number"
	}
	return fmt.Sprintf("must be a %s", k.Type)
}

// Invalid returns the error for an invalid value, with a hint if it is clear what was
// meant. of says what the value is for.
func (k Kind) Invalid(code fault.Code, what, value, of string) error {
	if k.Choices != nil {
		return fault.New(code, what, "%q %s", value, k.Needed())
	}
	err := fault.New(code, what, "invalid value %q%s: %s", value, of, k.Needed())
	if hint := durationHint(value); k.Type == "duration" && hint != "" {
		return err.WithHint("%s", hint)
	}
	return err
}

// durationHint returns a hint for a duration in another tool's format.
func durationHint(value string) string {
	var n int
	switch m := regexp.MustCompile(`^(\d{1,6})(?:\s*(d|days?|w|weeks?))?$`).FindStringSubmatch(value); {
	case m == nil:
	case m[2] == "":
		return fmt.Sprintf("add a unit: %ss, %sm or %sh", m[1], m[1], m[1])
	default:
		_, _ = fmt.Sscan(m[1], &n)
		if m[2][0] == 'w' {
			n *= 7
		}
		return fmt.Sprintf("the largest unit is hours: %dh", n*24)
	}
	return ""
}
