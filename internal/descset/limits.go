package descset

import (
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Limits that are checked before anything is linked (S51), so that a hostile file costs
// at most 2 s and 256 MiB. Input within them has a cost proportional to its size. Limits
// of sources are in package protofile.
const (
	MaxFiles = 10_000 // of all inputs together
	MaxName  = 512    // bytes of a full name

	maxSet       = 64 << 20 // bytes of a decompressed descriptor set, unless Schema.MaxSet is set
	maxJSONSet   = 16 << 20 // in JSON, which needs more memory
	bytesPerNode = 64       // a set may have one element per this number of bytes of its limit
	maxSetDepth  = 100      // nested messages in a set, options included
	maxJSONDepth = 200
)

// LimitExceeded returns the fault for exceeding a limit.
func LimitExceeded(what, format string, args ...any) error {
	return fault.New(fault.DescriptorLimit, what, format, args...)
}

// RaisableLimit is LimitExceeded for a limit that callers can raise.
func RaisableLimit(what, format string, args ...any) error {
	return fault.New(fault.DescriptorLimit, what, format, args...).WithRemedy(fault.RaiseMaxInput)
}

// Brief shortens external text for a message.
func Brief(text string) string {
	return quote.Cut(text, 400)
}
