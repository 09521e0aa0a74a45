//go:build unix

package files

import (
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fileOf is the FileInfo of a file with an owner and a mode.
type fileOf struct {
	mode     fs.FileMode
	uid, gid uint32
}

func (f fileOf) Name() string       { return "jwtctl.yaml" }
func (f fileOf) Size() int64        { return 0 }
func (f fileOf) Mode() fs.FileMode  { return f.mode }
func (f fileOf) ModTime() time.Time { return time.Time{} }
func (f fileOf) IsDir() bool        { return false }
func (f fileOf) Sys() any           { return &syscall.Stat_t{Uid: f.uid, Gid: f.gid} }

// TestOtherWriters: anyone who can write a key file chooses the trusted keys. S85.
func TestOtherWriters(t *testing.T) {
	const uid = 3999999998 // no such user, so no private group
	tests := map[string]struct {
		file fileOf
		uid  int
		want string // in the reason; "" for none
	}{
		"user's file":                       {file: fileOf{mode: 0o644, uid: uid}, uid: uid},
		"root's":                            {file: fileOf{mode: 0o644}, uid: uid},
		"root's file, user root":            {file: fileOf{mode: 0o600}, uid: 0},
		"another's":                         {file: fileOf{mode: 0o600, uid: 1234}, uid: uid, want: "owner is user 1234"},
		"another user's file, user root":    {file: fileOf{mode: 0o600, uid: 1234}, uid: 0, want: "owner is user 1234"},
		"writable by everyone":              {file: fileOf{mode: 0o646, uid: uid}, uid: uid, want: "anyone can write it (mode 0646)"},
		"root's file, writable by everyone": {file: fileOf{mode: 0o666}, uid: uid, want: "anyone"},
		"writable by a group":               {file: fileOf{mode: 0o664, uid: uid, gid: 100}, uid: uid, want: "its group can write it (mode 0664)"},
		"link":                              {file: fileOf{mode: fs.ModeSymlink | 0o777, uid: uid}, uid: uid},
		"link of another user":              {file: fileOf{mode: fs.ModeSymlink | 0o777, uid: 1234}, uid: uid, want: "owner is user 1234"},
	}
	for name, tt := range tests {
		got := OtherWriters(tt.file, tt.uid)
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

// TestSoleMember: the user's own private group does not count as others.
func TestSoleMember(t *testing.T) {
	const groups = "root:x:0:\nstaff:x:50:bob\nalice:x:1000:\nbob:x:1001:bob\ncarol:x:1002:carol,eve\ndave:x:1003:eve\ntwice:x:1004:\nother:x:1004:\n"
	tests := map[string]struct {
		name, gid string
		want      bool
	}{
		"no members":              {"alice", "1000", true},
		"itself":                  {"bob", "1001", true},
		"additional member":       {"carol", "1002", false},
		"only another member":     {"dave", "1003", false},
		"other group name":        {"bob", "1000", false},
		"shared":                  {"bob", "50", false},
		"unknown":                 {"eve", "1009", false},
		"two groups with one gid": {"twice", "1004", false},
	}
	for name, tt := range tests {
		if got := soleMember(groups, tt.name, tt.gid); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}
