package protojson

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// runner returns a copy of npm's conformance_test_runner that starts on this machine.
func runner(t *testing.T, npm string) string {
	t.Helper()
	name := "conformance_test_runner-" + runtime.GOOS + "-x64" // the only ones in the package
	data, err := os.ReadFile(filepath.Join(npm, "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" {
		if err := useOlderSymbols(data); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// useOlderSymbols lets the ELF program in data start with Debian 12's libraries. It
// requires glibc 2.38 and GCC 13 only for __isoc23_strtol and its three siblings, which
// also read 0b101 as a number and are otherwise strtol and its siblings, and for a name
// that is never called. The names become the older ones, and the versions the first ones
// that the library had.
func useOlderSymbols(data []byte) error {
	file, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return err
	}
	strings, symbols, needs := file.Section(".dynstr"), file.Section(".dynsym"), file.Section(".gnu.version_r")
	if strings == nil || symbols == nil || needs == nil {
		return fmt.Errorf("not linked with shared libraries")
	}
	le := binary.LittleEndian
	text := func(offset uint32) string {
		name, _, _ := bytes.Cut(data[strings.Offset+uint64(offset):], []byte{0})
		return string(name)
	}
	const prefix = "__isoc23_"
	for at := symbols.Offset; at < symbols.Offset+symbols.Size; at += elf.Sym64Size {
		if name := le.Uint32(data[at:]); len(text(name)) > len(prefix) && text(name)[:len(prefix)] == prefix {
			le.PutUint32(data[at:], name+uint32(len(prefix)))
		}
	}
	older := map[string]string{"GLIBC_2.38": "GLIBC_2.2.5", "GLIBCXX_3.4.32": "GLIBCXX_3.4"}
	entries := map[string][]byte{} // the Elf64_Vernaux of each version
	for at, left := needs.Offset, needs.Info; left > 0; left-- {
		aux := at + uint64(le.Uint32(data[at+8:]))
		for range le.Uint16(data[at+2:]) {
			entries[text(le.Uint32(data[aux+8:]))] = data[aux : aux+16]
			aux += uint64(le.Uint32(data[aux+12:]))
		}
		at += uint64(le.Uint32(data[at+12:]))
	}
	for newer, old := range older {
		if entries[newer] != nil && entries[old] != nil {
			copy(entries[newer][:4], entries[old][:4])     // the hash of the name
			copy(entries[newer][8:12], entries[old][8:12]) // position of the name
		}
	}
	return nil
}
