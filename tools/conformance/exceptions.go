package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// exception is a line of exceptions.txt: cases of a suite that pass directly and
// are known to fail through the proxy.
type exception struct {
	suite     *regexp.Regexp
	suiteText string
	pattern   string
	cases     *regexp.Regexp
	reason    string
	line      int
}

// covers reports whether e names the case of the suite.
func (e exception) covers(suite, name string) bool {
	return e.suite.MatchString(suite) && e.cases.MatchString(name)
}

// shared reports whether e applies to several suites, so that a single suite cannot show
// that it is no longer needed.
func (e exception) shared() bool { return strings.Contains(e.suiteText, "*") }

// readExceptions reads lines of "SUITE | CASE | REASON", in which * is any text.
// Empty lines and those that begin with # are skipped. A line without a reason
// is an error.
func readExceptions(path string) ([]exception, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseExceptions(path, string(text))
}

func parseExceptions(path, text string) ([]exception, error) {
	var all []exception
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.SplitN(line, "|", 3)
		for j := range fields {
			fields[j] = strings.TrimSpace(fields[j])
		}
		if len(fields) != 3 || fields[0] == "" || fields[1] == "" || fields[2] == "" {
			return nil, fmt.Errorf("%s:%d: must be SUITE | CASE | REASON", path, i+1)
		}
		all = append(all, exception{
			suite: wildcard(fields[0]), suiteText: fields[0],
			pattern: fields[1], cases: wildcard(fields[1]), reason: fields[2], line: i + 1,
		})
	}
	return all, nil
}

// wildcard returns what matches pattern as a whole, whose * is any text.
func wildcard(pattern string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$")
}
