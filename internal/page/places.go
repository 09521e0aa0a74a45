package page

import (
	"slices"
	"strconv"
	"strings"
)

// place is the position of an annotation, as text and as a link to its line below.
type place struct{ Text, Href string }

// file is a source with the lines that facts on the page come from.
type file struct {
	ID, Name string
	Lines    []source
	cited    map[int][]*card
}

// source is a line or, with Number 0, a gap between two.
type source struct {
	Number int
	ID     string
	Text   string
	By     []*card // whose facts come from it
}

// at returns the place for text, the position of a fact of c, such as "shop.proto:12:5";
// nil for "".
func (p *printer) at(text string, c *card) *place {
	if text == "" {
		return nil
	}
	name, line, _ := parts(text)
	f := p.files[name]
	if f == nil {
		f = &file{ID: "file-" + strconv.Itoa(len(p.files)+1), Name: name, cited: map[int][]*card{}}
		p.files[name] = f
	}
	if !slices.Contains(f.cited[line], c) {
		f.cited[line] = append(f.cited[line], c)
	}
	if line == 0 {
		return &place{text, "#" + f.ID}
	}
	return &place{text, "#" + f.ID + "-" + strconv.Itoa(line)}
}

// parts splits a position such as "shop.proto:12:5"; missing parts are 0.
func parts(text string) (file string, line, column int) {
	file = text
	for range 2 {
		if i := strings.LastIndexByte(file, ':'); i > 0 {
			if n, err := strconv.Atoi(file[i+1:]); err == nil && n > 0 {
				file, line, column = file[:i], n, line
			}
		}
	}
	return file, line, column
}

// sources returns the files sorted by name.
func (p *printer) sources() (list []*file) {
	for _, f := range p.files {
		var numbers []int
		for n := range f.cited {
			if n > 0 {
				numbers = append(numbers, n)
			}
		}
		slices.Sort(numbers)
		for i, n := range numbers {
			if i > 0 {
				f.between(p, numbers[i-1], n)
			}
			f.Lines = append(f.Lines, source{n, f.ID + "-" + strconv.Itoa(n), p.line(f.Name, n), f.cited[n]})
		}
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *file) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// between adds the line between two cited ones, or a gap.
func (f *file) between(p *printer, before, after int) {
	switch {
	case after-before == 2:
		f.Lines = append(f.Lines, source{Number: before + 1, Text: p.line(f.Name, before+1)})
	case after-before > 2:
		f.Lines = append(f.Lines, source{})
	}
}

// maxLine is the maximum length of a line of source that is shown.
const maxLine = 240

func (p *printer) line(name string, n int) string {
	if p.options.Line == nil {
		return ""
	}
	text := strings.TrimRight(strings.ReplaceAll(p.options.Line(name, n), "\t", "    "), " \r\n")
	if runes := []rune(text); len(runes) > maxLine {
		text = string(runes[:maxLine]) + "…"
	}
	return p.escape(text)
}
