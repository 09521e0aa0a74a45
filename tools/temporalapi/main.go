// Command temporalapi writes what jwtctl knows of each release of a Temporal
// server: the APIs that its frontend answers, what the default authorizer
// requires for each, and in which releases the code that decides differs. All
// of it is read from the source of the modules go.temporal.io/server and
// go.temporal.io/api; nothing is typed by hand, and nothing is compiled.
//
//	temporalapi generate FILE...   write the table and the releases, unless they are up to date
//	temporalapi add VERSION        add a release to releases.txt
//	temporalapi newest             fail if the module proxy has a newer release
//
// releases.txt pins each release: its checksum, and a digest of the code that
// decides a call. A digest that no other release has means changed code: add
// then lists the files to read, and wants -reviewed.
package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "temporalapi:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("temporalapi", flag.ContinueOnError)
	list := flags.String("releases", "temporalapi/releases.txt", "the pinned releases")
	reviewed := flags.Bool("reviewed", false, "add a release although the code that decides has changed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	pins, err := readPins(*list)
	if err != nil {
		return err
	}
	args = flags.Args()
	switch {
	case len(args) == 3 && args[0] == "generate":
		return generate(*list, pins, args[1], args[2])
	case len(args) == 2 && args[0] == "add":
		return add(*list, pins, args[1], *reviewed)
	case len(args) == 1 && args[0] == "newest":
		return checkNewest(pins)
	}
	return errors.New("usage: temporalapi [-releases FILE] [-reviewed] generate TABLE RELEASES | add VERSION | newest")
}

// generate writes the two files. Both name the digest of what they were made
// of: this program's source and the list of releases.
func generate(list string, pins []pin, table, releases string) error {
	inputs, err := digestOf(list)
	if err != nil {
		return err
	}
	if madeOf(table, inputs) && madeOf(releases, inputs) {
		return nil
	}
	var facts []*release
	apis := map[string]*protocol{}
	for _, p := range pins {
		r, err := readRelease(p, apis)
		if err != nil {
			return fmt.Errorf("%s: %w", p.version, err)
		}
		facts = append(facts, r)
	}
	for name, write := range map[string]func([]*release, string) ([]byte, error){table: writeTable, releases: writeReleases} {
		text, err := write(facts, inputs)
		if err != nil {
			return err
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// digestOf returns the digest of the list and of this program's source.
func digestOf(list string) (string, error) {
	names, err := filepath.Glob(filepath.Join(filepath.Dir(list), "*.go"))
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, name := range append(names, list) {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%d\n", len(text))
		h.Write(text)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:12]), nil
}

func madeOf(name, inputs string) bool {
	text, err := os.ReadFile(name)
	return err == nil && bytes.Contains(text, []byte("(inputs "+inputs+")"))
}
