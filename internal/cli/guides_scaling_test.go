package cli

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/jwks"
)

// TestScalingGuide runs the transcript of docs/scaling.md, and compares its figures for
// key sets with package jwks.
func TestScalingGuide(t *testing.T) {
	t.Parallel()
	g := openGuide(t, "../../docs/scaling.md")
	port := freePort(t)
	dedented := strings.ReplaceAll(g.text, "\n   ", "\n")
	g.run(t, t.TempDir(), "", strings.ReplaceAll(dedented, "8081", port))

	const replicas = 10_000.0
	perSecond := func(each float64, every time.Duration) string {
		n := fmt.Sprintf("%.0f", replicas/(each*every.Seconds()))
		if len(n) > 3 {
			n = n[:len(n)-3] + "," + n[len(n)-3:]
		}
		return " | " + n + " |"
	}
	const middle = (jwks.MinRefreshFraction + jwks.MaxRefreshFraction) / 2
	for _, row := range []string{
		"the default" + perSecond(middle, jwks.DefaultRefresh),
		"in one second" + perSecond(jwks.MaxRefreshFraction-jwks.MinRefreshFraction, jwks.DefaultRefresh),
		"`refresh_interval` 30 min" + perSecond(middle, 30*time.Minute),
		"as `jwtctl serve` does" + perSecond(middle, jwks.DefaultMaxAge),
		"one in 30 s each" + perSecond(1, jwks.Cooldown),
		"one in 5 s each" + perSecond(1, jwks.ColdRetry),
	} {
		if !strings.Contains(g.text, row) {
			t.Errorf("the guide lacks the row %s", row)
		}
	}
	for _, name := range []string{"gateway.yaml", "sidecar.yaml", "authz.yaml"} {
		if _, err := os.Stat("../../examples/kubernetes/" + name); err != nil || !strings.Contains(g.text, "(../examples/kubernetes/"+name+")") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
