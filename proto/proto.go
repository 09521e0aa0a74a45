// Package proto holds the published .proto files of jwtctl as text, for programs
// that compile sources which import them. The generated Go code is in the package
// jwtctl/v1 below.
package proto

import "embed"

// Files are the .proto files, by the name that an import has.
//
//go:embed jwtctl/v1/annotations.proto
var Files embed.FS
