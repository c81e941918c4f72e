package migrate

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// showField renders a field of binary COPY as PostgreSQL would print it, for samples.
func showField(c Column, field []byte) string {
	const most = 40
	if len(field) <= 4 {
		return ""
	}
	b := field[4:]
	switch base, _ := splitType(c.Type); base {
	case "boolean":
		return strconv.FormatBool(b[0] == 1)
	case "smallint", "integer", "bigint":
		return strconv.FormatInt(signed(b), 10)
	case "double precision":
		return strconv.FormatFloat(math.Float64frombits(binary.BigEndian.Uint64(b)), 'g', -1, 64)
	case "numeric":
		return showNumeric(b)
	case "date":
		return momentAt(signed(b) * microsPerDay).Format("2006-01-02")
	case "time without time zone":
		return momentAt(signed(b)).Format("15:04:05.999999")
	case "timestamp without time zone":
		return momentAt(signed(b)).Format("2006-01-02 15:04:05.999999")
	case "timestamp with time zone":
		return momentAt(signed(b)).Format("2006-01-02 15:04:05.999999+00")
	case "uuid":
		return hex.EncodeToString(b[:4]) + "-" + hex.EncodeToString(b[4:6]) + "-" + hex.EncodeToString(b[6:8]) + "-" +
			hex.EncodeToString(b[8:10]) + "-" + hex.EncodeToString(b[10:])
	case "inet":
		address, _ := netip.AddrFromSlice(b[4:])
		return address.String()
	case "interval":
		return showInterval(b)
	case "bytea":
		if len(b) > most/2 {
			return `\x` + hex.EncodeToString(b[:most/2]) + "…"
		}
		return `\x` + hex.EncodeToString(b)
	case "jsonb":
		b = b[1:]
	}
	if runes := []rune(string(b[:min(len(b), 4*most)])); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(b)
}

// showInterval renders interval's binary form as PostgreSQL does, but for its sign before hours, which is never needed.
func showInterval(b []byte) string {
	var parts []string
	if days := signed(b[8:12]); days != 0 {
		parts = append(parts, countOf(days, "day", "days"))
	}
	if micros := signed(b[:8]); micros != 0 || parts == nil {
		parts = append(parts, momentAt(micros).Format("15:04:05.999999"))
	}
	return strings.Join(parts, " ")
}

func signed(b []byte) int64 {
	switch len(b) {
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b)))
	}
	return int64(binary.BigEndian.Uint64(b))
}

func momentAt(micros int64) time.Time { return time.UnixMicro(micros - epochMicros).UTC() }

// showNumeric renders numeric's binary form.
func showNumeric(b []byte) string {
	groups := int(binary.BigEndian.Uint16(b))
	weight, sign := int(int16(binary.BigEndian.Uint16(b[2:]))), binary.BigEndian.Uint16(b[4:])
	scale := int(binary.BigEndian.Uint16(b[6:]))
	if sign == 0xd000 || sign == 0xf000 {
		return map[uint16]string{0xd000: "Infinity", 0xf000: "-Infinity"}[sign]
	}
	group := func(i int) string { // the i-th group before (i <= weight) or behind the point
		if i = weight - i; i < 0 || i >= groups {
			return "0000"
		}
		s := strconv.Itoa(int(binary.BigEndian.Uint16(b[8+2*i:])))
		return strings.Repeat("0", 4-len(s)) + s
	}
	var whole, fraction strings.Builder
	for i := max(weight, 0); i >= 0; i-- {
		whole.WriteString(group(i))
	}
	for i := -1; fraction.Len() < scale; i-- {
		fraction.WriteString(group(i))
	}
	s := strings.TrimLeft(whole.String(), "0")
	if s == "" {
		s = "0"
	}
	if scale > 0 {
		s += "." + fraction.String()[:scale]
	}
	if sign == 0x4000 {
		return "-" + s
	}
	return s
}
