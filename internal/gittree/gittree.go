// Package gittree reads files of a revision of the git repository around a folder, using
// the installed git, since nothing else supports every repository format, alternates and
// partial clones. It does not modify the repository.
package gittree

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
)

// Limits of what is extracted from a revision.
const (
	maxFiles = 20_000
	maxBytes = 256 << 20
)

// Tree is the files of one revision.
type Tree struct {
	// Top is the repository's folder, and Prefix the path from there to the folder given
	// to Open: "" or "api/".
	Top, Prefix string
	rev         string
	commit      string
	gitDir      string // if not that of Top
	depth       int    // of submodules
	// MissingModules are the submodules whose commit the repository does not have, set by
	// Extract: paths from Top.
	MissingModules []string
}

// Open returns the tree of revision rev (a branch, tag or commit, as in git) of the
// repository that contains dir. It returns file_failed if git, the repository or the
// revision is missing.
func Open(ctx context.Context, dir, rev string) (*Tree, error) {
	t := &Tree{rev: rev}
	top, err := t.git(ctx, dir, "rev-parse", "--show-toplevel", "--show-prefix")
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(top), "\n")
	if len(lines) < 2 {
		return nil, t.fail("git does not report the directory of the repository")
	}
	t.Top, t.Prefix = filepath.FromSlash(lines[0]), lines[1]
	if rev == "" || strings.HasPrefix(rev, "-") {
		return nil, t.fail("not a revision")
	}
	commit, err := t.git(ctx, dir, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	if err != nil {
		if before, path, found := strings.Cut(rev, ":"); found {
			return nil, t.fail("the repository has no such revision").WithHint("use only git:%s; pass the paths to compare, such as %s, as arguments", before, path)
		}
		return nil, t.fail("the repository has no such revision").WithHint("a shallow clone has only one commit: run git fetch, or set fetch-depth: 0 for actions/checkout")
	}
	t.commit = strings.TrimSpace(string(commit))
	return t, nil
}

// Up returns the path from the folder given to Open to Top: "." or "..".
func (t *Tree) Up() string {
	return filepath.Join(".", strings.Repeat("../", strings.Count(t.Prefix, "/")))
}

// blob is a file of the tree.
type blob struct{ id, path string }

// Extract writes the files that keep selects, by their paths from Top with slashes, below
// the folder into, and returns their number; it includes those of submodules at the
// commits that the revision names, and skips links. It returns file_failed, or
// file_too_large beyond the limits.
func (t *Tree) Extract(ctx context.Context, into string, keep func(path string) bool) (int, error) {
	listed, err := t.git(ctx, t.Top, "ls-tree", "-r", "-z", "--full-tree", t.commit)
	if err != nil {
		return 0, err
	}
	var blobs []blob
	var modules []blob
	var ids bytes.Buffer
	for entry := range strings.SplitSeq(string(listed), "\x00") {
		about, path, _ := strings.Cut(entry, "\t")
		mode, rest, _ := strings.Cut(about, " ")
		_, id, _ := strings.Cut(rest, " ")
		if mode == "160000" && filepath.IsLocal(filepath.FromSlash(path)) {
			modules = append(modules, blob{id, path})
		}
		if !strings.HasPrefix(mode, "100") || !filepath.IsLocal(filepath.FromSlash(path)) || !keep(path) {
			continue
		}
		blobs = append(blobs, blob{id, path})
		ids.WriteString(id + "\n")
	}
	if len(blobs) > maxFiles {
		return 0, fault.New(fault.FileTooLarge, "git:"+t.rev, "has more than %d files to compare", maxFiles)
	}
	if len(blobs) > 0 {
		if err := t.write(ctx, into, blobs, &ids); err != nil {
			return 0, err
		}
	}
	n, err := t.extractModules(ctx, into, modules, keep)
	return len(blobs) + n, err
}

// write reads blobs from git, one after the other, and writes them.
func (t *Tree) write(ctx context.Context, into string, blobs []blob, ids io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends git if reading ends early
	cmd := t.command(ctx, t.Top, ids, "cat-file", "--batch")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return t.fail("%s", err)
	}
	if err := cmd.Start(); err != nil {
		return t.fail("%s", err)
	}
	defer func() { _ = cmd.Wait() }()
	defer cancel()
	r, left := bufio.NewReader(out), int64(maxBytes)
	for _, b := range blobs {
		header, err := r.ReadString('\n')
		if err != nil {
			return t.fail("git exited before it printed %s", b.path)
		}
		fields := strings.Fields(header) // id, "blob", size
		if len(fields) != 3 || fields[0] != b.id {
			return t.fail("git has no content for %s", b.path)
		}
		size, err := strconv.ParseInt(fields[2], 10, 64)
		if left -= size; err != nil || left < 0 {
			return fault.New(fault.FileTooLarge, "git:"+t.rev, "has more than %d bytes to compare", int64(maxBytes))
		}
		text := make([]byte, size)
		if _, err := io.ReadFull(r, text); err != nil {
			return t.fail("git exited while it printed %s", b.path)
		}
		if _, err := r.Discard(1); err != nil {
			return t.fail("git exited after it printed %s", b.path)
		}
		path := filepath.Join(into, filepath.FromSlash(b.path))
		if err := files.MakeFolder(filepath.Dir(path)); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, files.Private); err != nil { // not synced: it is removed soon
			return fault.New(fault.FileFailed, path, "%w", files.Reason(err))
		}
	}
	return nil
}

func (t *Tree) fail(format string, args ...any) *fault.Error {
	return fault.New(fault.FileFailed, "git:"+t.rev, format, args...)
}

func (t *Tree) command(ctx context.Context, dir string, in io.Reader, args ...string) *exec.Cmd {
	if t.gitDir != "" { // its work tree may not exist
		args = append([]string{"--git-dir", t.gitDir, "--work-tree", "."}, args...)
	}
	cmd := exec.CommandContext(ctx, "git", append([]string{"--no-optional-locks", "-C", dir}, args...)...)
	cmd.Stdin = in
	return cmd
}

// git runs git in dir and returns its output.
func (t *Tree) git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := t.command(ctx, dir, nil, args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return nil, fault.New(fault.Interrupted, "git:"+t.rev, "%w", ctx.Err())
	case errors.Is(err, exec.ErrNotFound):
		return nil, t.fail("git is not installed, or not in PATH").WithHint("compare with a directory or a descriptor set instead")
	}
	first, _, _ := strings.Cut(strings.TrimSpace(errs.String()), "\n")
	if first == "" {
		first = fmt.Sprintf("git %s: %v", args[0], err)
	}
	return nil, t.fail("%s", strings.TrimPrefix(first, "fatal: "))
}
