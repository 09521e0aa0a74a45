package finding

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// WriteSARIF prints a SARIF 2.1.0 log for GitHub code scanning: paths are relative to the
// root of the repository, and fingerprints do not change when lines move, so that an
// alert stays the same.
func (r Report) WriteSARIF(w io.Writer) error {
	rules := slices.Clone(r.Rules)
	slices.SortStableFunc(rules, func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
	rules = slices.CompactFunc(rules, func(a, b Rule) bool { return a.ID == b.ID })

	run := sarifRun{Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: r.Tool, Version: r.Version, Rules: make([]sarifRule, 0, len(rules))}
	index := map[string]*int{}
	for i, rule := range rules {
		index[rule.ID] = &i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, newSARIFRule(rule))
	}
	seen := map[string]int{}
	for _, f := range Sort(r.Findings) {
		text := f.Message
		if f.Hint != "" {
			text += "\nhint: " + f.Hint
		}
		hash := fingerprint(f)
		seen[hash]++
		run.Results = append(run.Results, sarifResult{
			RuleID:    f.Rule,
			RuleIndex: index[f.Rule],
			Level:     f.Severity.String(),
			Message:   sarifMessage(text),
			Locations: r.sarifLocations(f),
			PartialFingerprints: map[string]string{
				"jwtctlFinding/v1": fmt.Sprintf("%s:%d", hash, seen[hash]),
			},
		})
	}
	return writeJSON(w, sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
}

// newSARIFRule repeats the purpose three times, since code scanning requires it in three
// places.
func newSARIFRule(r Rule) sarifRule {
	help := r.Purpose
	if len(r.Refs) > 0 {
		help += " (" + strings.Join(r.Refs, ", ") + ")"
	}
	return sarifRule{
		ID:               r.ID,
		ShortDescription: sarifMessage(r.Purpose),
		FullDescription:  sarifMessage(r.Purpose),
		Help:             sarifMessage(help),
		Default:          sarifConfiguration{Level: r.Severity.String()},
	}
}

// sarifMessage returns text as a plain text message, in which braces are doubled (SARIF
// 3.11.5) and "[text](uri)" would be a link (3.11.6).
func sarifMessage(text string) sarifText {
	return sarifText{strings.NewReplacer("{", "{{", "}", "}}", "](", "] (").Replace(text)}
}

// sarifLocations returns the position of a finding, or none if it is unknown.
func (r Report) sarifLocations(f Finding) []sarifLocation {
	var at sarifLocation
	if f.Pos.File != "" {
		physical := &sarifPhysical{Artifact: artifact(r.inRepository(f.Pos.File))}
		if f.Pos.Line > 0 {
			physical.Region = &sarifRegion{Line: f.Pos.Line, Column: max(f.Pos.Column, 0)}
		}
		at.Physical = physical
	}
	if f.Subject != "" {
		at.Logical = []sarifLogical{{f.Subject}}
	}
	if at.Physical == nil && at.Logical == nil {
		return nil
	}
	return []sarifLocation{at}
}

// artifact returns the file as a URI: an absolute path with its scheme, any other
// relative to %SRCROOT%, unless it leads out of it (SARIF 3.4.4).
func artifact(file string) sarifArtifact {
	name := path.Clean(filepath.ToSlash(file))
	if filepath.IsAbs(file) {
		// A drive letter follows a slash: file:///C:/x.
		return sarifArtifact{URI: (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(name, "/")}).String()}
	}
	uri := (&url.URL{Path: name}).String()
	if name == ".." || strings.HasPrefix(name, "../") {
		return sarifArtifact{URI: uri}
	}
	return sarifArtifact{URI: uri, Base: "%SRCROOT%"}
}

// fingerprint identifies a finding by everything but its position, including positions in
// its message.
func fingerprint(f Finding) string {
	message := regexp.MustCompile(`:[0-9]+`).ReplaceAllString(f.Message, "")
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{f.Rule, f.Pos.File, f.Subject, message}))
	return fmt.Sprintf("%x", sum[:16])
}
