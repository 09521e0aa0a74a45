// Package suggest finds the name that was probably meant.
package suggest

import "strings"

// maxLength is the maximum length of compared names in bytes: the time of Distance grows
// with both.
const maxLength = 256

// Nearest returns the element of known that was probably meant by name: equal except for
// case or package, or else the one with the smallest distance, if that is small for the
// length; the first if there are several. It returns "" if none is similar.
func Nearest(name string, known []string) string {
	wanted := strings.ToLower(strings.Trim(name, "/."))
	if wanted == "" || len(wanted) > maxLength {
		return ""
	}
	found, least := "", max(3, len(wanted)/3+1)
	for _, candidate := range known {
		lower := strings.ToLower(candidate)
		if head, ends := strings.CutSuffix(lower, wanted); ends && (head == "" || strings.HasSuffix(head, ".") || strings.HasSuffix(head, "/")) {
			return candidate
		}
		if delta := len(lower) - len(wanted); len(lower) <= maxLength && max(delta, -delta) < least {
			if d := Distance(wanted, lower); d < least && d < len(wanted) {
				found, least = candidate, d
			}
		}
	}
	if found == "" && len(wanted) >= 3 {
		for _, candidate := range known { // more or less than the name: alg, bearer-token
			lower := strings.ToLower(candidate)
			if strings.HasPrefix(lower, wanted) || strings.HasPrefix(wanted, lower+"-") {
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
