package migrate

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"zombiezen.com/go/sqlite"
)

// canonInet writes the address as PostgreSQL sends it, with a full mask.
func canonInet(dst []byte, v value) ([]byte, bool) {
	if v.class != sqlite.TypeText {
		return dst, false
	}
	text := string(v.b)
	ip := net.ParseIP(text)
	switch {
	case ip == nil:
		return dst, false
	case strings.Contains(text, ":"):
		return fmt.Appendf(dst, `\x03800010%x`, []byte(ip.To16())), true
	}
	return fmt.Appendf(dst, `\x02200004%x`, []byte(ip.To4())), true
}

// canonInterval writes the microseconds, multiples of the finest: to PostgreSQL, 24 hours equal a day.
func canonInterval(dst []byte, v value, finest int64) ([]byte, bool) {
	micros := v.i
	switch v.class {
	case sqlite.TypeInteger:
		if micros < -1<<62 || micros > 1<<62 {
			return dst, false
		}
	default:
		t, ok := readInstant(v)
		if !ok || !t.dated || t.zoned || t.finer {
			return dst, false
		}
		micros = t.at.UnixMicro()
	}
	return strconv.AppendInt(dst, micros, 10), micros%finest == 0
}
