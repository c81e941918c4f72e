package migrate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
)

// The forms of times in columns of which nobody knows how they were written.
const (
	usualDate     = "2006-01-02"
	usualTime     = "15:04:05|15:04:05.000000"
	usualMoment   = "2006-01-02 15:04:05|2006-01-02 15:04:05.000000"
	usualInstant  = "2006-01-02 15:04:05-07:00|2006-01-02 15:04:05.000000-07:00"
	lastMicrosFit = ".000000" // of a fraction that no form of the column can hold
)

// timeWriter writes times as the application does.
type timeWriter struct {
	restorer
	layouts []string
	full    string // the last layout, with microseconds
	zone    *time.Location
}

// newTime returns the function for a column of dates or times.
func (r *restorer) newTime(base string) (restoreFunc, error) {
	w := &timeWriter{restorer: *r, zone: time.UTC}
	usual := map[string]string{
		"date": usualDate, "time without time zone": usualTime,
		"timestamp without time zone": usualMoment, "timestamp with time zone": usualInstant,
	}[base]
	if usual == "" {
		return nil, fmt.Errorf("column %s: conversion %q from %s has no way back", r.Name, r.Convert, r.Type)
	}
	w.choose(usual)
	switch r.Convert {
	case ConvertDate:
		return w.date, nil
	case ConvertTime:
		return w.clock, nil
	case ConvertTimestamp:
		return w.moment, nil
	case ConvertEpoch:
		return w.newEpoch(1_000_000), nil
	case ConvertEpochMS:
		return w.newEpoch(1_000), nil
	case ConvertEpochUS:
		return w.newEpoch(1), nil
	case ConvertJulian:
		return w.newJulian(), nil
	}
	return nil, fmt.Errorf("column %s: unknown conversion %q", r.Name, r.Convert)
}

// choose takes the forms that were found, as far as they fit the conversion, or the usual ones.
func (w *timeWriter) choose(usual string) {
	w.layouts = slices.DeleteFunc(strings.Split(w.Forms()[formTime], "|"), func(layout string) bool { return !w.suits(layout) })
	if len(w.layouts) == 0 {
		w.layouts = strings.Split(usual, "|")
	}
	zone, err := time.Parse("-07:00", w.Forms()[formOffset])
	if err == nil && !slices.ContainsFunc(w.layouts, func(layout string) bool { return !zoned(layout) }) {
		w.zone = zone.Location()
	}
	w.full = w.layouts[len(w.layouts)-1]
	if !strings.Contains(w.full, "15:04") {
		_, w.full, _ = strings.Cut(usual, "|")
		if w.full == "" {
			_, w.full, _ = strings.Cut(usualMoment, "|")
		}
	}
	before, after, _ := strings.Cut(w.full, "15:04")
	after = strings.TrimLeft(strings.TrimPrefix(after, ":05"), ".0")
	w.full = before + "15:04:05" + lastMicrosFit + after
}

// suits reports whether a layout holds what the conversion needs, and no more.
func (w *timeWriter) suits(layout string) bool {
	dated, clocked := strings.HasPrefix(layout, "2006-01-02"), strings.Contains(layout, "15:04")
	switch w.Convert {
	case ConvertTime:
		return clocked && !zoned(layout)
	}
	return dated
}

// zoned reports whether a layout ends with a zone.
func zoned(layout string) bool {
	return strings.HasSuffix(layout, "07") || strings.Contains(layout, "07:00") || strings.Contains(layout, "0700")
}

// append writes the time that lies so many microseconds after 2000 in the first form that holds all of it.
func (w *timeWriter) append(dst []byte, v *value, micros int64) ([]byte, string) {
	t := momentAt(micros).In(w.zone)
	if t.Year() < 1 || t.Year() > 9999 {
		return dst, "SQLite's dates end with the year 9999 and begin with the year 1"
	}
	start := len(dst)
	return w.keptText(t.AppendFormat(dst, w.layout(t)), start, v)
}

func (w *timeWriter) layout(t time.Time) string {
	for _, layout := range w.layouts {
		if holds(layout, t) {
			return layout
		}
	}
	return w.full
}

