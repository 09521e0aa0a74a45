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

// OtherWriters explains why users other than uid and root can write the file described by
// info: its owner, or write permission for a group or for all. It returns "" if they
// cannot. The private group of uid is not counted (S85).
func OtherWriters(info fs.FileInfo, uid int) string {
	stat, known := info.Sys().(*syscall.Stat_t)
	mode := info.Mode()
	switch {
	case known && stat.Uid != 0 && int(stat.Uid) != uid:
		return fmt.Sprintf("its owner is user %d, neither you (%d) nor root", stat.Uid, uid)
	case mode&fs.ModeSymlink != 0: // the mode of a link has no effect
	case mode.Perm()&0o002 != 0:
		return fmt.Sprintf("anyone can write it (mode %04o)", mode.Perm())
	case mode.Perm()&0o020 != 0 && !(known && isOwnGroup(int(stat.Gid), uid)):
		return fmt.Sprintf("its group can write it (mode %04o)", mode.Perm())
	}
	return ""
}

// isOwnGroup reports whether gid is the user's private group: it has the user's name and
// no other member. Many systems create one per user and make it writable by default
// (umask 002).
func isOwnGroup(gid, uid int) bool {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil || u.Gid != strconv.Itoa(gid) {
		return false
	}
	groups, err := os.ReadFile("/etc/group")
	return err == nil && soleMember(string(groups), u.Username, u.Gid)
}

// soleMember reports whether groups, in the format of /etc/group, has the group gid
// called name with no member except a user of that name.
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
