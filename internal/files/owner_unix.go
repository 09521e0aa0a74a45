//go:build unix

package files

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// OtherWriters says why others than the user uid and root can change the file
// of info, "" if they cannot: its owner is neither, or its mode lets a group or
// all write. The group of that user alone is not another (S85).
func OtherWriters(info fs.FileInfo, uid int) string {
	stat, known := info.Sys().(*syscall.Stat_t)
	mode := info.Mode()
	switch {
	case known && stat.Uid != 0 && int(stat.Uid) != uid:
		return fmt.Sprintf("its owner is user %d, neither you (%d) nor root", stat.Uid, uid)
	case mode&fs.ModeSymlink != 0: // the mode of a link means nothing
	case mode.Perm()&0o002 != 0:
		return fmt.Sprintf("everyone can write it (mode %04o)", mode.Perm())
	case mode.Perm()&0o020 != 0 && !(known && isOwnGroup(int(stat.Gid), uid)):
		return fmt.Sprintf("its group can write it (mode %04o)", mode.Perm())
	}
	return ""
}

// isOwnGroup reports whether gid is the private group of the user: named like
// the user, and without another member. Many systems give each user one, and
// let it write by default (umask 002).
func isOwnGroup(gid, uid int) bool {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil || u.Gid != strconv.Itoa(gid) {
		return false
	}
	groups, err := os.ReadFile("/etc/group")
	return err == nil && soleMember(string(groups), u.Username, u.Gid)
}

// soleMember reports whether groups, in the form of /etc/group, has the group
// gid with the name and no member but its namesake.
func soleMember(groups, name, gid string) bool {
	found := false
	for line := range strings.Lines(groups) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) != 4 || fields[2] != gid {
			continue
		}
		if fields[0] != name || fields[3] != "" && fields[3] != name {
			return false
		}
		found = true
	}
	return found
}
