// Package build is what the program knows of its own build.
package build

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

// What the linker of a release sets (.goreleaser.yaml: -X). Nothing else writes
// them; where they are empty, what Go notes in each build answers.
var linkedVersion, linkedCommit, linkedDate string

// Info is what the program knows of its own build, and its JSON form.
type Info struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Date     string `json:"date,omitempty"` // of the commit: a build's own would not reproduce
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Text is the version alone in the first line, and one fact in each other.
func (b Info) Text() string {
	text := "jwtctl " + b.Version + "\n"
	if b.Commit != "" {
		text += "commit    " + b.Commit
		if b.Modified {
			text += " (modified)"
		}
		text += "\n"
	}
	if b.Date != "" {
		text += "date      " + b.Date + "\n"
	}
	return text + "go        " + b.Go + "\nplatform  " + b.Platform + "\n"
}

// Version is the version alone, as reports carry it.
func Version() string { return Read().Version }

// Read returns what Go noted of this program's build, and the linker's.
func Read() Info {
	info, _ := debug.ReadBuildInfo()
	return describe(info, linkedVersion, linkedCommit, linkedDate)
}

// describe prefers the values of the linker to those that Go noted; info is nil
// if it noted nothing.
func describe(info *debug.BuildInfo, version, commit, date string) Info {
	b := Info{Version: version, Commit: commit, Date: date, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info != nil {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = cmp.Or(b.Commit, s.Value)
			case "vcs.time":
				b.Date = cmp.Or(b.Date, s.Value)
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
		if info.Main.Version != "(devel)" {
			b.Version = cmp.Or(b.Version, info.Main.Version)
		}
	}
	b.Version = cmp.Or(b.Version, "development")
	return b
}
