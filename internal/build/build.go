// Package build provides the version of the program.
package build

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

// Set by the linker of a release (.goreleaser.yaml: -X). If empty, the build information
// recorded by Go is used.
var linkedVersion, linkedCommit, linkedDate string

// Info is the version of the program, and its JSON form.
type Info struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Date     string `json:"date,omitempty"` // of the commit: that of the build would not be reproducible
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Text returns the version on the first line, and one fact on each other line.
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

// Version returns only the version, for reports.
func Version() string { return Read().Version }

// Read returns the version from Go's build information and the linker.
func Read() Info {
	info, _ := debug.ReadBuildInfo()
	return describe(info, linkedVersion, linkedCommit, linkedDate)
}

// describe prefers the linker's values to Go's; info may be nil.
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
