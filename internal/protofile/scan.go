package protofile

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/jwtctl/jwtctl/internal/descset"
)

// Limits that are checked before anything is compiled (S52), in addition to those of
// package descset.
const (
	maxSource  = 8 << 20   // bytes of a .proto file
	maxSources = 96 << 20  // total bytes, unless Sources.MaxBytes is set
	maxNesting = 64        // brackets of all kinds in a source; protoc allows 32 messages
	maxWords   = 250_000   // words and signs of a source
	maxColumns = 128 << 20 // of all words of a source together
	maxErrors  = 10        // reported in one run
)

// scan returns an error with a position if a source exceeds the limits. It only
// understands strings and comments. The limits bound what makes the cost of compiling
// quadratic: nesting of brackets, names (each element has its full name), and long lines
// (the column of each word is counted from the start of its line).
func scan(where string, text []byte) error {
	var s scanner
	line, columns, words := 0, 0, 0
	for i := 0; i < len(text); {
		if text[i] <= ' ' {
			if text[i] == '\n' {
				line = i + 1
			}
			i++
			continue
		}
		end := s.word(text, i)
		words++
		columns += i - line
		if n := bytes.LastIndexByte(text[i:end], '\n'); n >= 0 { // in a comment
			line = i + n + 1
		}
		reason := ""
		switch {
		case s.open[0]+s.open[1]+s.open[2] > maxNesting:
			reason = fmt.Sprintf("brackets nest more than %d levels", maxNesting)
		case s.name > descset.MaxName:
			reason = fmt.Sprintf("a name is longer than %d bytes", descset.MaxName)
		case words > maxWords:
			reason = fmt.Sprintf("more than %d tokens in one file", maxWords)
		case columns > maxColumns:
			reason = "a very long line; split it"
		}
		if reason != "" {
			return descset.LimitExceeded(position(where, text, i), "%s", reason)
		}
		i = end
	}
	return nil
}

// scanner reads a source word by word.
type scanner struct {
	open  [3]int // levels of {}, [] and <>; separate, so that "{>{>" cannot evade it
	name  int    // length of the current name, with its dots
	ended bool   // the next word starts another name
}

// word reads the word that starts at i, and returns its end.
func (s *scanner) word(text []byte, i int) (end int) {
	switch c := text[i]; {
	case c == '/' && i+1 < len(text) && (text[i+1] == '/' || text[i+1] == '*'):
		return commentEnd(text, i)
	case isWord(c):
		for end = i; end < len(text) && isWord(text[end]); end++ {
		}
		if s.ended {
			s.name = 0
		}
		s.name, s.ended = s.name+end-i, true
		return end
	case c == '.':
		s.name, s.ended = s.name+1, false
		return i + 1
	case c == '"' || c == '\'':
		s.name = 0
		return stringEnd(text, i)
	default:
		s.name = 0
		if k := strings.IndexByte("{[<", c); k >= 0 {
			s.open[k]++
		} else if k := strings.IndexByte("}]>", c); k >= 0 {
			s.open[k] = max(0, s.open[k]-1)
		}
		return i + 1
	}
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}

// commentEnd returns the end of the comment that starts at i.
func commentEnd(text []byte, i int) int {
	closing := "\n"
	if text[i+1] == '*' {
		closing = "*/"
	}
	if n := bytes.Index(text[i+2:], []byte(closing)); n >= 0 {
		return i + 2 + n + len(closing)
	}
	return len(text)
}

// stringEnd returns the end of the string that starts at i. A line end also ends it, so
// that the text after a broken string is still counted.
func stringEnd(text []byte, i int) int {
	quote := text[i]
	for i++; i < len(text) && text[i] != '\n'; i++ {
		switch text[i] {
		case quote:
			return i + 1
		case '\\':
			i++
		}
	}
	return min(i, len(text))
}

// position returns the position of byte i of text.
func position(where string, text []byte, i int) string {
	line := bytes.LastIndexByte(text[:i], '\n')
	return descset.Position{File: where, Line: bytes.Count(text[:i], []byte("\n")) + 1, Column: i - line}.String()
}
