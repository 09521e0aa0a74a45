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

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// guide is a document whose fenced blocks are tested.
type guide struct {
	path, text string
	mu         sync.Mutex
	edits      []edit // updated by UPDATE_SCRIPTS
}

type edit struct{ old, new string }

// block is a fenced block; its info string is a language, optionally followed by a file
// name or "claims".
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

// run runs the transcripts of text in one bash in dir, and fails unless the output is as
// shown. It returns the output.
func (g *guide) run(t *testing.T, dir, prelude, text string) string {
	t.Helper()
	transcripts := blocks(text, "console")
	got := runSteps(t, dir, prelude, stepsOf(strings.Join(transcripts, "")))
	printed := strings.Join(got, "")
	for _, shown := range transcripts {
		now := ""
		for _, s := range stepsOf(shown) {
			out := strings.ReplaceAll(got[0], dir+"/", "")
			if got = got[1:]; normal(out) == normal(s.output) {
				out = s.output
			}
			now += "$ " + s.command + "\n" + out
		}
		if now == shown {
			continue
		}
		if os.Getenv("UPDATE_SCRIPTS") == "" {
			t.Errorf("%s shows:\n%s\ngot:\n%s", g.path, shown, now)
			continue
		}
		g.mu.Lock()
		g.edits = append(g.edits, edit{shown, now})
		g.mu.Unlock()
	}
	return printed
}

// atNoon makes commands that depend on the time use the guide's time.
const atNoon = `jwtctl() {
  case $1 in sign|verify|token) command jwtctl "$1" --at 2026-01-31T12:00:00Z "${@:2}";; *) command jwtctl "$@";; esac
}
jwtctl keygen >key.txt 2>&1`

// TestAnnotationsGuide signs the message of each section of docs/annotations.md, compares
// the claims with those shown, and runs its transcript, which must include an accepted
// and a refused message.
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
			dir, list := t.TempDir(), blocksOf(section)
			for _, b := range slices.Concat(common[1:], list) {
				lang, name, _ := strings.Cut(b.info, " ")
				switch {
				case lang == "proto" && strings.HasPrefix(b.text, "syntax"):
					writeText(t, filepath.Join(dir, "example.proto"), b.text)
				case lang == "proto":
					writeText(t, filepath.Join(dir, "example.proto"), common[0].text+b.text)
				case filepath.Ext(name) != "" && !strings.HasPrefix(name, "claims"):
					writeText(t, filepath.Join(dir, name), b.text)
				}
			}
			printed := g.run(t, dir, atNoon, section)
			if !strings.Contains(printed, "ok    ") || !strings.Contains(printed, "FAIL  ") {
				t.Errorf("want an accepted and a refused message:\n%s", printed)
			}
			shown := 0
			for _, b := range list {
				if where, isClaims := strings.CutPrefix(b.info, "json claims"); isClaims {
					shown++
					demandClaims(t, dir, strings.TrimSpace(where), b.text)
				}
			}
			if shown == 0 {
				t.Error("the guide shows no claims")
			}
		})
	}
}

// demandClaims compares the claims of a token with text. where is a path in signed.json,
// by default its token field, or a token file.
func demandClaims(t *testing.T, dir, where, text string) {
	t.Helper()
	compact := ""
	if strings.HasSuffix(where, ".jwt") {
		compact = testkit.Read(t, filepath.Join(dir, where))
	} else {
		var v any
		if err := json.Unmarshal([]byte(testkit.Read(t, filepath.Join(dir, "signed.json"))), &v); err != nil {
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
		t.Errorf("the token %s: got claims\n%s\nthe guide shows\n%s", where, payload, text)
	}
}

// TestAnnotationsGuideIsWhole: each option and value of the schema is in an example.
func TestAnnotationsGuideIsWhole(t *testing.T) {
	t.Parallel()
	examples := strings.Join(blocks(testkit.Read(t, "../../docs/annotations.md"), "proto"), "")
	names := regexp.MustCompile(`(\w+) = \d+;`).FindAllStringSubmatch(testkit.Read(t, "../descset/kalix/jwt.proto"), -1)
	if len(names) < 20 {
		t.Fatalf("only %d options found", len(names))
	}
	for _, m := range names {
		if !strings.Contains(m[1], "UNSPECIFIED") && !regexp.MustCompile(`\b`+m[1]+`\b`).MatchString(examples) {
			t.Errorf("no example has %s", m[1])
		}
	}
}

// TestGuides runs docs/verify-in-ci.md in a copy of examples/ci, and compares the files
// shown with it.
func TestGuides(t *testing.T) {
	t.Parallel()
	g := openGuide(t, "../../docs/verify-in-ci.md")
	dir, shown := copyExample(t), 0
	for _, b := range blocksOf(g.text) {
		if _, name, isFile := strings.Cut(b.info, " "); isFile {
			shown++
			if have := testkit.Read(t, filepath.Join(dir, name)); have != b.text {
				t.Errorf("%s: got\n%s\nthe guide shows\n%s", name, have, b.text)
			}
		}
	}
	if shown != 3 {
		t.Errorf("the guide shows %d files, want 3", shown)
	}
	g.run(t, dir, gitIdentity, g.text)
}

// TestGuidesRun runs the guides that include all their files: those whose blocks have
// names.
func TestGuidesRun(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"lint-and-explain", "diff", "from-kalix", "keys", "exit-codes"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, dir := openGuide(t, "../../docs/"+name+".md"), t.TempDir()
			for _, b := range blocksOf(g.text) {
				if _, file, isFile := strings.Cut(b.info, " "); isFile {
					writeText(t, filepath.Join(dir, file), b.text)
				}
			}
			port := freePort(t)
			g.run(t, dir, gitIdentity, strings.ReplaceAll(g.text, "61884", port))
			for i, e := range g.edits {
				g.edits[i] = edit{strings.ReplaceAll(e.old, port, "61884"), strings.ReplaceAll(e.new, port, "61884")}
			}
		})
	}
}

func copyExample(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ci")
	if err := os.CopyFS(dir, os.DirFS("../../examples/ci")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
