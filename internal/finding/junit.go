package finding

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/jwtctl/jwtctl/internal/quote"
)

// WriteJUnit prints JUnit XML as GitLab, Jenkins and GitHub actions read it: a suite for
// each file with a case for each finding. Findings that fail the run are failures:
// errors, and warnings if the report is Strict. Others are skipped cases, which CI
// systems show without failing. A run without findings is one passed case, since Jenkins
// refuses a file without any.
//
// Characters that a terminal interprets, or that XML cannot hold, are written as \uXXXX.
func (r Report) WriteJUnit(w io.Writer) error {
	var cases []Case
	sorted := Sort(r.Findings)
	if len(sorted) == 0 {
		cases = append(cases, Case{Suite: r.Tool, Class: r.Tool, Name: "no findings"})
	}
	for _, f := range sorted {
		class := cmp.Or(f.Pos.File, r.Tool)
		c := Case{
			Suite: class, Class: class, Name: cmp.Or(strings.TrimSpace(f.Rule+" "+f.Subject), "finding"), File: f.Pos.File, Line: f.Pos.Line,
			Outcome: Skipped, Type: f.Rule, Message: f.Message, Text: textOf(f),
		}
		if f.Severity != Note && (r.Strict || f.Severity != Warning) {
			c.Outcome = Failed
		}
		cases = append(cases, c)
	}
	return WriteJUnit(w, r.Tool, cases)
}

// textOf returns f as text: Jenkins shows the attribute, but GitLab shows the text.
func textOf(f Finding) string {
	var text bytes.Buffer
	_ = Report{Findings: []Finding{f}}.WriteText(&text, TextOptions{}) // a buffer never fails
	return strings.TrimSuffix(text.String(), "\n")
}

// Outcome is the result of a Case.
type Outcome int

// The outcomes. Errored means that it could not be decided.
const (
	Passed Outcome = iota
	Failed
	Errored
	Skipped
)

// Case is one case of a JUnit report.
type Case struct {
	Suite, Class, Name string
	// File is "" and Line is 0 if the case has no position.
	File    string
	Line    int
	Outcome Outcome
	// The reason, unless the case passed. Text is printed unchanged.
	Type, Message, Text string
}

// WriteJUnit prints cases as JUnit XML, with consecutive cases of one Suite in one
// element. The error is that of w.
func WriteJUnit(w io.Writer, name string, cases []Case) error {
	out := junitSuites{Name: quote.Escape(name, "")}
	seen := map[junitCase]int{}
	for _, one := range cases {
		c := junitCase{Class: quote.Escape(one.Class, ""), Name: quote.Escape(one.Name, ""), File: quote.Escape(one.File, "")}
		// GitLab identifies cases across runs by name and drops duplicates: so the name
		// has no line number, but a counter if it repeats.
		key := c
		if seen[key]++; seen[key] > 1 {
			c.Name += fmt.Sprintf(" #%d", seen[key])
		}
		c.Line = max(one.Line, 0)
		reason := &junitOutcome{Message: quote.Escape(one.Message, ""), Type: quote.Escape(one.Type, ""), Text: one.Text}
		switch one.Outcome {
		case Failed:
			c.Failure = reason
		case Errored:
			c.Error = reason
		case Skipped:
			c.Skipped = reason
		}
		out.add(quote.Escape(one.Suite, ""), c)
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(&b)
	enc.Indent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := b.WriteTo(w)
	return err
}

type junitSuites struct {
	XMLName xml.Name `xml:"testsuites"`
	Name    string   `xml:"name,attr"`
	junitCounts
	Suites []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name string `xml:"name,attr"`
	junitCounts
	Cases []junitCase `xml:"testcase"`
}

type junitCounts struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
	Time     int `xml:"time,attr"` // always 0, so that equal findings print the same
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Time    int           `xml:"time,attr"`
	Failure *junitOutcome `xml:"failure"`
	Error   *junitOutcome `xml:"error"`
	Skipped *junitOutcome `xml:"skipped"`
}

type junitOutcome struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// add adds c to the last suite if that has the same name, and otherwise to a new one.
func (s *junitSuites) add(suite string, c junitCase) {
	if n := len(s.Suites); n == 0 || s.Suites[n-1].Name != suite {
		s.Suites = append(s.Suites, junitSuite{Name: suite})
	}
	last := &s.Suites[len(s.Suites)-1]
	last.Cases = append(last.Cases, c)
	last.count(c)
	s.count(c)
}

func (n *junitCounts) count(c junitCase) {
	n.Tests++
	switch {
	case c.Failure != nil:
		n.Failures++
	case c.Error != nil:
		n.Errors++
	case c.Skipped != nil:
		n.Skipped++
	}
}
