package temporal

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

func TestParseRelease(t *testing.T) {
	for text, want := range map[string]string{
		"": Newest().Version, "v1.32.2": "1.32.2", "1.30.8": "1.30.8", "1.31": "1.31.5", "1.29": "1.29.2",
		"1.30.5":  "1.30.5", // between two that decide equally
		"1.30.2":  "",       // between two that differ
		"1.30.99": "", "1.28.0": "", "1.33.0": "", "2.32.2": "", "1": "", "1.x": "", "latest": "", "1.30.8.1": "", "-1.30.8": "",
	} {
		r, err := ParseRelease(text)
		var f *fault.Error
		switch {
		case want == "" && (!errors.As(err, &f) || f.Code != fault.UsageError || !strings.Contains(f.Hint, "1.32.2")):
			t.Errorf("%q: got %+v, %v, want a usage error that lists the releases", text, r, err)
		case want != "" && (err != nil || r.Version != want || len(r.APIs()) < 150):
			t.Errorf("%q: got %+v, %v, want %s", text, r, err, want)
		}
	}
}

func TestReleasesAreInOrder(t *testing.T) {
	if !slices.IsSortedFunc(Releases(), func(a, b Release) int { return compareReleases(a.Version, b.Version) }) {
		t.Error("releases are not sorted")
	}
}

// TestAPIsDifferBetweenReleases checks what was added after 1.30.8, and what patch
// releases changed (temporal.md section 6).
func TestAPIsDifferBetweenReleases(t *testing.T) {
	access := func(version, name string) Access {
		r := testkit.Must(ParseRelease(version))
		api, _, err := r.FindAPI(name)
		if err != nil {
			return ""
		}
		return api.Access
	}
	const compute, stream = "ValidateWorkerDeploymentVersionComputeConfig", "StreamWorkflowReplicationMessages"
	for _, row := range []struct {
		version, api string
		want         Access
	}{
		{"1.30.8", compute, ""}, {"1.31.4", compute, AccessRead}, {"1.31.5", compute, AccessWrite}, {"1.32.1", compute, AccessRead}, {"1.32.2", compute, AccessWrite},
		{"1.30.8", "AdminService/GetTaskQueueUserData", ""}, {"1.32.2", "AdminService/GetTaskQueueUserData", AccessAdmin},
		{"1.31.0", stream, AccessUnchecked}, {"1.31.4", stream, AccessAdmin}, {"1.30.1", stream, AccessUnchecked}, {"1.30.8", stream, AccessAdmin},
		{"1.30.8", "NexusService/CompleteNexusOperation", AccessWrite},
	} {
		if got := access(row.version, row.api); got != row.want {
			t.Errorf("%s %s: access %q, want %q", row.version, row.api, got, row.want)
		}
	}
}

// TestFindAPINamesTheReleasesThatHaveIt: an API of another release is not treated as a
// spelling mistake.
func TestFindAPINamesTheReleasesThatHaveIt(t *testing.T) {
	_, _, err := testkit.Must(ParseRelease("1.30.8")).FindAPI("ValidateWorkerDeploymentVersionComputeConfig")
	var f *fault.Error
	if !errors.As(err, &f) || !strings.Contains(f.Hint, "since 1.31.0") || !strings.Contains(f.Error(), "1.30.8") {
		t.Errorf("%v, hint %q", err, f.Hint)
	}
}
