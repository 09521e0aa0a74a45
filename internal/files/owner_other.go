//go:build !unix

package files

import "io/fs"

// OtherWriters returns "": what others may do to a file is not in its mode
// here.
func OtherWriters(fs.FileInfo, int) string { return "" }
