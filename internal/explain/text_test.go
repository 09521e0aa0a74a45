package explain

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestEachFactHasAPosition: every fact of every fixture has a position.
func TestEachFactHasAPosition(t *testing.T) {
	t.Parallel()
	place := regexp.MustCompile(`\.proto:\d+:\d+$`)
	for name, v := range charts(t) {
		var check func(path string, x reflect.Value)
		check = func(path string, x reflect.Value) {
			switch x.Kind() {
			case reflect.Pointer:
				if !x.IsNil() {
					check(path, x.Elem())
				}
			case reflect.Slice:
				for i := range x.Len() {
					check(fmt.Sprintf("%s[%d]", path, i), x.Index(i))
				}
			case reflect.Struct:
				for i := range x.NumField() {
					f := x.Type().Field(i)
					optional := strings.Contains(f.Tag.Get("json"), "omitempty") && x.Field(i).IsZero()
					if (f.Name == "From" || f.Name == "At") && !optional && !place.MatchString(x.Field(i).String()) {
						t.Errorf("%s: %s.%s is %q", name, path, f.Name, x.Field(i))
					}
					check(path+"."+f.Name, x.Field(i))
				}
			}
		}
		check("view", reflect.ValueOf(*v))
		for _, m := range v.Methods {
			if (m.Policy == PolicyNone) != (m.From == "") || (m.Request.Is == Untouched) != (m.Request.From == "") || (m.Response.Is == Untouched) != (m.Response.From == "") {
				t.Errorf("%s: got %+v", name, m)
			}
		}
	}
}

// TestTextKeepsTheWidth: lines keep within the width as far as words permit, styles are
// used by name only, and a write error is returned.
func TestTextKeepsTheWidth(t *testing.T) {
	t.Parallel()
	styles := []string{StyleHeading, StylePlace, StyleGood, StyleWarn, StyleBad, StyleDim}
	for name, v := range charts(t) {
		plain := textOf(t, v, TextOptions{Width: 110})
		for line := range strings.SplitSeq(plain, "\n") {
			if n := utf8.RuneCountInString(line); n > 110 && !strings.Contains(line, "[0-9a-fA-F]") || strings.TrimRight(line, " ") != line {
				t.Errorf("%s: %d columns: %q", name, n, line)
			}
		}
		painted := textOf(t, v, TextOptions{Width: 110, Paint: func(style, text string) string {
			if !slices.Contains(styles, style) {
				t.Errorf("style %q", style)
			}
			return "\x1b[1m" + text + "\x1b[0m"
		}})
		if got := strings.NewReplacer("\x1b[1m", "", "\x1b[0m", "").Replace(painted); got != plain {
			t.Errorf("%s: colors change the text:\n%s\n%s", name, got, plain)
		}
	}
	v := &View{Methods: []Method{{Name: "x.S/M"}}}
	for name, write := range map[string]func(io.Writer) error{"text": func(w io.Writer) error { return v.WriteText(w, TextOptions{}) }, "mermaid": v.WriteMermaid, "dot": v.WriteDOT} {
		if err := write(broken{}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
