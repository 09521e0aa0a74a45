package serverconfig

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jwtctl/jwtctl/internal/template"
)

// Limits of a template: output in bytes, and work as in template.Template.Work. Real
// templates need a thousandth.
const (
	maxRendered = 1 << 20
	maxWork     = 8 << 20
)

// render runs a template of a server's configuration with the variables vars. A server
// supports two kinds: its own, with functions like sprig's, after a comment
// "enable-template", and dockerize's, with .Env. Other text is returned unchanged.
func render(name string, text []byte, vars map[string]string) (out []byte, missing []string, err error) {
	read := func(variable string) string {
		value, set := vars[variable]
		if !set && !slices.Contains(missing, variable) {
			missing = append(missing, variable)
		}
		return value
	}
	funcs := functions()
	switch {
	case isEnabled(text):
		funcs["env"] = read
		funcs["expandenv"] = func(text string) (string, error) {
			text = expand(text, vars)
			return text, checkSize("expandenv", len(text), 2)
		}
	case isTemplate(text):
		delete(funcs, "env")
		delete(funcs, "expandenv")
		maps.Copy(funcs, dockerize(funcs))
	default:
		return text, nil, nil
	}
	t, err := template.Parse(name, string(text), "", "", funcs)
	if err != nil {
		return nil, nil, err
	}
	t.Work = maxWork
	w := &limitedBuffer{}
	if err := t.Execute(w, map[string]any{"Env": vars}); err != nil {
		return nil, nil, err
	}
	slices.Sort(missing)
	return w.Bytes(), missing, nil
}

// isEnabled reports whether text enables the server's own templates.
func isEnabled(text []byte) bool {
	head := text[:min(len(text), 1024)]
	return slices.ContainsFunc(strings.Split(string(head), "\n"), func(line string) bool {
		line = strings.TrimSpace(line)
		return strings.HasPrefix(line, "#") && strings.Contains(line, "enable-template")
	})
}

// isTemplate reports whether text is a template of either kind.
func isTemplate(text []byte) bool {
	return isEnabled(text) || bytes.Contains(text, []byte("{{")) && bytes.Contains(text, []byte(".Env."))
}

// limitedBuffer is a buffer of up to maxRendered bytes.
type limitedBuffer struct{ bytes.Buffer }

func (l *limitedBuffer) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxRendered {
		return 0, errors.New("makes more than 1 MiB")
	}
	return l.Buffer.Write(p)
}

// dockerize returns dockerize's functions, given sprig's; its default has the arguments
// in the other order.
func dockerize(all template.Functions) template.Functions {
	replace := all["replace"].(func(string, string, string) (string, error))
	return template.Functions{
		"default": func(value any, fallback ...any) (any, error) {
			if text, isText := value.(string); isText && text != "" || value != nil && !isText {
				return value, nil
			}
			if len(fallback) == 0 {
				return nil, errors.New("default needs a value")
			}
			return fallback[0], nil
		},
		"contains": func(m map[string]string, key string) bool { _, ok := m[key]; return ok },
		"split":    strings.Split,
		"replace": func(text, old, with string, n int) (string, error) {
			if _, err := replace(old, with, text); err != nil {
				return "", err
			}
			return strings.Replace(text, old, with, n), nil
		},
		"lower": strings.ToLower,
		"upper": strings.ToUpper,
		"atoi":  strconv.Atoi,
		"add":   func(a, b int) int { return a + b },
		"isTrue": func(text string) bool {
			b, err := strconv.ParseBool(strings.ToLower(text))
			return err == nil && b
		},
	}
}

// expand replaces $NAME, ${NAME}, ${NAME:-DEFAULT} and ${NAME-DEFAULT} like compose; $$
// is a dollar sign. The result is cut at maxRendered.
func expand(text string, vars map[string]string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		if b.Len() > maxRendered {
			return b.String()[:maxRendered]
		}
		if !found {
			return b.String()
		}
		value, rest := reference(after, vars)
		b.WriteString(value)
		text = rest
	}
}

// reference expands what follows a dollar sign.
func reference(after string, vars map[string]string) (value, rest string) {
	if strings.HasPrefix(after, "$") {
		return "$", after[1:]
	}
	if inner, tail, closed := strings.Cut(strings.TrimPrefix(after, "{"), "}"); strings.HasPrefix(after, "{") && closed {
		name := inner[:nameLength(inner)]
		value, set := vars[name]
		switch operator := inner[len(name):]; {
		case strings.HasPrefix(operator, ":-") && value == "":
			value = operator[2:]
		case strings.HasPrefix(operator, "-") && !set:
			value = operator[1:]
		case strings.HasPrefix(operator, ":+") && value != "":
			value = operator[2:]
		}
		return value, tail
	}
	if n := nameLength(after); n > 0 {
		return vars[after[:n]], after[n:]
	}
	return "$", after
}

func nameLength(text string) int {
	for i, r := range text {
		if r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (i == 0 || r < '0' || r > '9') {
			return i
		}
	}
	return len(text)
}

// templateProblem words an error of a template for people.
func templateProblem(name string, err error) error {
	return fmt.Errorf("%s: the server cannot read this template: %w", name, err)
}
