package command

import (
	"os"
	"path/filepath"
	"strings"
)

// GitHubFolder returns the working folder as seen from the root of the repository that a
// workflow of GitHub Actions has checked out, with slashes: GitHub looks up the files of
// annotations from there. It is "" outside such a workflow, at its root, and elsewhere.
func GitHubFolder(d Deps) string {
	root, _ := d.System.Getenv("GITHUB_WORKSPACE")
	here, err := os.Getwd()
	if root == "" || err != nil {
		return ""
	}
	folder, err := filepath.Rel(resolveLinks(root), resolveLinks(here))
	if err != nil || folder == "." || folder == ".." || strings.HasPrefix(folder, ".."+string(filepath.Separator)) {
		return ""
	}
	return filepath.ToSlash(folder)
}

// resolveLinks returns name without links, or as it is if that fails.
func resolveLinks(name string) string {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		return real
	}
	return name
}
