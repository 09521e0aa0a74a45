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

// WriteJUnit prints JUnit XML as GitLab, Jenkins and the actions of GitHub read
// it: a suite for each file, in it a case for each finding. What fails the run
// is a failure: errors, and warnings if the report is Strict. Any other finding
// is a skipped case, which CI systems show and nothing fails by. A run without
// findings is one case that passed, since Jenkins refuses a file without any.
//
// Characters that a terminal acts on, or that XML cannot hold, are written as
// \uXXXX.
func (r Report) WriteJUnit(w io.Writer) error {
	out := junitSuites{Name: quote.Escape(r.Tool, "")}
	sorted := Sort(r.Findings)
	if len(sorted) == 0 {
		out.add(junitCase{Name: "no findings", Class: out.Name})
	}
	seen := map[junitCase]int{}
	for _, f := range sorted {
		c := junitCase{
			Name:  quote.Escape(cmp.Or(strings.TrimSpace(f.Rule+" "+f.Subject), "finding"), ""),
			Class: quote.Escape(cmp.Or(f.At.File, r.Tool), ""),
			File:  quote.Escape(f.At.File, ""),
		}
		// GitLab follows a case from run to run by its name and drops the second
		// of one name: so the name holds no line, and a number where it repeats.
		key := c
		if seen[key]++; seen[key] > 1 {
			c.Name += fmt.Sprintf(" #%d", seen[key])
		}
		c.Line = max(f.At.Line, 0)
		outcome := newJUnitOutcome(f)
		if f.Severity != Note && (r.Strict || f.Severity != Warning) {
			c.Failure = outcome
		} else {
			c.Skipped = outcome
		}
		out.add(c)
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

// newJUnitOutcome says it twice: Jenkins shows the attribute, GitLab the text.
func newJUnitOutcome(f Finding) *junitOutcome {
	var text bytes.Buffer
	_ = Report{Findings: []Finding{f}}.WriteText(&text, TextOptions{}) // a buffer takes everything
	return &junitOutcome{Message: quote.Escape(f.Message, ""), Type: quote.Escape(f.Rule, ""), Text: strings.TrimSuffix(text.String(), "\n")}
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
	Errors   int `xml:"errors,attr"` // always 0: a case that could not run is no report
	Skipped  int `xml:"skipped,attr"`
	Time     int `xml:"time,attr"` // always 0, so that equal findings print equally
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Time    int           `xml:"time,attr"`
	Failure *junitOutcome `xml:"failure"`
	Skipped *junitOutcome `xml:"skipped"`
}

type junitOutcome struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// add puts c into the last suite if that is its own, otherwise into a new one:
// cases come sorted by file.
func (s *junitSuites) add(c junitCase) {
	if n := len(s.Suites); n == 0 || s.Suites[n-1].Name != c.Class {
		s.Suites = append(s.Suites, junitSuite{Name: c.Class})
	}
	suite := &s.Suites[len(s.Suites)-1]
	suite.Cases = append(suite.Cases, c)
	suite.count(c)
	s.count(c)
}

func (n *junitCounts) count(c junitCase) {
	n.Tests++
	if c.Failure != nil {
		n.Failures++
	}
	if c.Skipped != nil {
		n.Skipped++
	}
}
