// Package ports is, for tests, addresses of this machine at which something can listen
// later. It needs only the standard library, so that examples can import it.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// The ports to choose from are below those that systems give to programs that want any:
// Linux from 32768, others from 49152 (RFC 6335 section 6). Of those, another program may get one
// between here and its use.
const first, count = 15_000, 15_000

// Address returns an address of the loopback interface that nothing listens at. Until tb
// ends, no other call returns it, in other processes either: each holds the UDP port of
// that number.
func Address(tb testing.TB) string {
	tb.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(count))
		held, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			_ = held.Close()
			continue
		}
		_ = l.Close()
		tb.Cleanup(func() { _ = held.Close() })
		return address
	}
	tb.Fatal("no free port found")
	return ""
}
