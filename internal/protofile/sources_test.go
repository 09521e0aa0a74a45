package protofile

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestS52_HostileSourcesAreRefused: no source hangs, crashes or takes much memory.
func TestS52_HostileSourcesAreRefused(t *testing.T) {
	const head = "syntax = 'proto3'; package t; import 'kalix/annotations.proto'; "
	nest := func(open, inner, end string, n int) string {
		return head + "message M { string a = 1 [(kalix.field) = " + strings.Repeat(open, n) + inner + strings.Repeat(end, n) + "]; }"
	}
	tests := map[string]struct {
		text string
		code fault.Code // "" if it may load or fail
		want string
	}{
		"literals, 400 KB":                     {nest("{jwt:", "", "}", 66_000), fault.DescriptorLimit, "brackets nest more than 64 levels"},
		"literals in angle brackets":           {nest("{jwt<", "", ">}", 30_000), fault.DescriptorLimit, "brackets nest"},
		"lists":                                {nest("[", "", "]", 200_000), fault.DescriptorLimit, "brackets nest"},
		"literals after closed angle brackets": {nest("{>jwt:", "", "}", 66_000), fault.DescriptorLimit, "brackets nest"},
		"literals after a string":              {nest(`{"\"{`+"\n", "", "}", 60_000), fault.DescriptorLimit, "brackets nest"},
		"literals after a quote":               {head + "'\n" + strings.Repeat("{", 100_000), fault.DescriptorLimit, "brackets nest"},
		"literals, one level too deep":         {nest("{jwt:", "", "}", maxNesting), fault.DescriptorLimit, "brackets nest"},
		"messages":                             {head + strings.Repeat("message M{", 1000) + strings.Repeat("}", 1000), fault.DescriptorLimit, "brackets nest"},
		"brackets in strings":                  {head + "option java_package = '" + strings.Repeat("{", 1000) + "';", "", ""},
		"brackets in comments":                 {head + "/*" + strings.Repeat("{", 1000) + "*/ //" + strings.Repeat("{", 1000) + "\n", "", ""},
		"more than 8 MiB":                      {head + strings.Repeat(" ", maxSource), fault.FileTooLarge, "larger than the limit of 8388608 bytes"},
		"long name":                            {head + "message " + strings.Repeat("x", 1000) + "{}", fault.DescriptorLimit, "a name is longer"},
		"long qualified name":                  {head + "message M { " + strings.Repeat("a . /**/", 1000) + " b = 1; }", fault.DescriptorLimit, "a name is longer"},
		"only semicolons":                      {head + strings.Repeat(";\n", (1<<20-len(head))/2), "", ""},
		"many fields":                          {many(head+"message M { ", 30_000, "string f%d = %[1]d;\n", "}"), "", ""},
		"many words":                           {head + strings.Repeat("a\n", maxWords), fault.DescriptorLimit, "more than 250000 tokens"},
		"many messages on one line":            {many(head, 30_000, "message M%d { string a = 1; } ", ""), fault.DescriptorLimit, "a very long line"},
		"many messages":                        {many(head, 24_000, "message M%d { string a = 1; }\n", ""), "", ""},
		"many annotations":                     {many(head+"message M { ", 9_000, "string f%d = %[1]d [(kalix.field).jwt = {token: true issuer: 'a' issuer: 'b'}];\n", "}"), "", ""},
		"many issuers":                         {head + "message M { string a = 1 [(kalix.field).jwt = {issuer: [" + strings.Repeat("'',\n", 120_000) + "'']}]; }", "", ""},
		"many statements":                      {head + "service S { rpc M(N) returns (N) { " + strings.Repeat("option (kalix.method).jwt.sign = MESSAGE;\n", 20_000) + " } } message N {}", "", ""},
		"many parts of a string":               {head + "option java_package = " + strings.Repeat("''\n", 340_000) + ";", "", ""},
		"many unclosed brackets":               {head + strings.Repeat("message M { }\n", 1000) + "{[<", fault.ProtoSyntax, ""},
		"not text":                             {string(bytes.Repeat([]byte{0, 0xff, 0x1b, 0x0a}, 100_000)), fault.ProtoSyntax, ""},
		"long package and many names":          {many("syntax = 'proto3'; package "+strings.Repeat("p", descset.MaxName)+"; message M { ", 30_000, "string f%d = %[1]d;\n", "}"), "", ""},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			src := Sources{Protos: []string{testkit.Folder(t, map[string]string{"a.proto": c.text})}}
			if c.code != "" {
				refused(t, src, c.code, c.want)
				return
			}
			if _, err := measured(t, src); err != nil {
				t.Logf("%.300s", err)
			}
		})
	}
}

