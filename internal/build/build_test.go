package build

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

// TestVersion: the linker's values precede Go's, and nothing is invented.
func TestVersion(t *testing.T) {
	t.Parallel()
	noted := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	vcs := []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}}
	modified := append(vcs[:2:2], debug.BuildSetting{Key: "vcs.modified", Value: "true"})
	platform := "go        " + runtime.Version() + "\nplatform  " + runtime.GOOS + "/" + runtime.GOARCH + "\n"
	for name, c := range map[string]struct {
		info   *debug.BuildInfo
		linked [3]string
		text   string
		json   string
	}{
		"no information": {nil, [3]string{}, "jwtctl development\n", `"version":"development","modified":false`},
		"no repository":  {noted("(devel)"), [3]string{}, "jwtctl development\n", `"version":"development","modified":false`},
		"module version": {noted("v1.2.3"), [3]string{}, "jwtctl v1.2.3\n", `"version":"v1.2.3","modified":false`},
		"clean clone": {noted("v1.2.3", vcs...), [3]string{}, "jwtctl v1.2.3\ncommit    abc\ndate      2026-01-02T03:04:05Z\n",
			`"version":"v1.2.3","commit":"abc","date":"2026-01-02T03:04:05Z","modified":false`},
		"modified clone": {noted("(devel)", modified...), [3]string{}, "jwtctl development\ncommit    abc (modified)\ndate      2026-01-02T03:04:05Z\n",
			`"version":"development","commit":"abc","date":"2026-01-02T03:04:05Z","modified":true`},
		"release": {noted("v0.0.0-2026", vcs...), [3]string{"1.2.3", "def", "2027-01-01T00:00:00Z"}, "jwtctl 1.2.3\ncommit    def\ndate      2027-01-01T00:00:00Z\n",
			`"version":"1.2.3","commit":"def","date":"2027-01-01T00:00:00Z","modified":false`},
		"release of a modified clone": {noted("", modified...), [3]string{"1.2.3", "", ""}, "jwtctl 1.2.3\ncommit    abc (modified)\ndate      2026-01-02T03:04:05Z\n",
			`"version":"1.2.3","commit":"abc","date":"2026-01-02T03:04:05Z","modified":true`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := describe(c.info, c.linked[0], c.linked[1], c.linked[2])
			if got := b.Text(); got != c.text+platform {
				t.Errorf("got\n%swant\n%s", got, c.text+platform)
			}
			got, err := json.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(got), "{"+c.json+`,"go":"`) {
				t.Errorf("got %s, want {%s…", got, c.json)
			}
		})
	}
}
