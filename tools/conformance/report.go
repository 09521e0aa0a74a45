package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// outcome is how one run of a suite ended.
type outcome struct {
	total  int
	failed map[string]string // why, by the name of the case
}

func (o outcome) passed() int { return o.total - len(o.failed) }

// result is how a suite ended directly, and through the proxy or under the interceptors.
type result struct {
	suite           string
	direct, through outcome

	broken   []string // only fail through the proxy, without an exception
	excepted int
	mended   []exception // name cases of which none fails any longer
}

// judge compares both runs.
func (r *result) judge(known []exception) {
	used := make([]bool, len(known))
	for name := range r.through.failed {
		if _, also := r.direct.failed[name]; also {
			continue
		}
		i := slices.IndexFunc(known, func(e exception) bool { return e.covers(r.suite, name) })
		if i < 0 {
			r.broken = append(r.broken, name)
			continue
		}
		used[i] = true
		r.excepted++
	}
	slices.Sort(r.broken)
	for i, e := range known {
		if e.suite.MatchString(r.suite) && !used[i] && !e.shared() {
			r.mended = append(r.mended, e)
		}
	}
}

// cutOff is what connectconformance's client says where its own deadline came between
// the header and the body of an answer: it looks at the body as far as it was read.
const cutOff = "connect error JSON: unexpected end of JSON input"

// closed is what it says where an HTTP/1.1 connection ended while it was still sending a
// request that already had its response: it may then not see the response (RFC 9112,
// section 9.6).
var closed = regexp.MustCompile(`write: (broken pipe|connection reset by peer)"`)

// chance reports whether all that is broken are one or two cases that fail by chance on a
// slow machine: such a suite is run once more, and the second run counts. Of a deadline,
// client and server wait equally long.
func (r *result) chance() bool {
	return len(r.broken) > 0 && len(r.broken) <= 2 && !slices.ContainsFunc(r.broken, func(name string) bool {
		text := r.through.failed[name]
		late := strings.HasPrefix(name, "Timeouts/") && strings.TrimSpace(text) == cutOff
		return !late && !(strings.Contains(name, "/HTTPVersion:1/") && closed.MatchString(text))
	})
}

// good reports whether the proxy breaks nothing that is not excepted. A run in
// which not one case passes directly proves nothing.
func (r *result) good() bool {
	return len(r.broken) == 0 && len(r.mended) == 0 && r.direct.total == r.through.total && r.direct.passed() > 0
}

func printHeader(w io.Writer) {
	fmt.Fprintf(w, "%-34s %8s %8s %8s %9s\n", "suite", "cases", "direct", "through", "excepted")
}

func (r *result) print(w io.Writer) {
	fmt.Fprintf(w, "%-34s %8d %8d %8d %9d\n", r.suite, r.direct.total, r.direct.passed(), r.through.passed(), r.excepted)
	if r.direct.total != r.through.total {
		fmt.Fprintf(w, "  %d cases ran through jwtctl\n", r.through.total)
	}
	for _, name := range r.broken {
		fmt.Fprintf(w, "  FAILS THROUGH JWTCTL: %s\n%s\n", name, r.through.failed[name])
	}
	for _, e := range r.mended {
		fmt.Fprintf(w, "  PASSES NOW: exceptions.txt:%d names %s; remove the line\n", e.line, e.pattern)
	}
}
