package migrate

import (
	"fmt"
	"net"
	"strings"
	"time"

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

// canonInterval writes the microseconds of a day, the days and the months as PostgreSQL sends them.
func canonInterval(dst []byte, v value) ([]byte, bool) {
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
	const day = int64(24 * time.Hour / time.Microsecond)
	days := micros / day
	if micros%day < 0 {
		days--
	}
	return fmt.Appendf(dst, `\x%016x%08x00000000`, uint64(micros-days*day), uint32(int32(days))), true
}
