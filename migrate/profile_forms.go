package migrate

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// What a type of PostgreSQL holds can be written in SQLite in many ways: a timestamp with a T or a space, a boolean as
// 1 or 't', a UUID in capitals. The profile notes which way an application writes, so that an export can write so again.

// The names in Found.Forms, and what stands there.
const (
	formTime    = "time"    // layouts of package time with | between them: the first that loses nothing is taken
	formOffset  = "offset"  // the zone of all times that have one, when it is not UTC: +02:00
	formBoolean = "boolean" // the words for false and true with | between them
	formUUID    = "uuid"    // x or X for lower or upper case, with hyphens or without
	formJSON    = "json"    // compact: no spaces between the parts
	formWhole   = "whole"   // integer or real: the class of numbers without a fraction
	formNumeric = "numeric" // number or text: the class of what looks like a number
	formUTF8    = "utf8"    // text or blob: the class of bytes that are text
)

// forms counts the ways in which the values of a column are written.
type forms struct {
	moments   map[momentForm]*momentCount
	last      momentForm
	lastCount *momentCount

	zoned   bool
	offset  int64 // of the last zone, in microseconds
	offsets bool  // there are several
	words   [2]string
	uuids   map[string]int64
	compact int64 // JSON without spaces, less JSON with them
	numeric int64 // TEXT that looks as SQLite prints a number
}

// momentForm is one way to write a time.
type momentForm struct {
	dated, clocked, seconds bool

	between byte // the character between date and time
	digits  int8 // of the fraction
	zone    zoneForm
}

type momentCount struct {
	n    int64
	zero int64 // a fraction of zeros only, or without a fraction a time of day of zeros only
}

// zoneForm is one of the ways to write a zone: a place in zoneLayouts.
type zoneForm int8

var zoneLayouts = [...]string{"", "Z07:00", "-07:00", "-0700", "-07", " Z07:00", " -07:00", " -0700", " -07", " -0700 MST"}

// addMoment counts the way in which b, which reads as m, is written.
func (f *forms) addMoment(b []byte, m *moment) {
	form := momentForm{dated: m.hasDate, clocked: m.hasTime}
	rest := b
	if form.dated {
		if rest = b[10:]; form.clocked {
			form.between, rest = rest[0], rest[1:]
		}
	}
	if form.clocked {
		if rest = rest[5:]; len(rest) >= 3 && rest[0] == ':' {
			form.seconds, rest = true, rest[3:]
		}
		if len(rest) > 1 && rest[0] == '.' {
			n := 1
			for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
				n++
			}
			form.digits, rest = int8(min(n-1, 9)), rest[n:]
		}
		form.zone = zoneFormOf(rest)
	}
	if form.zone != 0 {
		f.addOffset(m)
	}
	f.count(form, m)
}

func (f *forms) count(form momentForm, m *moment) {
	if f.lastCount == nil || form != f.last {
		if f.moments == nil {
			f.moments = map[momentForm]*momentCount{}
		}
		if f.moments[form] == nil {
			f.moments[form] = &momentCount{}
		}
		f.last, f.lastCount = form, f.moments[form]
	}
	f.lastCount.n++
	if form.digits > 0 && m.micros%microsPerSecond == 0 || form.digits == 0 && m.micros == 0 {
		f.lastCount.zero++
	}
}

// zoneFormOf recognises what stands behind the time of day.
func zoneFormOf(b []byte) zoneForm {
	spaced := zoneForm(0)
	if len(b) > 0 && b[0] == ' ' {
		spaced, b = 4, b[1:]
	}
	switch {
	case len(b) == 0:
		return 0
	case len(b) == 1:
		return 1 + spaced
	case len(b) == 6 && b[3] == ':':
		return 2 + spaced
	case len(b) == 5:
		return 3 + spaced
	case len(b) == 3:
		return 4 + spaced
	}
	return 9
}

// addOffset notes the zone of a time, and whether it is that of all others.
func (f *forms) addOffset(m *moment) {
	f.offsets = f.offsets || f.zoned && f.offset != m.offset
	f.zoned, f.offset = true, m.offset
}

// zone returns the zone of all times that have one, +02:00, and "" when that is UTC or not always the same.
func (f *forms) zone() string {
	if f.offsets || f.offset == 0 {
		return ""
	}
	seconds := int(f.offset / microsPerSecond)
	return time.Unix(0, 0).In(time.FixedZone("", seconds)).Format("-07:00")
}

// layouts returns how most times are written.
func (f *forms) layouts() string {
	groups := map[momentForm]int64{}
	for form, c := range f.moments {
		form.digits = 0
		groups[form] += c.n
	}
	var best momentForm
	for _, form := range slices.SortedFunc(maps.Keys(groups), compareForms) {
		if form.clocked && (!best.clocked || groups[form] > groups[best]) || !best.clocked && !best.dated {
			best = form
		}
	}
	if !best.clocked {
		return "2006-01-02"
	}
	var layouts []string
	day := f.moments[momentForm{dated: true}]
	var midnights, whole int64
	for digits := range int8(10) {
		form := best
		form.digits = digits
		if c := f.moments[form]; c != nil && digits > 0 {
			whole += c.zero
		} else if c != nil {
			midnights += c.zero
		}
	}
	if day != nil && best.dated && day.n > midnights {
		layouts = append(layouts, "2006-01-02")
	}
	for digits := range int8(10) {
		form := best
		form.digits = digits
		if c := f.moments[form]; c != nil && (digits > 0 || c.n >= whole) {
			layouts = append(layouts, form.layout())
		}
	}
	return strings.Join(layouts, "|")
}

