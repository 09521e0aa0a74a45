package descset

import (
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// Limits that hold before anything is linked (S51), so that one hostile file costs at
// most 2 s and 256 MiB. What is below them costs no more than in proportion to its
// size. Those of sources are package protofile's.
const (
	MaxFiles = 10_000 // in all inputs together
	MaxName  = 512    // bytes of a name with all its parts

	maxSet       = 64 << 20 // bytes of a descriptor set, unpacked, unless Schema.MaxSet is set
	maxJSONSet   = 16 << 20 // of one in JSON, which costs more memory
	bytesANode   = 64       // a set may have an element for each of so many bytes that it may be large
	maxSetDepth  = 100      // messages within messages in a set, options included
	maxJSONDepth = 200
)

// Beyond returns the fault of what is beyond a limit.
func Beyond(what, format string, args ...any) error {
	return fault.New(fault.DescriptorLimit, what, format, args...)
}

// Larger is Beyond for a limit that callers can raise.
func Larger(what, format string, args ...any) error {
	return fault.New(fault.DescriptorLimit, what, format, args...).WithRemedy(fault.RaiseInput)
}

// Brief cuts text from outside to a length fit for a message.
func Brief(text string) string {
	const most = 400
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
