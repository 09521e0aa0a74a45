package main

import (
	"cmp"
	"slices"
	"strings"
	"testing"
)

// TestJudge: a test that only fails through the proxy fails the run, unless an exception
// names it; so does an exception that is no longer needed. S80.
func TestJudge(t *testing.T) {
	run := func(total int, failed ...string) outcome {
		o := outcome{total: total, failed: map[string]string{}}
		for _, name := range failed {
			o.failed[name] = "\twhy"
		}
		return o
	}
	for _, row := range []struct {
		name            string
		direct, through outcome
		exceptions      string
		good            bool
		broken          []string
		excepted        int
	}{
		{name: "all pass", direct: run(3), through: run(3), good: true},
		{name: "fails directly too", direct: run(3, "a"), through: run(3, "a"), good: true},
		{name: "fails only directly", direct: run(3, "a"), through: run(3), good: true},
		{name: "fails only through the proxy", direct: run(3, "b"), through: run(3, "b", "a/x", "a"), broken: []string{"a", "a/x"}},
		{name: "excepted", direct: run(3), through: run(3, "a/b/x", "a/c/x"), exceptions: "s | a/*/x | why", good: true, excepted: 2},
		{name: "excepted in another suite", direct: run(3), through: run(3, "a"), exceptions: "other | a | why", broken: []string{"a"}},
		{name: "pattern matches the whole name", direct: run(3), through: run(3, "ab"), exceptions: "* | a | why", broken: []string{"ab"}},
		{name: "excepted and passes", direct: run(3), through: run(3), exceptions: "s | a | why"},
		{name: "excepted and fails directly too", direct: run(3, "a"), through: run(3, "a"), exceptions: "s | a | why"},
		{name: "fewer cases through the proxy", direct: run(3), through: run(2)},
		{name: "no case passes", direct: run(1, "a"), through: run(1, "a")},
		{name: "no cases", direct: run(0), through: run(0)},
	} {
		t.Run(row.name, func(t *testing.T) {
			known, err := parseExceptions("exceptions.txt", row.exceptions)
			if err != nil {
				t.Fatal(err)
			}
			r := result{suite: "s", direct: row.direct, through: row.through}
			r.judge(known)
			if r.good() != row.good || !slices.Equal(r.broken, row.broken) || r.excepted != row.excepted {
				t.Errorf("got good %t, broken %v, excepted %d, want %t, %v, %d", r.good(), r.broken, r.excepted, row.good, row.broken, row.excepted)
			}
		})
	}
}

func TestOnlyChanceFailuresAreTriedAgain(t *testing.T) {
	texts := map[string]string{
		"Timeouts/other":      "\texpected error code deadline_exceeded, got internal",
		"A/HTTPVersion:1/cut": "\tactual error {code: 1 (canceled), message: \"Post \\\"https://127.0.0.1:1/a\\\": write tcp 127.0.0.1:2->127.0.0.1:1: write: broken pipe\"} does not match expected code 8",
		"A/HTTPVersion:1/b":   "\tactual error {code: 13 (internal), message: \"it failed\"} does not match expected code 8",
	}
	texts["A/HTTPVersion:2/cut"] = texts["A/HTTPVersion:1/cut"]
	for names, want := range map[string]bool{
		"": false, "Timeouts/a": true, "Timeouts/a Timeouts/b": true, "Timeouts/a Timeouts/b Timeouts/c": false, "Timeouts/a Errors/b": false,
		"Errors/Timeouts/a": false, "Timeouts/other": false, "A/HTTPVersion:1/cut": true, "A/HTTPVersion:1/cut Timeouts/a": true,
		"A/HTTPVersion:2/cut": false, "A/HTTPVersion:1/b": false,
	} {
		r := result{broken: strings.Fields(names), through: outcome{failed: map[string]string{}}}
		for _, name := range r.broken {
			r.through.failed[name] = cmp.Or(texts[name], "\t"+cutOff+"\n\t")
		}
		if got := r.chance(); got != want {
			t.Errorf("%q: got %v, want %v", names, got, want)
		}
	}
}

func TestExceptionsNeedReasons(t *testing.T) {
	if _, err := readExceptions("exceptions.txt"); err != nil {
		t.Error(err)
	}
	for _, line := range []string{"s | a", "s | a |", "s || why", "| a | why", "a"} {
		if all, err := parseExceptions("f", "# a comment\n\n"+line); err == nil || !strings.Contains(err.Error(), "f:3:") {
			t.Errorf("%q: got %v, %v", line, all, err)
		}
	}
}

func TestParseReport(t *testing.T) {
	const failed = "INFO: x\nFAILED: A/b c/d:\n\tone\n\ttwo\n\n---- HTTP Trace ----\nFAILED: E:\n\tthree\n\n"
	o, err := parseReport(failed + "Total cases: 5\n3 passed, 2 failed\n")
	if err != nil || o.total != 5 || o.passed() != 3 || o.failed["A/b c/d"] != "\tone\n\ttwo" || o.failed["E"] != "\tthree" {
		t.Errorf("got %+v, %v", o, err)
	}
	for name, text := range map[string]string{
		"no totals":       failed,
		"other number":    failed + "Total cases: 5\n2 passed, 3 failed\n",
		"does not add up": failed + "Total cases: 6\n3 passed, 2 failed\n",
		"cases not run":   failed + "Total cases: 5\n3 passed, 2 failed\nAnother 2 could not be run due to client timing out or exiting prematurely.\n",
		"truncated":       failed + "Total cases: 5\n",
		"no output":       "",
	} {
		if o, err := parseReport(text); err == nil {
			t.Errorf("%s: got %+v", name, o)
		}
	}
}
