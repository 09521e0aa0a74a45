//go:build !unix

package files

import "io/fs"

// OtherWriters returns "": on this system, a file's mode does not say who may write it.
func OtherWriters(fs.FileInfo, int) string { return "" }
