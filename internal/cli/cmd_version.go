package cli

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

const versionText = `Print the version, the commit it was built from and when that was made, and the
Go release and platform it was built with. "modified" says that files differed
from the commit.`

// What the linker of a release sets (.goreleaser.yaml: -X). Nothing else writes
// them; where they are empty, what Go notes in each build answers.
var linkedVersion, linkedCommit, linkedDate string

// buildInfo is what the program knows of its own build, and --format json shows.
type buildInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Date     string `json:"date,omitempty"` // of the commit: a build's own would not reproduce
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) versionCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:         "version",
		Short:       "Print the version",
		Long:        versionText,
		Example:     "  jwtctl version\n  jwtctl version --format json",
		Args:        noSubcommand,
		Annotations: map[string]string{needsNoConfig: "yes"},
		RunE:        func(*cobra.Command, []string) error { return a.runVersion(format) },
	}
	choiceVar(cmd.Flags(), &format, "format", "text", "text or json", "text", "json")
	flagOnly(cmd.Flags(), "format")
	return cmd
}

func (a *app) runVersion(format string) error {
	if format == "json" {
		return a.printJSON(build())
	}
	return a.print("%s", build().text())
}

// text is the version alone in the first line, and one fact in each other.
func (b buildInfo) text() string {
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

// version is the version alone, as reports carry it.
func version() string { return build().Version }

// build reads what Go noted of this program's build, and the linker's.
func build() buildInfo {
	info, _ := debug.ReadBuildInfo()
	return describeBuild(info, linkedVersion, linkedCommit, linkedDate)
}

// describeBuild prefers what the linker was told to what Go noted; info is nil
// if it noted nothing.
func describeBuild(info *debug.BuildInfo, version, commit, date string) buildInfo {
	b := buildInfo{Version: version, Commit: commit, Date: date, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
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
