package migrate

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"zombiezen.com/go/sqlite"
)

// profile is what a scan found in one column.
type profile struct {
	Found
	want    formatSet // recognised to the end
	looking formatSet // still recognised: given up, when not wanted, at the first text of another form
	limit   int       // of varchar(n), or 0
	digits  [2]int    // of numeric(p,s), or 0, 0

	forms      forms
	computed   bool // of a generated column
	loose      bool // the column keeps numbers and texts apart that look the same
	formats    [formatCount]int64
	badText    int64 // TEXT with NUL bytes or invalid UTF-8
	textBlobs  int64 // BLOB that is text
	uuidBlobs  int64 // BLOB of 16 bytes
	overLimit  int64 // TEXT longer than limit
	overDigits int64 // numbers that numeric(p,s) does not hold exactly
	bits       int64 // INTEGER 0 and 1
	over16     int64 // INTEGER beyond smallint
	over32     int64 // INTEGER beyond integer
	overReal   int64 // INTEGER that double precision does not hold
	hugeText   int64 // TEXT that is a number, perhaps beyond double precision
	whole      int64 // REAL without a fraction, within bigint
	infinite   int64
	longReals  int64    // REAL of more than 15 digits, of a generated column
	zeros      int64    // INTEGER 0
	calendar   int64    // INTEGER written like a date, as 202401311000 and 2024013110
	julian     int64    // REAL that could be Julian days of this age
	julianDays int64    // INTEGER that could be, between 1800 and 2300
	cut        int64    // times with more than microseconds
	epochs     [3]int64 // INTEGER that could be seconds, milliseconds, microseconds of an age of computers
	decimals   [7]int64 // times by the decimals of their seconds

	keys     *keyBits     // of a key that foreign keys refer to
	counting []*reference // the foreign keys from this column whose orphans are counted

	shape   []byte // the first time, whose digits and separators stand for all as long as shaped is true
	shaped  bool
	seen    [sqlite.TypeNull + 1]int64 // values of each class that were looked at for samples
	samples []value                    // the first distinct values of each class, copied
	scratch []byte
	json    jsonScanner
}

// values returns how many values are not NULL.
func (p *profile) values() int64 { return p.Integer + p.Real + p.Text + p.Blob }

// numbers returns how many values are INTEGER or REAL.
func (p *profile) numbers() int64 { return p.Integer + p.Real }

// profileTable reads every value of a table once, from the snapshot at a path where there is one.
func profileTable(ctx context.Context, conn *sqlite.Conn, snapshot string, t *sourceTable, profiles []*profile,
	tick func(rows int64),
) (int64, error) {
	stored := storedRows{snapshot: snapshot, table: t.name, pageRange: allRows}
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = sourceName(c.name)
		stored.columns = append(stored.columns, c.name)
	}
	stored.query = "SELECT " + strings.Join(names, ", ") + " FROM main." + sourceName(t.name)
	if t.rowid != "" {
		stored.query += " ORDER BY " + t.rowid // the table itself, never an index that happens to cover it
	}
	var rows int64
	err := stored.read(ctx, conn, func(row []value) error {
		for i, p := range profiles {
			if err := p.add(&row[i]); err != nil {
				return err
			}
		}
		if rows++; rows&0xfff == 0 {
			tick(rows)
		}
		return nil
	})
	if err != nil {
		return rows, fmt.Errorf("read table %s: %w", t.name, err)
	}
	for _, p := range profiles {
		p.end()
	}
	return rows, nil
}

// Samples are looked for in the first sampleRows values of each storage class, among those that a person could read.
const (
	mostSamples = 3
	sampleRows  = 1000
	sampleBytes = 64 << 10
)

func (p *profile) add(v *value) error {
	if v.class != sqlite.TypeNull && p.seen[v.class] < sampleRows {
		p.sample(v)
	}
	if v.isLarge() {
		return p.addLarge(v)
	}
	switch v.class {
	case sqlite.TypeNull:
		p.Null++
	case sqlite.TypeInteger:
		p.addInteger(v.i)
	case sqlite.TypeFloat:
		p.addReal(v.f)
	case sqlite.TypeText:
		p.addText(v.b)
	case sqlite.TypeBlob:
		p.addBlob(v.b)
	}
	return nil
}

// mostJSONSeen is the largest text that is read as JSON where nobody says that it is.
const mostJSONSeen = 16 << 20

// addLarge adds a value that is read in pieces. It can only be text of no other form, JSON, or a blob.
func (p *profile) addLarge(v *value) error {
	if v.class == sqlite.TypeText && p.looking&lookJSON != 0 && v.large.size() <= mostJSONSeen {
		if err := v.hold(); err != nil {
			return err
		}
		p.addText(v.b)
		return nil
	}
	size := v.large.size()
	p.measure(size)
	check, err := checkText(v.large)
	if err != nil {
		return err
	}
	held := check.problem() == ""
	if held && p.limit > 0 && check.chars > int64(p.limit) {
		p.overLimit++
	}
	if v.class == sqlite.TypeBlob {
		p.Blob++
		if held {
			p.textBlobs++
		}
		return nil
	}
	p.Text++
	if !held {
		p.badText++
		return nil
	}
	p.MaxChars = max(p.MaxChars, check.chars)
	p.giveUp(lookAll)
	if p.looking&lookJSON != 0 {
		return p.addLargeJSON(v.large)
	}
	return nil
}

