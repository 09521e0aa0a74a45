package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Print prints part of the result to stdout. It returns nil, so that callers can end with
// it: Main reports write errors from c.Out.
func (c *Console) Print(format string, args ...any) error {
	_, _ = fmt.Fprintf(c.Out, format, args...)
	return nil
}

// PrintJSON prints v to stdout as JSON. Characters that a terminal would interpret are
// escaped, which does not change the JSON (S70).
func (c *Console) PrintJSON(v any) error { return c.WriteJSON("", v) }

// WriteJSON is PrintJSON to the file out, or to stdout if out is "" or "-".
func (c *Console) WriteJSON(out string, v any) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fault.New(fault.Internal, "output", "%w", err)
	}
	return c.WriteResult(out, []byte(quote.EscapeControls(text.String())), 0o644, nil)
}

// WriteResult writes data to the file out, or to stdout if out is "" or "-". It replaces
// the file atomically, but never one of the inputs or a file with a private key (S2).
func (c *Console) WriteResult(out string, data []byte, mode fs.FileMode, inputs []string) error {
	if out == "" || out == "-" {
		return c.Print("%s", data)
	}
	if err := CheckOut(out, inputs); err != nil {
		return err
	}
	if err := (files.Writer{}).Write(out, data, mode, true); err != nil {
		return err
	}
	c.Detail("wrote %s", out)
	return nil
}

// CheckOut returns nil if a result may be written to the file out. A missing folder is
// not created: most often its name is a typo.
func CheckOut(out string, inputs []string) error {
	if out == "-" {
		return nil
	}
	for _, in := range inputs {
		if files.Same(in, out) {
			return fault.New(fault.FileConflict, out, "is also an input (%s)", in).WithHint("write to another file")
		}
	}
	if HasPrivateKey(out) {
		return fault.New(fault.FileExists, out, "contains a private key, which jwtctl does not overwrite").WithHint("write to another file, or remove it yourself")
	}
	if _, err := os.Stat(files.Folder(out)); errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.FileFailed, out, "cannot be written: its directory does not exist").WithHint("mkdir -p %s", quote.ShellPath(filepath.Clean(files.Folder(out))))
	}
	return files.CheckTarget(out, true)
}

// IsPublic reports whether path is a file with only public keys.
func IsPublic(path string) bool {
	private, err := readsPrivateKey(path)
	return err == nil && !private
}

// HasPrivateKey reports whether path is a file with a private key.
func HasPrivateKey(path string) bool {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return false
	}
	private, err := readsPrivateKey(path)
	return private || fault.Has(err, fault.KeyEncrypted) || fault.Has(err, fault.KeyMultipleBlocks)
}

// readsPrivateKey reads the keys at path, and reports whether one can sign.
func readsPrivateKey(path string) (bool, error) {
	data, err := files.Read(path, keys.MaxFileBytes, fault.KeyUnreadable)
	if err != nil {
		return false, err
	}
	loaded, err := keys.Parse(data, keys.Attributes{Source: path})
	return slices.ContainsFunc(loaded.Keys, (*keys.Key).CanSign), err
}
