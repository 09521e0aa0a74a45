package cli

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// guide is a document whose fenced blocks a test runs.
type guide struct {
	path, text string
	mu         sync.Mutex
	edits      []edit // what UPDATE_SCRIPTS changes
}

type edit struct{ old, new string }

// block is a fenced block: its info string is a language, and behind it the
// name of the file that it is or "claims".
type block struct{ info, text string }

func openGuide(t *testing.T, path string) *guide {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g := &guide{path: path, text: string(text)}
	t.Cleanup(func() {
		updated := g.text
		for _, e := range g.edits {
			updated = strings.Replace(updated, e.old, e.new, 1)
		}
		if updated != g.text {
			if err := os.WriteFile(path, []byte(updated), 0o644); err != nil {
				t.Error(err)
			}
		}
	})
	return g
}

func blocksOf(text string) []block {
	var list []block
	for _, m := range regexp.MustCompile("(?ms)^```([^\n]+)\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		list = append(list, block{m[1], m[2]})
	}
	return list
}

// run runs the transcripts among blocks in one bash in the folder dir, and
// demands the output they show. It returns that output.
func (g *guide) run(t *testing.T, dir, prelude string, blocks []block) string {
	t.Helper()
	var steps []step
	for _, b := range blocks {
		if b.info == "console" {
			steps = append(steps, stepsOf(b.text)...)
		}
	}
	got := runSteps(t, dir, prelude, steps)
	for i, s := range steps {
		got[i] = strings.ReplaceAll(got[i], dir+"/", "")
		if have, want := normal(got[i]), normal(s.output); have == want {
			continue
		} else if os.Getenv("UPDATE_SCRIPTS") == "" {
			t.Errorf("$ %s\nprinted:\n%s\n%s says:\n%s", s.command, have, g.path, want)
		}
		g.mu.Lock()
		g.edits = append(g.edits, edit{"$ " + s.command + "\n" + s.output, "$ " + s.command + "\n" + got[i]})
		g.mu.Unlock()
	}
	return strings.Join(got, "")
}

// atNoon lets the commands that know the time run at that of the guide.
const atNoon = `jwtctl() {
  case $1 in sign|verify|token) command jwtctl "$1" --at 2026-01-31T12:00:00Z "${@:2}";; *) command jwtctl "$@";; esac
}
jwtctl keygen >key.txt 2>&1`

// TestAnnotationsGuide signs the message of each section of
// docs/annotations.md, demands the claims that it shows, and runs its
// transcript: something must pass and something be refused.
func TestAnnotationsGuide(t *testing.T) {
	t.Parallel()
	g := openGuide(t, "../../docs/annotations.md")
	sections := strings.Split(g.text, "\n## ")
	common := blocksOf(sections[0])
	if len(sections) < 15 || len(common) != 2 {
		t.Fatalf("%d sections, %d blocks before the first", len(sections), len(common))
	}
	for _, section := range sections[1:] {
		title, _, _ := strings.Cut(section, "\n")
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			dir, blocks := t.TempDir(), blocksOf(section)
			for _, b := range slices.Concat(common[1:], blocks) {
				lang, name, _ := strings.Cut(b.info, " ")
				switch {
				case lang == "proto":
					writeText(t, filepath.Join(dir, "example.proto"), common[0].text+b.text)
				case filepath.Ext(name) != "" && !strings.HasPrefix(name, "claims"):
					writeText(t, filepath.Join(dir, name), b.text)
				}
			}
			printed := g.run(t, dir, atNoon, blocks)
			if !strings.Contains(printed, "ok    ") || !strings.Contains(printed, "FAIL  ") {
				t.Errorf("nothing passed, or nothing was refused:\n%s", printed)
			}
			shown := 0
			for _, b := range blocks {
				if where, isClaims := strings.CutPrefix(b.info, "json claims"); isClaims {
					shown++
					demandClaims(t, dir, strings.TrimSpace(where), b.text)
				}
			}
			if shown == 0 {
				t.Error("no claims are shown")
			}
		})
	}
}

// demandClaims compares the claims of a token with text. where is a path in
// signed.json, by default its token field, or the file of a token.
func demandClaims(t *testing.T, dir, where, text string) {
	t.Helper()
	compact := ""
	if strings.HasSuffix(where, ".jwt") {
		compact = readText(t, filepath.Join(dir, where))
	} else {
		var v any
		if err := json.Unmarshal([]byte(readText(t, filepath.Join(dir, "signed.json"))), &v); err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`\w+`).FindAllString(cmp.Or(where, "token"), -1) {
			if i, err := strconv.Atoi(name); err == nil {
				v = v.([]any)[i]
			} else {
				v = v.(map[string]any)[name]
			}
		}
		compact = v.(string)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(compact, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := json.Unmarshal(payload, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the token %s has the claims\n%s\nthe guide says\n%s", where, payload, text)
	}
}

// TestAnnotationsGuideIsWhole: each option and value of the schema stands in an
// example.
func TestAnnotationsGuideIsWhole(t *testing.T) {
	t.Parallel()
	var examples strings.Builder
	for _, b := range blocksOf(readText(t, "../../docs/annotations.md")) {
		if b.info == "proto" {
			examples.WriteString(b.text)
		}
	}
	names := regexp.MustCompile(`(\w+) = \d+;`).FindAllStringSubmatch(readText(t, "../descset/kalix/jwt.proto"), -1)
	if len(names) < 20 {
		t.Fatalf("only %d options found", len(names))
	}
	for _, m := range names {
		if !strings.Contains(m[1], "UNSPECIFIED") && !regexp.MustCompile(`\b`+m[1]+`\b`).MatchString(examples.String()) {
			t.Errorf("no example has %s", m[1])
		}
	}
}

// TestGuides runs docs/verify-in-ci.md in a copy of examples/ci, and demands
// that the files it shows are those.
func TestGuides(t *testing.T) {
	t.Parallel()
	g := openGuide(t, "../../docs/verify-in-ci.md")
	dir, blocks, shown := copyExample(t), blocksOf(g.text), 0
	for _, b := range blocks {
		if _, name, isFile := strings.Cut(b.info, " "); isFile {
			shown++
			if have := readText(t, filepath.Join(dir, name)); have != b.text {
				t.Errorf("%s is\n%s\nthe guide shows\n%s", name, have, b.text)
			}
		}
	}
	if shown < 4 {
		t.Errorf("the guide shows %d files", shown)
	}
	g.run(t, dir, gitIdentity, blocks)
}

func copyExample(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ci")
	if err := os.CopyFS(dir, os.DirFS("../../examples/ci")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
