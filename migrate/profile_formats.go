package migrate

import (
	"bytes"

	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward/internal/dialect"
)

// format is a form that text may have. A value may have several.
type format int

const (
	formatInteger format = iota
	formatNumber
	formatBoolean
	formatDate         // a date, with a time of day only when that is midnight, in whichever zone
	formatMoment       // a date with or without time of day, without zone
	formatMomentZone   // one with a zone
	formatMomentUTC    // one whose zone is UTC
	formatTime         // a time of day
	formatJSON         // what jsonb holds
	formatInet         // an IPv4 or IPv6 address
	formatUUID         // 32 or 36 characters
	formatUUIDv4       // a random UUID by its version and variant bits
	formatUUIDStandard // a UUID of any version of RFC 9562 by these bits
	formatCount
)

// formatNames are the names in Found.Formats.
var formatNames = [formatCount]string{
	formatInteger: "integer", formatNumber: "number", formatBoolean: "boolean", formatDate: "date",
	formatMoment: "timestamp", formatMomentZone: "timestamptz", formatTime: "time", formatJSON: "json", formatUUID: "uuid", formatInet: "inet",
}

// formatSet is a set of groups of formats that are recognised together.
type formatSet uint8

const (
	lookNumber formatSet = 1 << iota
	lookBoolean
	lookMoment
	lookJSON
	lookUUID
	lookInet
	lookAll = lookNumber | lookBoolean | lookMoment | lookJSON | lookUUID | lookInet
)

// recognise counts the formats that b has.
func (p *profile) recognise(b []byte) {
	if p.looking&lookMoment != 0 && !p.addMoment(b) {
		p.giveUp(lookMoment)
	}
	if p.looking&lookNumber != 0 && !p.addNumber(b) {
		p.giveUp(lookNumber)
	}
	if p.looking&lookBoolean != 0 {
		if truth, ok := parseBoolean(b); ok {
			p.formats[formatBoolean]++
			p.forms.addWord(b, truth)
		} else {
			p.giveUp(lookBoolean)
		}
	}
	if p.looking&lookUUID != 0 && !p.addUUID(b) {
		p.giveUp(lookUUID)
	}
	if p.looking&lookInet != 0 {
		if _, ok := inetAddress(value{class: sqlite.TypeText, b: b}); ok {
			p.formats[formatInet]++
		} else {
			p.giveUp(lookInet)
		}
	}
	if p.looking&lookJSON != 0 {
		if p.couldBeJSON(b) && p.json.problemOf(b) == "" {
			p.formats[formatJSON]++
			p.forms.addJSON(b)
		} else {
			p.giveUp(lookJSON)
		}
	}
}

// giveUp stops looking for formats that the declared type does not ask for, once a value does not have them.
func (p *profile) giveUp(s formatSet) { p.looking &^= s &^ p.want }

// couldBeJSON spares columns that nobody calls JSON: there, only objects and arrays count.
func (p *profile) couldBeJSON(b []byte) bool {
	return p.want&lookJSON != 0 || len(b) > 1 && (b[0] == '{' || b[0] == '[')
}

func (p *profile) addMoment(b []byte) bool {
	m, ok := parseMoment(b)
	if !ok {
		return false
	}
	p.addShape(b)
	p.forms.addMoment(b, &m)
	if m.cut {
		p.cut++
	}
	p.decimals[m.decimals()]++
	if m.isTime() {
		p.formats[formatTime]++
	}
	if m.isDate() {
		p.formats[formatDate]++
	}
	switch {
	case !m.hasDate:
	case m.hasZone:
		p.formats[formatMomentZone]++
		if m.offset == 0 {
			p.formats[formatMomentUTC]++
		}
	default:
		p.formats[formatMoment]++
	}
	return true
}

// addShape notes whether all times are written alike: digits in the same places, and the same between them.
func (p *profile) addShape(b []byte) {
	if p.shape == nil {
		p.shape, p.shaped = bytes.Clone(b), true
		return
	}
	p.shaped = p.shaped && sameShape(p.shape, b)
}

// timeForm returns the one form in which all times are written, as dialect.TimeForm says it, or "".
func (p *profile) timeForm() string {
	if !p.shaped || p.numbers() > 0 || p.Blob > 0 {
		return ""
	}
	return dialect.TimeForm(string(p.shape))
}

func (p *profile) addNumber(b []byte) bool {
	d, ok := scanDecimal(p.scratch, b)
	if d.digits != nil {
		p.scratch = d.digits
	}
	if !ok {
		return false
	}
	p.formats[formatNumber]++
	if d.point > 308 || d.point < -300 {
		p.hugeText++
	}
	if p.digits[0] > 0 && !d.fits(p.digits[0], p.digits[1]) {
		p.overDigits++
	}
	if _, ok := parseInteger(b); ok {
		p.formats[formatInteger]++
	}
	return true
}

func (p *profile) addUUID(b []byte) bool {
	id, ok := parseUUID(b)
	if !ok {
		return false
	}
	p.formats[formatUUID]++
	p.forms.addUUID(b)
	version, variant := id[6]>>4, id[8]>>6
	if variant == 2 && version >= 1 && version <= 8 {
		p.formats[formatUUIDStandard]++
		if version == 4 {
			p.formats[formatUUIDv4]++
		}
	}
	return true
}

// countFormats fills in what the plan shows.
func (p *profile) countFormats() {
	for f, n := range p.formats {
		if name := formatNames[f]; name == "" || p.count(format(f)) == 0 {
			continue
		}
		if p.Formats == nil {
			p.Formats = map[string]int64{}
		}
		p.Formats[formatNames[f]] = n
	}
}

// count returns how many texts have a format, and 0 when that was not looked for to the end.
func (p *profile) count(f format) int64 {
	set := lookUUID
	switch f {
	case formatInteger, formatNumber:
		set = lookNumber
	case formatBoolean:
		set = lookBoolean
	case formatDate, formatMoment, formatMomentZone, formatMomentUTC, formatTime:
		set = lookMoment
	case formatJSON:
		set = lookJSON
	case formatInet:
		set = lookInet
	}
	if p.looking&set == 0 {
		return 0
	}
	return p.formats[f]
}