func many(head string, n int, format, tail string) string {
	var b strings.Builder
	b.WriteString(head)
	for i := range n {
		fmt.Fprintf(&b, format, i+1+min(i/18_999, 1)*1000) // not 19000 to 19999
	}
	return b.String() + tail
}

// TestS52_ImportsStayInTheirPaths: imports cannot lead out of the import paths.
func TestS52_ImportsStayInTheirPaths(t *testing.T) {
	outside := testkit.Folder(t, map[string]string{"secret.proto": "syntax = 'proto3'; message Secret {}", "dir/b.proto": "syntax = 'proto3';"})
	dir := t.TempDir()
	link := func(name, to string) {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("link.proto", filepath.Join(outside, "secret.proto"))
	link("folder", outside)
	link("up", "..")
	link("inside.proto", "sub/real.proto")
	link("loop.proto", "loop.proto")
	testkit.File(t, filepath.Join(dir, "sub/real.proto"), "syntax = 'proto3';")
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo.proto"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		name string
		code fault.Code
	}{
		"inside":                 {"sub/real.proto", ""},
		"link within the folder": {"inside.proto", ""},
		"absolute":               {filepath.Join(outside, "secret.proto"), fault.ImportNotAllowed},
		"up":                     {"../" + filepath.Base(outside) + "/secret.proto", fault.ImportNotAllowed},
		"down and up":            {"sub/../sub/real.proto", fault.ImportNotAllowed},
		"dot":                    {"./sub/real.proto", fault.ImportNotAllowed},
		"backslash":              {`sub\\real.proto`, fault.ImportNotAllowed},
		"empty":                  {"", fault.ImportNotAllowed},
		"link to outside":        {"link.proto", fault.ImportNotAllowed},
		"folder outside":         {"folder/secret.proto", fault.ImportNotAllowed},
		"folder outside, deeper": {"folder/dir/b.proto", fault.ImportNotAllowed},
		"link up":                {"up/" + filepath.Base(dir) + "/sub/real.proto", fault.ImportNotAllowed},
		"link to itself":         {"loop.proto", fault.DescriptorUnreadable},
		"pipe":                   {"fifo.proto", fault.DescriptorUnreadable},
		"folder":                 {"sub", fault.DescriptorUnreadable},
		"through a file":         {"sub/real.proto/x.proto", fault.ImportNotFound},
		"nowhere":                {"no/such.proto", fault.ImportNotFound},
		"unknown file of kalix":  {"kalix/no.proto", fault.ImportNotFound},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			main := filepath.Join(t.TempDir(), "main.proto")
			testkit.File(t, main, "syntax = 'proto3';\n\n import '"+c.name+"';")
			src := Sources{ImportPaths: []string{dir, filepath.Dir(main)}, Protos: []string{main}}
			if c.code == "" {
				load(t, src)
				return
			}
			refused(t, src, c.code, main+":3:9: import of ")
		})
	}
	for _, arg := range []string{dir, filepath.Join(dir, "*.proto")} { // nor can a link in a folder
		_, err := Load(context.Background(), Sources{Protos: []string{arg}})
		if !fault.Has(err, fault.ImportNotAllowed) && !fault.Has(err, fault.DescriptorUnreadable) {
			t.Errorf("%s: %v", arg, err)
		}
	}
}
