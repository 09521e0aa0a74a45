package system

import (
	"io/fs"
	"strconv"
	"strings"
)

// memoryLimit returns the bytes that the container of this process may take, 0
// for any number: what the control groups at root say, of version 2 or 1.
func memoryLimit(root fs.FS) uint64 {
	for _, name := range []string{"memory.max", "memory/memory.limit_in_bytes"} {
		text, err := fs.ReadFile(root, name)
		if err != nil {
			continue
		}
		limit, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
		if err != nil || limit >= 1<<62 { // "max", and what version 1 has for it
			return 0
		}
		return limit
	}
	return 0
}
