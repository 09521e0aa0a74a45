package ports

import (
	"net"
	"os"
	"strings"
	"testing"
)

// TestAddressIsFreeAndHeld: something can listen at each address, no two are the same, and
// the system gives none of them to a program that wants any port.
func TestAddressIsFreeAndHeld(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 200 {
		address := Address(t)
		if seen[address] {
			t.Errorf("%s twice", address)
		}
		seen[address] = true
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		if held, err := net.ListenPacket("udp", address); err == nil {
			_ = held.Close()
			t.Errorf("%s is not held", address)
		}
	}
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil && strings.TrimSpace(string(text)) == "32768\t60999" && first+count > 32768 {
		t.Error("the system gives such ports away")
	}
}
