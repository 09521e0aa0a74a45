package serverconfig

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	sprig "github.com/go-task/slim-sprig/v3"

	"github.com/jwtctl/jwtctl/internal/template"
)

// functions returns sprig's functions, except those that access this machine's variables
// and network, or make lists from numbers. Functions that can amplify their input are
// limited by the size of their result; all others by the template's work.
func functions() template.Functions {
	funcs := template.Functions(sprig.FuncMap())
	for _, unsafe := range []string{"getHostByName", "until", "untilStep", "seq", "repeat"} {
		delete(funcs, unsafe)
	}
	for _, name := range []string{"indent", "nindent"} {
		original := funcs[name].(func(int, string) string)
		funcs[name] = func(spaces int, text string) (string, error) {
			if err := checkSize(name, spaces, strings.Count(text, "\n")+1); err != nil {
				return "", err
			}
			return original(spaces, text), nil
		}
	}
	for _, name := range []string{"regexReplaceAll", "regexReplaceAllLiteral"} {
		original := funcs[name].(func(string, string, string) string)
		funcs[name] = func(pattern, text, with string) (string, error) {
			if err := checkSize(name, len(text)+1, len(with)+1); err != nil {
				return "", err
			}
			return original(pattern, text, with), nil
		}
		must := funcs["mustR"+name[1:]].(func(string, string, string) (string, error))
		funcs["mustR"+name[1:]] = func(pattern, text, with string) (string, error) {
			if err := checkSize(name, len(text)+1, len(with)+1); err != nil {
				return "", err
			}
			return must(pattern, text, with)
		}
	}
	funcs["replace"] = func(old, with, text string) (string, error) {
		if err := checkSize("replace", strings.Count(text, old), len(with)); err != nil {
			return "", err
		}
		return strings.ReplaceAll(text, old, with), nil
	}
	join := funcs["join"].(func(string, any) string)
	funcs["join"] = func(between string, list any) (string, error) {
		if err := checkSize("join", len(between), maxWork>>10); err != nil { // more elements are too much work
			return "", err
		}
		return join(between, list), nil
	}
	wide := regexp.MustCompile(`%[^a-zA-Z%]*([0-9]{4}|\*)`)
	funcs["printf"] = func(format string, args ...any) (string, error) {
		if wide.MatchString(format) {
			return "", errors.New("a width is too large")
		}
		return fmt.Sprintf(format, args...), nil
	}
	return funcs
}

// checkSize returns an error if n times each exceeds what a template may produce.
func checkSize(function string, n, each int) error {
	if n > maxRendered || each > maxRendered || n*each > maxRendered {
		return fmt.Errorf("%s makes more than 1 MiB", function)
	}
	return nil
}
