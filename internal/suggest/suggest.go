// Package suggest finds the name that was probably meant.
package suggest

import "strings"

// maxLength is the maximum length of compared names in bytes: the time of Distance grows
// with both.
const maxLength = 256

// Nearest returns the element of known that was probably meant by name: equal except for
// case or package, or else the one with the smallest distance, if that is small for the
// length; if there are several, the one whose length differs least, and of those the
// first. It returns "" if none is similar.
func Nearest(name string, known []string) string {
	want := strings.ToLower(strings.Trim(name, "/."))
	if want == "" || len(want) > maxLength {
		return ""
	}
	found, least, leastDelta := "", max(3, len(want)/3+1), 0
	for _, candidate := range known {
		lower := strings.ToLower(candidate)
		if head, ends := strings.CutSuffix(lower, want); ends && (head == "" || strings.HasSuffix(head, ".") || strings.HasSuffix(head, "/")) {
			return candidate
		}
		delta := max(len(lower)-len(want), len(want)-len(lower))
		if len(lower) > maxLength || delta > least {
			continue
		}
		d := Distance(want, lower)
		if d < len(want) && (d < least || d == least && delta < leastDelta) {
			found, least, leastDelta = candidate, d, delta
		}
	}
	if found == "" && len(want) >= 3 {
		for _, candidate := range known { // more or less than the name: alg, bearer-token
			lower := strings.ToLower(candidate)
			if strings.HasPrefix(lower, want) || strings.HasPrefix(want, lower+"-") {
				return candidate
			}
		}
	}
	return found
}

// Distance returns the number of letters to change, insert or delete to get from a to b
// (Levenshtein).
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := diagonal
			if a[i-1] != b[j-1] {
				change++
			}
			diagonal = row[j]
			row[j] = min(change, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
