package protofile

import (
	"bytes"
	"regexp"
	"strings"
	"sync"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
)

// editionOf matches the edition of a source, after white space and comments. Compiled on
// first use, to keep the start fast.
var editionOf = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:\s|/\*(?s:.*?)\*/|//[^\n]*\n)*edition\s*=\s*["'](\w+)["']`)
})

// checkEdition refuses a source whose edition the compiler does not support, naming it:
// otherwise new features would be reported as syntax errors.
func checkEdition(where string, text []byte) error {
	if !bytes.Contains(text, []byte("edition")) {
		return nil
	}
	m := editionOf().FindSubmatchIndex(bytes.TrimPrefix(text, []byte("\ufeff")))
	if m == nil {
		return nil
	}
	edition := string(bytes.TrimPrefix(text, []byte("\ufeff"))[m[2]:m[3]])
	if edition == "2023" {
		return nil
	}
	at := bytes.LastIndex(text[:min(len(text), m[3]+3)], []byte(edition))
	err := fault.New(fault.ProtoSyntax, position(where, text, at), "cannot compile sources of edition %s, only up to 2023", descset.Brief(strings.ToValidUTF8(edition, "")))
	if edition != "2024" { // a descriptor set of it cannot be read either
		return err
	}
	return err.WithHint("use a descriptor set instead: buf build -o - | jwtctl lint -")
}

// checkEncoding refuses UTF-16, for which the compiler reports every character.
func checkEncoding(where string, text []byte) error {
	if !bytes.HasPrefix(text, []byte("\xff\xfe")) && !bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return nil
	}
	return fault.New(fault.ProtoSyntax, where, "is UTF-16 text").WithHint("save the .proto file as UTF-8")
}