// compareForms puts forms into an order that does not change from run to run.
func compareForms(a, b momentForm) int { return strings.Compare(a.layout(), b.layout()) }

// layout returns the form as package time writes it.
func (m momentForm) layout() string {
	layout := ""
	if m.dated {
		layout = "2006-01-02"
	}
	if !m.clocked {
		return layout
	}
	if m.dated {
		layout += string(m.between)
	}
	if layout += "15:04"; m.seconds {
		layout += ":05"
	}
	if m.digits > 0 {
		layout += "." + strings.Repeat("0", int(m.digits))
	}
	return layout + zoneLayouts[m.zone]
}

// addWord notes the first words for false and true.
func (f *forms) addWord(b []byte, truth bool) {
	at := 0
	if truth {
		at = 1
	}
	if f.words[at] == "" {
		f.words[at] = string(b)
	}
}

// opposites are the words for false and true that belong together.
var opposites = [][2]string{{"0", "1"}, {"f", "t"}, {"n", "y"}, {"false", "true"}, {"no", "yes"}, {"off", "on"}}

// bothWords returns the words for false and true, where only one was found with its opposite in the same case.
func (f *forms) bothWords() string {
	words := f.words
	for i, word := range words {
		if word == "" || words[1-i] != "" {
			continue
		}
		for _, pair := range opposites {
			if pair[i] == strings.ToLower(word) {
				words[1-i] = likeCase(pair[1-i], word)
			}
		}
	}
	return words[0] + "|" + words[1]
}

// likeCase writes a word in lower case as another one is written.
func likeCase(word, like string) string {
	switch {
	case like == strings.ToLower(like):
		return word
	case len(like) > 1 && like[1:] == strings.ToLower(like[1:]):
		return strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.ToUpper(word)
}

// The ways to write a UUID.
const (
	uuidHyphens = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	uuidBare    = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
)

func (f *forms) addUUID(b []byte) {
	form := uuidHyphens
	if len(b) == 32 {
		form = uuidBare
	}
	if bytes.ContainsAny(b, "ABCDEF") {
		form = strings.ToUpper(form)
	}
	if f.uuids == nil {
		f.uuids = map[string]int64{}
	}
	f.uuids[form]++
}

// addJSON looks behind the first colon or comma.
func (f *forms) addJSON(b []byte) {
	at := bytes.Index(b, []byte(`":`))
	if at < 0 {
		at = bytes.IndexByte(b, ',') - 1
	}
	switch {
	case at < 0 || at+2 >= len(b):
	case b[at+2] == ' ' || b[at+2] == '\n':
		f.compact--
	default:
		f.compact++
	}
}

// addText counts what SQLite would print for a number.
func (f *forms) addText(b []byte) {
	if looksNumeric(b) {
		f.numeric++
	}
}

// looksNumeric reports whether a text is exactly what SQLite prints for an INTEGER or a REAL.
func looksNumeric(b []byte) bool {
	_, ok := numberOf(b)
	return ok
}

// summarise fills Found.Forms in.
func (p *profile) summarise() {
	f := &p.forms
	set := func(name, form string) {
		if p.Forms == nil {
			p.Forms = map[string]string{}
		}
		p.Forms[name] = form
	}
	if p.count(formatMoment)+p.count(formatMomentZone)+p.count(formatTime) > 0 {
		set(formTime, f.layouts())
		if zone := f.zone(); zone != "" {
			set(formOffset, zone)
		}
	}
	if p.count(formatBoolean) > 0 {
		set(formBoolean, f.bothWords())
	}
	if p.count(formatUUID) > 0 {
		byCount := func(a, b string) int { return cmp.Or(cmp.Compare(f.uuids[a], f.uuids[b]), strings.Compare(a, b)) }
		set(formUUID, slices.MaxFunc(slices.Collect(maps.Keys(f.uuids)), byCount))
	}
	if p.count(formatJSON) > 0 && f.compact > 0 {
		set(formJSON, "compact")
	}
	if p.Integer > 0 && p.Real > 0 {
		set(formWhole, choice2(p.Integer >= p.whole, "integer", "real"))
	}
	if p.numbers() > 0 && p.Text+p.Blob > 0 {
		set(formNumeric, choice2(p.numbers() >= f.numeric, "number", "text"))
	}
	if p.Text > 0 && p.Blob > 0 {
		set(formUTF8, choice2(p.Text >= p.textBlobs, "text", "blob"))
	}
}

func choice2(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}
