package claims

import (
	"bytes"
	"strconv"
	"strings"
)

// number is a JSON number in parts, without conversion to a float: the digits of whole
// and fraction, times 10^exp.
type number struct {
	negative        bool
	whole, fraction []byte
	exp             int
}

// maxExponent represents all larger exponents; no text has enough digits to bring such a
// number back into range.
const maxExponent = 1 << 30

// parseNumber parses text by the grammar of RFC 8259 section 6. It returns false for
// anything else.
func parseNumber(text []byte) (n number, ok bool) {
	text, n.negative = cutSign(text, "-")
	n.whole, text = digits(text)
	if len(n.whole) == 0 || len(n.whole) > 1 && n.whole[0] == '0' {
		return n, false
	}
	if len(text) > 0 && text[0] == '.' {
		n.fraction, text = digits(text[1:])
		if len(n.fraction) == 0 {
			return n, false
		}
	}
	if len(text) > 0 && (text[0] == 'e' || text[0] == 'E') {
		var exp []byte
		var below bool
		text, below = cutSign(text[1:], "-")
		if !below {
			text, _ = cutSign(text, "+")
		}
		exp, text = digits(text)
		if len(exp) == 0 {
			return n, false
		}
		for _, d := range exp {
			n.exp = min(n.exp*10+int(d-'0'), maxExponent)
		}
		if below {
			n.exp = -n.exp
		}
	}
	return n, len(text) == 0
}

func cutSign(text []byte, sign string) ([]byte, bool) { return bytes.CutPrefix(text, []byte(sign)) }

// digits splits text after its leading digits.
func digits(text []byte) (first, rest []byte) {
	i := 0
	for i < len(text) && '0' <= text[i] && text[i] <= '9' {
		i++
	}
	return text[:i], text[i:]
}

// integer returns text without its sign; ok is false if it is not an integral number, or
// is 2^64 or more.
func integer(text []byte) (magnitude uint64, negative, ok bool) {
	n, ok := parseNumber(text)
	if !ok {
		return 0, false, false
	}
	digits, exp := n.whole, 0
	if n.exp != 0 || len(n.fraction) > 0 {
		digits, exp = n.normal()
	}
	const most = 20 // digits of 2^64
	switch {
	case len(digits) == 0:
		return 0, n.negative, true
	case exp < 0 || len(digits) > most || exp > most:
		return 0, n.negative, false
	}
	magnitude, err := strconv.ParseUint(string(digits)+strings.Repeat("0", exp), 10, 64)
	return magnitude, n.negative, err == nil
}

// signed returns text as a signed integer of the given size.
func signed(text []byte, bits int) (int64, bool) {
	magnitude, negative, ok := integer(text)
	limit := uint64(1) << (bits - 1)
	if negative {
		return -int64(magnitude), ok && magnitude <= limit
	}
	return int64(magnitude), ok && magnitude < limit
}

// unsigned returns text as an unsigned integer of the given size; -0 is 0.
func unsigned(text []byte, bits int) (uint64, bool) {
	magnitude, negative, ok := integer(text)
	fits := magnitude>>(bits-1)>>1 == 0
	return magnitude, ok && fits && (!negative || magnitude == 0)
}

// sameNumber reports whether two JSON numbers are exactly equal.
func sameNumber(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, okX := parseNumber(a)
	y, okY := parseNumber(b)
	if !okX || !okY {
		return false
	}
	digitsX, expX := x.normal()
	digitsY, expY := y.normal()
	if !bytes.Equal(digitsX, digitsY) {
		return false
	}
	if len(digitsX) == 0 {
		return true
	}
	// Exponents beyond maxExponent are not known exactly.
	near := max(x.exp, -x.exp, y.exp, -y.exp) < maxExponent
	return near && expX == expY && x.negative == y.negative
}

// normal returns the digits without zeros at either end (none for 0), and the power of
// ten of the last digit.
func (n number) normal() (digits []byte, exp int) {
	all := append(append(make([]byte, 0, len(n.whole)+len(n.fraction)), n.whole...), n.fraction...)
	digits = bytes.TrimRight(all, "0")
	exp = n.exp - len(n.fraction) + len(all) - len(digits)
	return bytes.TrimLeft(digits, "0"), exp
}
