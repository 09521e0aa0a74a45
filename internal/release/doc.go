// Package release is the tests of what jwtctl is shipped with: programs for every
// platform, the image, the GitHub Action, the hooks of pre-commit, the workflow of
// the project itself. It holds no code.
//
// Those that take minutes (all platforms, the image, the action, the hooks) have the
// build tag shipping: make shipping runs them.
//
// What a release holds is checked by tools/goreleaser (make release-check), which
// takes longer than a test of every change may.
package release
