package system

import (
	"io/fs"
	"strconv"
	"strings"
)

// memoryLimit returns the memory limit of this process's container in bytes, or 0, from
// the control groups of version 2 or 1 below root.
func memoryLimit(root fs.FS) uint64 {
	for _, name := range []string{"memory.max", "memory/memory.limit_in_bytes"} {
		text, err := fs.ReadFile(root, name)
		if err != nil {
			continue
		}
		limit, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
		if err != nil || limit >= 1<<62 { // "max", and its equivalent in version 1
			return 0
		}
		return limit
	}
	return 0
}
