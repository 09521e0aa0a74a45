package messagecmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// verdictFormats are the output formats of verify.
func verdictFormats() []string { return []string{"text", "json", "junit", "github"} }

// verdict is the result for one message, or for a bearer token alone.
type verdict struct {
	file    string
	line    int
	typ     string
	tokens  []verify.Token
	bearer  *jws.Verified
	message []byte // the validated message, if requested
	// unchecked is why nothing checks the message, or "" if something does (S84).
	unchecked string
	err       error
}

// refuse returns v with err and nothing else: a refused message yields no data (A41).
func (v verdict) refuse(err error) verdict {
	return verdict{file: v.file, line: v.line, typ: v.typ, err: err}
}

// checked reports whether a token was the basis of v: not if nothing checks the message,
// or it is undecided.
func (v verdict) checked() bool {
	if v.err != nil {
		return fault.ClassOf(v.err) == fault.Refused && !fault.Has(v.err, fault.NotChecked)
	}
	return v.unchecked == ""
}

// location returns the file and, in a stream, the line.
func (v verdict) location(stream bool) string {
	if stream {
		return v.file + ":" + strconv.Itoa(v.line)
	}
	return v.file
}

// failure returns the error with which the program ends for v: a refusal already printed
// on stdout is silent, anything else is reported on stderr.
func (v verdict) failure(silent bool) error {
	if fault.ClassOf(v.err) == fault.Refused && !silent {
		return console.NegativeAnswer{Code: fault.CodeOf(v.err)}
	}
	return fault.Map(v.err, func(f *fault.Error) error {
		switch f.What {
		case v.file:
			return f
		case "":
			return f.About(v.file)
		}
		return f.About(v.file + ": " + f.What)
	})
}

// renderVerdicts returns the result in the requested format.
func renderVerdicts(d command.Deps, list []verdict, o verifyOptions) ([]byte, error) {
	var out []byte
	switch {
	case o.print:
		for _, v := range list {
			out = append(out, v.message...)
		}
	case o.format == "json":
		for _, v := range list {
			out = v.appendJSON(out, o.messages.Dev)
		}
	case o.format == "junit":
		return junitVerdicts(list)
	case o.format == "github":
		var text bytes.Buffer
		err := finding.Report{Findings: findings(list), Folder: command.GitHubFolder(d)}.WriteGitHub(&text)
		return text.Bytes(), err
	default:
		words := verdictWordsFor(d, o.stream.out == "" || o.stream.out == "-")
		for _, v := range list {
			out = v.appendText(out, words, false)
		}
	}
	return out, nil
}

// verdictWords are ok and FAIL, and what is between them and the file.
type verdictWords struct{ ok, fail string }

func verdictWordsFor(d command.Deps, onStdout bool) verdictWords {
	if !onStdout {
		return verdictWords{"ok    ", "FAIL  "}
	}
	s := d.OutStyles()
	return verdictWords{s.Good("ok") + "    ", s.Bad("FAIL") + "  "}
}

// appendText adds a line for each failure, or one with ok. An undecided message is not a
// FAIL: stderr reports it.
func (v verdict) appendText(out []byte, words verdictWords, stream bool) []byte {
	where := quote.Printable(v.location(stream))
	if v.err == nil {
		out = append(append(out, words.ok...), where...)
		if v.unchecked != "" {
			out = append(append(append(out, " (nothing to check: "...), v.unchecked...), ')')
		}
		return append(out, '\n')
	}
	if fault.ClassOf(v.err) != fault.Refused {
		return out
	}
	for _, e := range failuresOf(v.err) {
		out = append(append(append(out, words.fail...), where...), ": "...)
		if e.Path != "" && e.Path != v.file {
			out = append(append(out, quote.Printable(e.Path)...), ": "...)
		}
		out = fmt.Appendf(out, "%s: %s\n", e.Code, quote.Printable(e.Reason))
	}
	return out
}

// failureJSON is one reason for a refusal.
type failureJSON struct {
	Code   fault.Code `json:"code"`
	Path   string     `json:"path"`
	Reason string     `json:"reason"`
	GRPC   string     `json:"grpc_code"`
}

func failuresOf(err error) []failureJSON {
	var list []failureJSON
	for _, e := range fault.All(err) {
		f := &fault.Error{Code: fault.Internal, Reason: e.Error()}
		errors.As(e, &f)
		list = append(list, failureJSON{f.Code, f.What, f.Reason, fault.Lookup(f.Code).GRPC.String()})
	}
	return list
}

