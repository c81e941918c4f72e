package migrate

import (
	"net/netip"
	"strconv"
	"time"

	"zombiezen.com/go/sqlite"
)

// inet writes an address as text, with its mask where that is not the full one.
func (r *restorer) inet(dst []byte, v *value, field []byte) ([]byte, string) {
	start := len(dst)
	address, ok := netip.AddrFromSlice(field[4:])
	if !ok {
		return dst, "an address that is neither IPv4 nor IPv6"
	}
	dst = address.AppendTo(dst)
	if bits := int(field[1]); bits != address.BitLen() {
		dst = strconv.AppendInt(append(dst, '/'), int64(bits), 10)
	}
	return r.keptText(dst, start, v)
}

// interval writes microseconds, or a date and time counted from 1970 where the column had such.
func (r *restorer) interval(dst []byte, v *value, field []byte) ([]byte, string) {
	micros, days, months := signed(field[:8]), signed(field[8:12]), signed(field[12:])
	if months != 0 {
		return dst, "months, which are no number of microseconds"
	}
	const most = 100_000_000
	part := max(-most, min(most, days)) * microsPerDay
	if whole := micros + part; days != part/microsPerDay || (whole > micros) != (part > 0) && part != 0 {
		return dst, "more days than a number of microseconds holds"
	}
	if micros += part; r.affinity == "REAL" {
		return dst, "a column of type " + r.Declared + " would make a number with a fraction of an interval"
	}
	if r.mostly(sqlite.TypeInteger, sqlite.TypeInteger, sqlite.TypeText) == sqlite.TypeText {
		start := len(dst)
		return r.keptText(time.UnixMicro(micros).UTC().AppendFormat(dst, "2006-01-02 15:04:05.000000"), start, v)
	}
	return r.number(dst, v, value{class: sqlite.TypeInteger, i: micros}), ""
}