// addLargeJSON adds a text where somebody says that it is JSON.
func (p *profile) addLargeJSON(l largeValue) error {
	problem, err := largeJSONProblem(l)
	if err != nil || problem != "" {
		return err
	}
	start, err := startOf(l)
	p.formats[formatJSON]++
	p.forms.addJSON(start)
	return err
}

func (p *profile) sample(v *value) {
	p.seen[v.class]++
	if v.isLarge() || len(v.b) > sampleBytes {
		return
	}
	known := 0
	for _, s := range p.samples {
		if s.class != v.class {
			continue
		}
		if known++; known == mostSamples || s.i == v.i && s.f == v.f && bytes.Equal(s.b, v.b) {
			return
		}
	}
	kept := value{class: v.class, b: bytes.Clone(v.b)}
	switch v.class {
	case sqlite.TypeInteger:
		kept.i = v.i
	case sqlite.TypeFloat:
		kept.f = v.f
	}
	p.samples = append(p.samples, kept)
}

func (p *profile) addInteger(i int64) {
	if p.Integer == 0 || i < p.MinInteger {
		p.MinInteger = i
	}
	if p.Integer == 0 || i > p.MaxInteger {
		p.MaxInteger = i
	}
	p.Integer++
	if p.keys != nil {
		p.keys.add(i)
	}
	for _, r := range p.counting {
		if !r.to.has(i) {
			r.missing++
		}
	}
	if p.digits[0] > 0 {
		p.addDigits(value{class: sqlite.TypeInteger, i: i})
	}
	if i == 0 {
		p.zeros++
	}
	switch {
	case uint64(i) <= 1:
		p.bits++
	case i == int64(int16(i)):
	case i == int64(int32(i)):
		p.over16++
	default:
		p.over16++
		p.over32++
		if !exactFloat(i) {
			p.overReal++
		}
	}
	if p.want&lookMoment != 0 {
		p.addEpoch(i)
	}
}

func (p *profile) addReal(f float64) {
	p.Real++
	if math.IsInf(f, 0) {
		p.infinite++
		return
	}
	if p.Real-p.infinite == 1 {
		p.MinReal, p.MaxReal = f, f
	}
	p.MinReal, p.MaxReal = min(p.MinReal, f), max(p.MaxReal, f)
	if _, ok := wholeNumber(value{class: sqlite.TypeFloat, f: f}); ok {
		p.whole++
	}
	if f >= 1_721_059.5 && isJulian(f) { // from the year 0 on
		p.julian++
	}
	if p.digits[0] > 0 {
		p.addDigits(value{class: sqlite.TypeFloat, f: f})
	}
	if p.computed && hasMoreDigits(f) {
		p.longReals++
	}
}

// hasMoreDigits reports whether a REAL has more digits than the 15 that PostgreSQL keeps when it casts one to numeric.
func hasMoreDigits(f float64) bool {
	var room [32]byte
	rounded, _ := strconv.ParseFloat(string(strconv.AppendFloat(room[:0], f, 'e', 14, 64)), 64)
	return rounded != f
}

func (p *profile) addDigits(v value) {
	d, ok := decimalOf(p.scratch, v)
	if d.digits != nil {
		p.scratch = d.digits
	}
	if ok && !d.fits(p.digits[0], p.digits[1]) {
		p.overDigits++
	}
}

func (p *profile) addText(b []byte) {
	p.Text++
	if textProblem(b) != "" {
		p.badText++
		p.measure(int64(len(b)))
		return
	}
	if n := int64(len(b)); n > p.MaxChars || p.limit > 0 && n > int64(p.limit) {
		chars := int64(utf8.RuneCount(b))
		p.MaxChars = max(p.MaxChars, chars)
		if p.limit > 0 && chars > int64(p.limit) {
			p.overLimit++
		}
	}
	p.measure(int64(len(b)))
	if p.loose {
		p.forms.addText(b)
	}
	if p.looking != 0 {
		p.recognise(b)
	}
}

// measure takes the size of a TEXT or BLOB in bytes.
func (p *profile) measure(size int64) {
	p.MaxBytes = max(p.MaxBytes, size)
	p.Bytes += size
}

func (p *profile) addBlob(b []byte) {
	p.Blob++
	p.measure(int64(len(b)))
	if len(b) == 16 {
		p.uuidBlobs++
	}
	// Only a mixed column, or one declared as text, can make use of this; a BLOB is rarely text, and seen to be none soon.
	if textProblem(b) == "" {
		p.textBlobs++
		if p.limit > 0 && len(b) > p.limit && utf8.RuneCount(b) > p.limit {
			p.overLimit++
		}
	}
}