type tokenJSON struct {
	Path      string          `json:"path"`
	KeyID     string          `json:"kid"`
	Algorithm string          `json:"alg"`
	Claims    json.RawMessage `json:"claims"`
	KeyFrom   string          `json:"key_from"` // the file, variable or URL of the key (S85)
}

// verdictJSON is the JSON form (cli.md).
type verdictJSON struct {
	File     string          `json:"file"`
	Line     int             `json:"line"`
	Type     string          `json:"type"`
	OK       bool            `json:"ok"`
	Insecure bool            `json:"insecure,omitempty"`
	Error    *failureJSON    `json:"error"`
	Errors   []failureJSON   `json:"errors,omitempty"` // all of them, if there are several
	Tokens   []tokenJSON     `json:"tokens"`
	Message  json.RawMessage `json:"message"`
	Checked  bool            `json:"checked"` // by a token (S84)
}

// appendJSON appends v as an object on one line.
func (v verdict) appendJSON(out []byte, dev bool) []byte {
	j := verdictJSON{File: v.file, Line: v.line, Type: v.typ, OK: v.err == nil, Checked: v.checked(), Insecure: dev, Tokens: []tokenJSON{}, Message: v.message}
	if v.err != nil {
		list := failuresOf(v.err)
		if j.Error = &list[0]; len(list) > 1 {
			j.Errors = list
		}
	}
	for _, t := range v.verified() {
		j.Tokens = append(j.Tokens, reportToken(t.Path, t.Verified))
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(j); err != nil { // cannot fail: raw parts were parsed as strict JSON
		return fmt.Appendf(out, "{\"file\":%q,\"ok\":false}\n", v.file)
	}
	return append(out, quote.EscapeControls(text.String())...)
}

// verified returns all tokens on which v is based, the bearer token first.
func (v verdict) verified() []verify.Token {
	if v.bearer != nil && (len(v.tokens) == 0 || v.tokens[0].Verified != v.bearer) {
		return append([]verify.Token{{Path: verify.BearerPath, Verified: v.bearer}}, v.tokens...)
	}
	return v.tokens
}

// detail prints to stderr, with -v, which key verified each token, and its source (S85).
func (v verdict) detail(d command.Deps, stream bool) {
	for _, t := range v.verified() {
		what := t.Path
		if what != v.file {
			what = v.location(stream) + ": " + what
		}
		d.Detail("%s: verified by key %s (%s, %s)", what, t.Key.ID(), t.Header.Algorithm, t.Key.Source())
	}
}

func reportToken(path string, t *jws.Verified) tokenJSON {
	return tokenJSON{path, t.Key.ID(), t.Header.Algorithm, json.RawMessage(t.Token.PayloadJSON()), t.Key.Source()}
}

// reasonOf returns the reason of e, after its place in the message.
func (v verdict) reasonOf(e failureJSON) string {
	if e.Path == "" || e.Path == v.file {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

// findings returns refusals, and messages that nothing checks, for annotations in a pull
// request.
func findings(list []verdict) []finding.Finding {
	var found []finding.Finding
	for _, v := range list {
		if v.err == nil && v.unchecked != "" {
			found = append(found, finding.Finding{Severity: finding.Note, Rule: string(fault.NotChecked), Message: "nothing to check in this message: " + v.unchecked, Pos: finding.Position{File: v.file, Line: v.line}})
		}
		for _, e := range failuresOf(v.err) {
			text := v.reasonOf(e)
			at := finding.Position{File: v.file, Line: v.line}
			if n, err := fmt.Sscanf(text, "line %d:%d:", &at.Line, &at.Column); n < 2 || err != nil {
				at = finding.Position{File: v.file, Line: v.line}
			}
			found = append(found, finding.Finding{Severity: finding.Error, Rule: string(e.Code), Message: text, Pos: at})
		}
	}
	return found
}

// junitVerdicts returns the report: a refusal is a failure, an undecided message an
// error, an unchecked one skipped.
func junitVerdicts(list []verdict) ([]byte, error) {
	cases := make([]finding.Case, len(list))
	for i, v := range list {
		c := finding.Case{Suite: "jwtctl verify", Class: v.typ, Name: v.file}
		switch {
		case v.err != nil:
			e := failuresOf(v.err)[0]
			c.Outcome, c.Type, c.Message = finding.Errored, string(e.Code), v.reasonOf(e)
			if fault.ClassOf(v.err) == fault.Refused {
				c.Outcome = finding.Failed
			}
		case v.unchecked != "":
			c.Outcome, c.Message = finding.Skipped, "nothing to check: "+v.unchecked
		}
		cases[i] = c
	}
	var out bytes.Buffer
	err := finding.WriteJUnit(&out, "jwtctl", cases)
	return out.Bytes(), err
}
