package cli

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/internal/testkit/ports"
)

// TestReadme runs the README's transcripts in order, in one bash and one folder, as a
// reader would type them, and compares the output. shop.proto is as shown in the README.
func TestReadme(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(data), "61884", freePort(t))
	dir, files := t.TempDir(), 0
	for _, b := range blocksOf(text) {
		if _, name, isFile := strings.Cut(b.info, " "); isFile {
			files++
			writeText(t, filepath.Join(dir, name), b.text)
		}
	}
	transcripts := blocks(text, "console")
	steps := stepsOf(strings.Join(transcripts, ""))
	if files != 1 || len(transcripts) != 2 || len(steps) < 10 {
		t.Fatalf("the README has %d files and %d transcripts with %d commands", files, len(transcripts), len(steps))
	}
	for i, got := range runSteps(t, dir, "", steps) {
		if have, want := normal(got), normal(steps[i].output); have != want {
			t.Errorf("$ %s\ngot:\n%s\nthe README shows:\n%s", steps[i].command, have, want)
		}
	}
}

// TestReadmeBeginsWithTwoCommands: after the first transcript, the README shows the two
// commands for a fresh machine: one for the main job, one for the tests.
func TestReadmeBeginsWithTwoCommands(t *testing.T) {
	t.Parallel()
	all := blocksOf(testkit.Read(t, "../../README.md"))
	if len(all) < 2 || all[0].info != "console" || all[1].info != "sh" {
		t.Fatal("the README does not begin with a transcript and commands")
	}
	var commands []string
	for line := range strings.Lines(all[1].text) {
		command, _, _ := strings.Cut(line, "#")
		commands = append(commands, strings.TrimSpace(command))
	}
	if want := []string{"make demo", "make test"}; !slices.Equal(commands, want) {
		t.Errorf("got %q, want %q", commands, want)
	}
}

// TestDocumentsNameTheirFiles: rendering drops a fence's info string, so the line before
// the fence must have the name of the file too.
func TestDocumentsNameTheirFiles(t *testing.T) {
	t.Parallel()
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, doc := range append(docs, "../../README.md") {
		before, inside := "", false
		for line := range strings.Lines(testkit.Read(t, doc)) {
			info, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
			if _, name, isFile := strings.Cut(info, " "); fence && !inside && isFile {
				files++
				if first, _, _ := strings.Cut(name, " "); !strings.Contains(strings.ToLower(before), first) {
					t.Errorf("%s: the line before %q is %q, want the file's name in it", doc, info, before)
				}
			}
			if fence {
				before, inside = "", !inside
			} else if text := strings.TrimSpace(line); text != "" && !inside {
				before = text
			}
		}
	}
	if files < 30 {
		t.Errorf("only %d files in documents", files)
	}
}

// blocks returns the fenced blocks of a language.
func blocks(text, language string) []string {
	var list []string
	for {
		_, rest, found := strings.Cut(text, "```"+language+"\n")
		block, after, ended := strings.Cut(rest, "```\n")
		if !found || !ended {
			return list
		}
		list, text = append(list, block), after
	}
}

// noRaceWait avoids the second for which programs built with the race detector sleep at
// their end. Races are still reported.
const noRaceWait = "GORACE=atexit_sleep_ms=0"

// step is a command of a transcript, with the output shown below it.
type step struct{ command, output string }

func stepsOf(transcript string) []step {
	var steps []step
	for line := range strings.Lines(transcript) {
		if command, isCommand := strings.CutPrefix(line, "$ "); isCommand {
			steps = append(steps, step{command: strings.TrimSpace(command)})
		} else if len(steps) > 0 {
			steps[len(steps)-1].output += line
		}
	}
	return steps
}

// runSteps runs the commands in one shell, starting in dir with the lines of prelude, and
// returns the output of each. For a background command it waits for the first output.
func runSteps(t *testing.T, dir, prelude string, steps []step) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*testkit.Timeout)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "--norc")
	shell.Dir = dir
	// The server of the transcript keeps the output open: end the whole group.
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	shell.Cancel = func() error { return syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) }
	shell.Env = append(os.Environ(), "TZ=UTC", "HOME="+shell.Dir, noRaceWait)
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	write := func(line string) {
		if _, err := in.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	const mark = "=== the end of a step ==="
	lines := bufio.NewScanner(out)
	write("exec 2>&1\n" + prelude)
	var got []string
	for _, s := range steps {
		write(s.command)
		background := strings.HasSuffix(s.command, "&")
		if !background {
			write("echo '" + mark + "'")
		}
		var printed strings.Builder
		for lines.Scan() && lines.Text() != mark {
			printed.WriteString(lines.Text() + "\n")
			if background {
				break
			}
		}
		got = append(got, printed.String())
	}
	write("kill $(jobs -p) 2>/dev/null; wait; exit 0")
	_ = in.Close()
	for lines.Scan() { // drained, so that the shell can end
	}
	if err := shell.Wait(); err != nil {
		t.Errorf("the shell ended with %v", err)
	}
	return got
}

// normal replaces output that varies between runs by names.
func normal(text string) string {
	for _, r := range []struct{ pattern, name string }{
		{`[A-Za-z0-9_-]{43}`, "THUMBPRINT"},
		{`exp          \d{10}`, "exp          SECONDS"},
		{`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`, "TIME"},
		{`in (1h|5\dm[0-5]?\ds)`, "in AN HOUR"},
		{`expired \d+ days ago`, "expired DAYS ago"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.name)
	}
	return text
}

func freePort(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(ports.Address(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}
