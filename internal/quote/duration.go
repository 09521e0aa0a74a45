package quote

import (
	"fmt"
	"strings"
	"time"
)

// Duration formats d as people write it: 5m, not 5m0s.
func Duration(d time.Duration) string {
	text := d.String()
	if whole, ok := strings.CutSuffix(text, "m0s"); ok {
		text = whole + "m"
	}
	if whole, ok := strings.CutSuffix(text, "h0m"); ok {
		text = whole + "h"
	}
	return text
}

// Distance formats the distance between two times: to the second, and in whole days from
// two days on.
func Distance(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= time.Second:
		d = d.Round(time.Second)
	}
	return Duration(d)
}
