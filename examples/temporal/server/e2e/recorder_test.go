package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// entry is one line of the server's log.
type entry struct {
	level, message, err string
}

func (e entry) String() string { return e.level + " " + e.message + " " + e.err }

// recorder is a server's logger that keeps warnings and errors.
type recorder struct {
	mu      sync.Mutex
	entries []entry
}

var _ log.Logger = (*recorder)(nil)

func (r *recorder) Debug(string, ...tag.Tag)              {}
func (r *recorder) Info(string, ...tag.Tag)               {}
func (r *recorder) Warn(message string, tags ...tag.Tag)  { r.add("warn", message, tags) }
func (r *recorder) Error(message string, tags ...tag.Tag) { r.add("error", message, tags) }

func (r *recorder) DPanic(message string, tags ...tag.Tag) { r.add("panic", message, tags) }

func (r *recorder) Panic(message string, tags ...tag.Tag) {
	r.add("panic", message, tags)
	panic(message)
}

// fatal is the panic of a fatal log line.
type fatal string

// Fatal panics instead of ending the test process, so that the start can be retried: a
// taken port ends here.
func (r *recorder) Fatal(message string, tags ...tag.Tag) {
	r.add("fatal", message, tags)
	panic(fatal(message))
}

func (r *recorder) add(level, message string, tags []tag.Tag) {
	e := entry{level: level, message: message}
	for _, t := range tags {
		if t.Key() == "error" {
			e.err = fmt.Sprint(t.Value())
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, e)
}

// mark is a position in the log, to read only what comes after it.
func (r *recorder) mark() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.entries)
}

// refusals returns the logged causes of refused tokens since a mark.
func (r *recorder) refusals(since int) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var causes []string
	for _, e := range r.entries[since:] {
		if e.message == "Authorization error" {
			causes = append(causes, e.err)
		}
	}
	return causes
}

// tail returns the last lines, for a failure message.
func (r *recorder) tail(lines int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for _, e := range slices.Clone(r.entries)[max(0, len(r.entries)-lines):] {
		fmt.Fprintln(&b, redact(e.String()))
	}
	return b.String()
}
