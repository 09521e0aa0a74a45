package temporal

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Release is a release of go.temporal.io/server, with the properties by which releases
// differ (temporal.md section 6).
type Release struct {
	// Version is the version as the server reports it: "1.32.2".
	Version string
	// Streams: streaming calls are authorized, rather than all allowed.
	Streams bool
	// StreamAudience: the audience is checked on streams too.
	StreamAudience bool
	// FileSources: keySourceURIs may start with file://.
	FileSources bool
	// Embedded: the configuration template is in the program, and the image reads
	// TEMPORAL_SERVICES instead of SERVICES.
	Embedded bool
}

// Newest returns the newest known release.
func Newest() Release { releases := Releases(); return releases[len(releases)-1] }

// ParseRelease returns the release called text, with or without "v"; "" is the newest,
// and "1.30" the newest 1.30 release. An unknown patch release is treated as the one
// before it if the known releases around it decide alike. Any other text is a usage
// error.
func ParseRelease(text string) (Release, error) {
	if text == "" {
		return Newest(), nil
	}
	version := strings.TrimPrefix(text, "v")
	releases := Releases()
	want, ok := numbersOf(version)
	if !ok {
		return Release{}, unknownRelease(text, "is not a version such as 1.30 or %s", Newest().Version)
	}
	var before, after *Release
	for i, r := range releases {
		n, _ := numbersOf(r.Version)
		if n[0] != want[0] || n[1] != want[1] {
			continue
		}
		switch {
		case len(want) == 2 || n[2] <= want[2]:
			before = &releases[i]
		case after == nil:
			after = &releases[i]
		}
	}
	switch {
	case before == nil:
	case len(want) == 2 || before.Version == version:
		return *before, nil
	case after != nil && before.decidesLike(*after):
		r := *before
		r.Version = version
		return r, nil
	}
	return Release{}, unknownRelease(text, "is not a known release of a Temporal server")
}

func unknownRelease(text, format string, args ...any) error {
	var known []string
	for _, r := range Releases() {
		known = append(known, r.Version)
	}
	return fault.New(fault.UsageError, "server-version", "%q %s", quote.Shorten(text), fmt.Sprintf(format, args...)).
		WithHint("known releases: %s", strings.Join(known, ", "))
}

// numbersOf parses "1.30" or "1.30.8".
func numbersOf(version string) ([]int, bool) {
	parts := strings.Split(version, ".")
	if len(parts) != 2 && len(parts) != 3 {
		return nil, false
	}
	var list []int
	for _, part := range parts {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return nil, false
		}
		list = append(list, int(n))
	}
	return list, true
}

// decidesLike reports whether r and other differ only in their version.
func (r Release) decidesLike(other Release) bool {
	return slices.Equal(r.APIs(), other.APIs()) && r.same(other)
}

func (r Release) same(other Release) bool {
	r.Version = other.Version
	return r == other
}

// compareReleases compares two versions that numbersOf can parse.
func compareReleases(a, b string) int {
	left, _ := numbersOf(a)
	right, _ := numbersOf(b)
	return slices.Compare(left, right)
}

// since returns the first release from which on all have a property.
func since(has func(Release) bool) string {
	first := ""
	for _, r := range slices.Backward(Releases()) {
		if !has(r) {
			break
		}
		first = r.Version
	}
	return "since " + first
}

// apiService holds the methods of a service in all releases.
type apiService struct {
	Service string
	Methods []apiRow
}

// apiRow is a method in the releases from Since to Until, inclusive; "" means no limit.
type apiRow struct {
	Method       string
	Scope        Scope
	Access       Access
	Stream       bool
	TaskToken    bool
	HTTP         bool
	Since, Until string
}

func (row apiRow) in(version string) bool {
	return (row.Since == "" || compareReleases(version, row.Since) >= 0) && (row.Until == "" || compareReleases(version, row.Until) <= 0)
}

// APIs returns every API of the release's frontend.
func (r Release) APIs() []API {
	var list []API
	for _, s := range apiTable() {
		for _, row := range s.Methods {
			if row.in(r.Version) {
				list = append(list, API{
					Name: "/" + s.Service + "/" + row.Method, Scope: row.Scope, Access: row.Access,
					Stream: row.Stream, TaskToken: row.TaskToken, HTTP: row.HTTP,
				})
			}
		}
	}
	return list
}

// elsewhere lists the releases that have an API called name, or returns "".
func elsewhere(name string) string {
	var first, last string
	for _, r := range Releases() {
		if slices.ContainsFunc(r.APIs(), func(a API) bool { return a.matchesName(name) }) {
			first, last = cmp.Or(first, r.Version), r.Version
		}
	}
	switch {
	case first == "":
		return ""
	case last == Newest().Version:
		return "since " + first
	}
	return "from " + first + " to " + last
}
