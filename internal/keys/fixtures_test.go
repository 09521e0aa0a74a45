package keys_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

const fixtureFolder = "../../testdata/keys"

// fixtureRows returns the last column of testdata/README.md by file name.
func fixtureRows(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile("../../testdata/README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) == 4 && strings.HasPrefix(cells[0], "`throwaway-") {
			rows[strings.Trim(cells[0], "`")] = cells[3]
		}
	}
	return rows
}

// fixtures returns the paths of the key files.
func fixtures(tb testing.TB) []string {
	tb.Helper()
	paths, err := filepath.Glob(fixtureFolder + "/*")
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no key files: %v", err)
	}
	return paths
}

// TestS9_ReadsFilesOfOtherTools: files made by other tools are read as their table says.
func TestS9_ReadsFilesOfOtherTools(t *testing.T) {
	rows := fixtureRows(t)
	for _, path := range fixtures(t) {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			want, listed := rows[name]
			if !listed {
				t.Fatal("testdata/README.md lacks a row for the file")
			}
			delete(rows, name)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			loaded, err := keys.Parse(data, keys.Attributes{Source: path})
			got := []string{string(fault.CodeOf(err))}
			for _, k := range loaded.Keys {
				kind := "public"
				switch {
				case k.Type() == keys.TypeSecret:
					kind = "secret"
				case k.CanSign():
					kind = "private"
				}
				got = append(got, kind+" "+string(k.Algorithm()))
			}
			got = slices.DeleteFunc(got, func(s string) bool { return s == "" })
			if strings.Join(got, ", ") != want {
				t.Errorf("got %s (%v), want %s", strings.Join(got, ", "), err, want)
			}
		})
	}
	for name := range rows {
		t.Errorf("testdata/README.md has a row for the missing file %s", name)
	}
}

// TestA25_OneKeyInEachForm: the files of one key contain the same key.
func TestA25_OneKeyInEachForm(t *testing.T) {
	for prefix, n := range map[string]int{"throwaway-p256.": 3, "throwaway-rsa2048.": 4, "throwaway-es512.": 2, "throwaway-ed25519.p": 2} {
		ids := map[string]int{}
		for _, path := range fixtures(t) {
			if strings.HasPrefix(filepath.Base(path), prefix) {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				ids[mustParse(t, string(data)).ID()]++
			}
		}
		for id, count := range ids {
			if len(ids) != 1 || count != n {
				t.Errorf("%s: got %d files with %s, want %d", prefix, count, id, n)
			}
		}
	}
}
