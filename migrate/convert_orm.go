package migrate

import (
	"encoding/binary"
	"net/netip"

	"zombiezen.com/go/sqlite"
)

// The conversions here lead to types that SQLite has nothing like, and that ORMs expect.

// encodeInet writes an address as inet does: the family, the bits of its mask, no cidr, its bytes.
func encodeInet(dst []byte, v value) ([]byte, string) {
	if v.class == sqlite.TypeNull {
		return appendNull(dst), ""
	}
	address, ok := inetAddress(v)
	switch {
	case !ok:
		return dst, refusal(v, "an IP address")
	case address.Is4():
		b := address.As4()
		return append(append(appendLength(dst, 8), 2, 32, 0, 4), b[:]...), ""
	}
	b := address.As16()
	return append(append(appendLength(dst, 20), 3, 128, 0, 16), b[:]...), ""
}

func inetAddress(v value) (netip.Addr, bool) {
	const longest = len("0000:0000:0000:0000:0000:ffff:255.255.255.255")
	if v.class != sqlite.TypeText || len(v.b) > longest {
		return netip.Addr{}, false
	}
	address, err := netip.ParseAddr(string(v.b))
	return address, err == nil && address.Zone() == ""
}

// encodeInterval writes microseconds, days and no months. The days are whole and the rest is never negative, as in Python.
func encodeInterval(dst []byte, v value) ([]byte, string) {
	if v.class == sqlite.TypeNull {
		return appendNull(dst), ""
	}
	micros, ok := intervalMicros(v)
	if !ok {
		return dst, refusal(v, "an interval in microseconds")
	}
	rest := (micros%microsPerDay + microsPerDay) % microsPerDay
	dst = binary.BigEndian.AppendUint64(appendLength(dst, 16), uint64(rest))
	dst = binary.BigEndian.AppendUint32(dst, uint32(int32((micros-rest)/microsPerDay)))
	return binary.BigEndian.AppendUint32(dst, 0), ""
}

func intervalMicros(v value) (int64, bool) {
	switch v.class {
	case sqlite.TypeInteger:
		return v.i, v.i >= -1<<62 && v.i <= 1<<62
	case sqlite.TypeText:
		m, ok := parseMoment(v.b)
		return m.timestamp() - epochMicros, ok && m.hasDate && !m.hasZone && !m.cut
	}
	return 0, false
}
