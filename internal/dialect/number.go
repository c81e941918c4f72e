package dialect

import (
	"math"
	"strconv"
	"strings"
)

// numberPrefix returns the longest beginning of s that SQLite reads as a number, after white space, and whether it is
// an integer. It is empty when there is none.
func numberPrefix(s string) (prefix string, isInteger bool) {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	i := 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	digits := func() int {
		start := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		return i - start
	}
	n := digits()
	isInteger = true
	end := i
	if i < len(s) && s[i] == '.' {
		i++
		if m := digits(); n+m > 0 {
			n, end, isInteger = n+m, i, false
		}
	}
	if n == 0 {
		return "", false
	}
	i = end
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if digits() > 0 {
			end, isInteger = i, false
		}
	}
	return s[:end], isInteger
}

// numberOf returns the number that a text is under numeric affinity, and whether it is one.
func numberOf(s string) (*Literal, bool) {
	prefix, isInteger := numberPrefix(s)
	if prefix == "" || strings.Trim(s, " \t\n\v\f\r") != prefix {
		return nil, false
	}
	return numberLiteral(prefix, isInteger), true
}

// numberLiteral makes a literal of what numberPrefix returned. A whole number that fits is an INTEGER, also when it was
// written with a fraction: that is what numeric affinity does.
func numberLiteral(prefix string, isInteger bool) *Literal {
	if isInteger {
		if i, err := strconv.ParseInt(prefix, 10, 64); err == nil {
			return &Literal{Kind: IntegerLiteral, Text: strconv.FormatInt(i, 10)}
		}
	}
	f, _ := strconv.ParseFloat(prefix, 64) // out of range gives an infinity, as in SQLite
	return floatLiteral(f)
}

func floatLiteral(f float64) *Literal {
	return &Literal{Kind: FloatLiteral, Text: strconv.FormatFloat(f, 'g', -1, 64)}
}

// canonical returns an integer or float literal in plain decimal digits, as a literal that PostgreSQL reads alike.
func (l *Literal) canonical() *Literal {
	if l.Kind != IntegerLiteral {
		f, _ := strconv.ParseFloat(l.Text, 64)
		return floatLiteral(f)
	}
	if hex, ok := strings.CutPrefix(strings.ToLower(l.Text), "0x"); ok {
		u, _ := strconv.ParseUint(hex, 16, 64)
		return &Literal{Kind: IntegerLiteral, Text: strconv.FormatInt(int64(u), 10)}
	}
	return numberLiteral(l.Text, true)
}

// realText returns a REAL as SQLite prints it: 15 digits, always with a point.
func realText(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Inf"
	case math.IsInf(f, -1):
		return "-Inf"
	case f == 0:
		return "0.0"
	}
	s := strconv.FormatFloat(f, 'e', 14, 64)
	mantissa, exponent, _ := strings.Cut(s, "e")
	e, _ := strconv.Atoi(exponent)
	if e < -4 || e > 14 {
		mantissa = strings.TrimRight(mantissa, "0")
		if strings.HasSuffix(mantissa, ".") {
			mantissa += "0"
		}
		return mantissa + "e" + exponent
	}
	s = strconv.FormatFloat(f, 'f', max(0, 14-e), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(s, "0")
	}
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return strings.TrimSuffix(s, ".") + when(strings.HasSuffix(s, "."), ".0")
}
