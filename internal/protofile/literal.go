package protofile

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/bufbuild/protocompile/ast"
)

// restoreLiterals gives the string literals of a parsed source the bytes that protoc
// reads. The parser replaces bytes that are not UTF-8, and surrogates, even valid pairs,
// by U+FFFD: in an annotation that would be signed, but not match protoc's reading. A
// literal that is invalid UTF-8 is refused in an annotation, and does not matter
// elsewhere.
func restoreLiterals(tree *ast.FileNode, text []byte) {
	if utf8.Valid(text) && !bytes.Contains(text, []byte(`\u`)) && !bytes.Contains(text, []byte(`\U`)) {
		return
	}
	restore := func(n *ast.StringLiteralNode) {
		if bytes.ContainsRune([]byte(n.Val), utf8.RuneError) {
			n.Val = unquote(tree.NodeInfo(n).RawText())
		}
	}
	_ = ast.Walk(tree, &ast.SimpleVisitor{
		DoVisitStringLiteralNode: func(n *ast.StringLiteralNode) error {
			restore(n)
			return nil
		},
		DoVisitCompoundStringLiteralNode: func(n *ast.CompoundStringLiteralNode) error {
			n.Val = ""
			for _, child := range n.Children() {
				if part, ok := child.(*ast.StringLiteralNode); ok {
					restore(part)
					n.Val += part.Val
				}
			}
			return nil
		},
	})
}

// unquote returns the bytes of a string literal that the parser accepted.
func unquote(literal string) string {
	body := literal[1 : len(literal)-1]
	var out []byte
	for i := 0; i < len(body); {
		if body[i] != '\\' {
			out, i = append(out, body[i]), i+1
			continue
		}
		c := body[i+1]
		i += 2
		switch c {
		case 'x', 'X':
			n := digits(body[i:], 2, "0123456789abcdefABCDEF")
			out, i = append(out, byte(number(body[i:i+n], 16))), i+n
		case '0', '1', '2', '3', '4', '5', '6', '7':
			n := digits(body[i-1:], 3, "01234567")
			out, i = append(out, byte(number(body[i-1:i-1+n], 8))), i-1+n
		case 'u', 'U':
			n := 4
			if c == 'U' {
				n = 8
			}
			r := rune(number(body[i:i+n], 16))
			i += n
			if rest := body[i:]; utf16.IsSurrogate(r) && len(rest) >= 6 && rest[:2] == `\u` {
				if pair := utf16.DecodeRune(r, rune(number(rest[2:6], 16))); pair != utf8.RuneError {
					r, i = pair, i+6
				}
			}
			out = appendRune(out, r)
		default:
			const escapes, meanings = `abfnrtv\'"?`, "\a\b\f\n\r\t\v\\'\"?"
			if at := bytes.IndexByte([]byte(escapes), c); at >= 0 {
				out = append(out, meanings[at])
			}
		}
	}
	return string(out)
}

// appendRune appends r in UTF-8 form, even for a lone surrogate, which makes the text
// invalid.
func appendRune(out []byte, r rune) []byte {
	if utf16.IsSurrogate(r) {
		return append(out, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
	}
	return utf8.AppendRune(out, r)
}

// digits counts the leading characters of text that are in set, up to most.
func digits(text string, limit int, set string) int {
	n := 0
	for n < min(limit, len(text)) && bytes.IndexByte([]byte(set), text[n]) >= 0 {
		n++
	}
	return n
}

func number(text string, base int) int64 {
	n, _ := strconv.ParseInt(text, base, 64)
	return n
}