// holds reports whether nothing of t is lost in a layout.
func holds(layout string, t time.Time) bool {
	_, clock, ok := strings.Cut(layout, "15:04")
	if !ok {
		return t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 && t.Nanosecond() == 0
	}
	rest, ok := strings.CutPrefix(clock, ":05")
	if !ok {
		return t.Second() == 0 && t.Nanosecond() == 0
	}
	digits := 0
	if strings.HasPrefix(rest, ".") {
		digits = len(rest) - len(strings.TrimLeft(rest[1:], "0")) - 1
	}
	unit := int(math.Pow10(9 - digits))
	return t.Nanosecond()%unit == 0
}

func (w *timeWriter) date(dst []byte, v *value, field []byte) ([]byte, string) {
	days := signed(field)
	if days == math.MaxInt32 || days == math.MinInt32 {
		return dst, "SQLite has no infinite date"
	}
	midnight := days * microsPerDay
	_, ahead := momentAt(midnight).In(w.zone).Zone()
	return w.append(dst, v, midnight-int64(ahead)*microsPerSecond)
}

func (w *timeWriter) clock(dst []byte, v *value, field []byte) ([]byte, string) {
	micros := signed(field)
	if micros == microsPerDay {
		return dst, "SQLite has no time of day 24:00"
	}
	return w.append(dst, v, micros)
}

// infinite is the reason why a timestamp without an end cannot be held.
const infinite = "SQLite has no infinite timestamp"

func isInfinite(micros int64) bool { return micros == math.MaxInt64 || micros == math.MinInt64 }

func (w *timeWriter) moment(dst []byte, v *value, field []byte) ([]byte, string) {
	micros := signed(field)
	if isInfinite(micros) {
		return dst, infinite
	}
	return w.append(dst, v, micros)
}

// newEpoch counts units of so many microseconds since 1970, as an INTEGER where that is exact.
func (w *timeWriter) newEpoch(unit int64) restoreFunc {
	class := w.mostly(sqlite.TypeInteger, sqlite.TypeInteger, sqlite.TypeFloat, sqlite.TypeText)
	return func(dst []byte, v *value, field []byte) ([]byte, string) {
		micros := signed(field)
		if isInfinite(micros) {
			return dst, infinite
		}
		since := micros - epochMicros
		whole := since%unit == 0 && (class == sqlite.TypeInteger || w.Forms()[formWhole] == "integer")
		n := value{class: sqlite.TypeFloat, f: float64(since) / float64(unit)}
		back, ok := epochTimestamp(n, unit)
		switch {
		case class == sqlite.TypeText:
			return w.append(dst, v, micros)
		case whole && (w.affinity != "REAL" || exactFloat(since/unit)):
			n = value{class: sqlite.TypeInteger, i: since / unit}
		case !ok || back != micros || !exactFloat(since):
			return dst, "the time since 1970 is not exact in SQLite's numbers"
		}
		return w.number(dst, v, n), ""
	}
}

// newJulian counts days, to the millisecond: finer fractions are cut off, as SQLite's own functions cannot read them.
func (w *timeWriter) newJulian() restoreFunc {
	class := w.mostly(sqlite.TypeFloat, sqlite.TypeFloat, sqlite.TypeInteger, sqlite.TypeText)
	return func(dst []byte, v *value, field []byte) ([]byte, string) {
		micros := signed(field)
		if isInfinite(micros) {
			return dst, infinite
		}
		millis := floorMillis(micros)
		if class == sqlite.TypeText {
			return w.append(dst, v, millis*1000)
		}
		n := value{class: sqlite.TypeFloat, f: (float64(millis) + 2451544.5*86_400_000) / 86_400_000}
		if !isJulian(n.f) {
			return dst, "SQLite's Julian days end with the year 9999"
		}
		if day, whole := wholeNumber(n); whole && class == sqlite.TypeInteger {
			n = value{class: sqlite.TypeInteger, i: day}
		}
		return w.number(dst, v, n), ""
	}
}

// floorMillis turns microseconds into whole milliseconds, as date_trunc does.
func floorMillis(micros int64) int64 {
	millis := micros / 1000
	if micros%1000 < 0 {
		millis--
	}
	return millis
}
