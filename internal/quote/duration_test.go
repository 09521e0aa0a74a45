package quote

import (
	"testing"
	"time"
)

func TestDistanceIsShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                "0s",
		time.Millisecond:                 "1ms",
		1499 * time.Millisecond:          "1s",
		10 * time.Second:                 "10s",
		90 * time.Second:                 "1m30s",
		5 * time.Minute:                  "5m",
		time.Hour:                        "1h",
		25 * time.Hour:                   "25h",
		time.Hour + time.Second:          "1h0m1s",
		time.Hour - 300*time.Millisecond: "1h",
		48*time.Hour - time.Second:       "47h59m59s",
		48 * time.Hour:                   "2 days",
		71 * time.Hour:                   "2 days",
		60540 * time.Hour:                "2522 days",
	} {
		if got := Distance(d); got != want {
			t.Errorf("Distance(%s) = %q, want %q", d, got, want)
		}
	}
}
